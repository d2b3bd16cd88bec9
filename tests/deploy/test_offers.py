"""Offers are published when they come, change and go; a mistake in the file withdraws none."""

from __future__ import annotations

import pytest

from devstream_desktop.stream.words import Kind

pytestmark = pytest.mark.process


async def test_targets_are_announced_when_they_come_change_and_go(room):
    room.write(more='ref = "trunk"\ndescription = "the shop"')
    await room.start()
    (offered,) = room.news.events
    assert (offered.kind, offered.state, offered.subject) == (
        Kind.TEAM,
        "available",
        "target/shop/production",
    )
    assert (offered.service, offered.environment, offered.ref, offered.title, offered.quiet) == (
        "shop",
        "production",
        "trunk",
        "the shop",
        True,
    )
    await room.ask(room.request(environment="staging"))
    room.write(environment="staging")
    event = room.request(environment="staging")
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    assert [target.environment for target in room.deploys.status().targets] == [
        "production",
        "staging",
    ]
    await room.deploys.stop()
    room.home.targets.unlink()
    room.news.events.clear()
    room.clock.ms += 1
    await room.start()
    assert {(e.state, e.environment) for e in room.news.events} == {
        ("removed", "production"),
        ("removed", "staging"),
    }
    await room.deploys.stop()
    room.news.events.clear()
    await room.start()
    assert room.news.events == []


async def test_a_change_of_the_file_is_noticed_without_a_request(room):
    await room.start(watch_s=0.02)
    room.write()
    await room.news.until(
        lambda: [event for event in room.news.events if event.state == "available"]
    )


async def test_a_restart_says_the_same_fact_and_a_change_another(room):
    room.write()
    await room.start()
    await room.deploys.stop()
    room.clock.ms += 1000
    await room.start()
    await room.deploys.stop()
    room.home.targets.unlink()
    room.write(more='ref = "trunk"')
    await room.start()
    first, again, changed = room.news.events
    assert first.key == again.key != changed.key


async def test_targets_are_announced_again_after_a_day(room):
    room.write()
    await room.start(watch_s=0.02)
    room.clock.ms += 90_000_000
    first, second = await room.news.until(
        lambda: room.news.events if len(room.news.events) == 2 else None
    )
    assert first.key != second.key


async def test_a_mistake_stops_every_deploy_and_takes_no_target_back(room):
    room.write()
    await room.start()
    room.write(environment="staging", more="timeout_s = 0")
    event = room.request()
    await room.ask(event)
    refused = await room.news.final(event.key)
    assert "targets.toml, line 6: target shop staging: timeout_s must be" in refused.reason
    assert room.deploys.status().mistake in refused.reason
    assert "removed" not in [e.state for e in room.news.events]
    room.home.targets.unlink()
    room.write()
    event = room.request()
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    assert room.deploys.status().mistake == ""
