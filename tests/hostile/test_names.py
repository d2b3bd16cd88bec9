"""In whose name.

What a member without a role says, it says in its own, now, and never as another's answer.
"""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from raw_member import event, now_ms

from devstream_desktop.deploy.answer import answer_key
from devstream_desktop.deploy.request import make_request
from devstream_desktop.mesh import wire
from devstream_desktop.stream.event import Event, encode_event, fact_key
from devstream_desktop.stream.fact import request_key
from devstream_desktop.stream.words import STATES, Kind, Severity

pytestmark = pytest.mark.process

SHA = "4f" * 20
YEAR_6429 = (1 << 47) - 1
FLOOD = 600


def deploys_here(desk, script: str) -> None:
    """Make a desk's home offer shop/production."""
    program = desk.home.root / "deploy.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    desk.home.targets.write_text('[target.shop.production]\nrun = ["./deploy.sh"]\n')


def forged(member, kind: Kind, state: str, actor: str, executor: str) -> bytes:
    """A word of `member` in the name of `actor`.

    Every other name is right.
    """
    made = Event(
        kind=kind, state=state, service="shop", environment="production", revision=SHA,
        severity=Severity.INFO,
        subject=f"duty/{actor}" if kind is Kind.DUTY else "x/y", key=fact_key("h", kind,
        str(time.monotonic_ns())),
        time=now_ms(), actor=actor, executor=executor, expires=now_ms() + 60_000,
    )  # fmt: skip
    if (kind, state) == (Kind.DEPLOY, "requested"):
        key = request_key(made, member.device)
        names = {
            "key": key,
            "request": key,
            "number": key[:8],
            "subject": f"deploy/shop/production/{key[:8]}",
        }
        made = msgspec.structs.replace(made, **names)
    elif kind is Kind.DEPLOY:
        made = msgspec.structs.replace(made, request=fact_key("r", kind, "1"), number="12345678")
    return encode_event(made)


async def test_nothing_is_taken_in_anothers_name(victims) -> None:
    (ana,), (mallory,) = await victims()
    status = await ana.status()
    link = await mallory.dial(ana.mesh)
    feed = mallory.feed()
    tried = 0
    for kind in (Kind.DUTY, Kind.CLAIM, Kind.DEPLOY, Kind.INCIDENT, Kind.TEAM):
        for state in STATES[kind]:
            for actor in ("ana", "", "Mallory", "m\u0430llory"):
                reply = await link.push(
                    feed.entry(forged(mallory, kind, state, actor, status.device))
                )
                assert isinstance(reply, wire.Pushed)
                assert reply.stored == 0, (kind, state, actor)
                tried += 1
    assert tried > 80
    own = await link.push(feed.entry(forged(mallory, Kind.CLAIM, "claimed", "mallory", "")))
    assert own.stored == 1, "its own word is taken"
    assert {line.event.actor for line in await ana.rows() if line.author == "mallory"} == {
        "mallory"
    }


async def test_duty_for_ever_ends_with_the_next_word(victims) -> None:
    (ana,), (mallory,) = await victims()
    link, feed = await mallory.dial(ana.mesh), mallory.feed()
    mine = {"service": "team", "subject": "duty/mallory", "actor": "mallory"}
    await link.push(feed.entry(event(Kind.DUTY, "on", time=YEAR_6429, **mine)))
    assert "mallory" in (await ana.status()).duty
    (line,) = [
        line
        for line in await ana.rows()
        if line.event.kind is Kind.DUTY and line.author == "mallory"
    ]
    assert line.event.time <= now_ms()
    await link.push(feed.entry(event(Kind.DUTY, "off", **mine)))
    await ana.until("it is off duty", lambda: _off(ana))


async def _off(victim) -> bool:
    return "mallory" not in (await victim.status()).duty


async def test_a_deploy_runs_with_its_lines_on_every_desk_whatever_a_member_says_of_it(
    victims, tmp_path
) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    go_on = tmp_path / "go-on"
    deploys_here(ana.desk, f"while [ ! -e {go_on} ]; do sleep 0.05; done")
    await ana.run("team", "grant", "ana", "deployer", "shop/production")
    await ana.until("the target is offered", lambda: _offered(ana))
    key = await ana.run("deploy", "shop", "production", "--sha", SHA, "--yes", "--no-wait")
    asked = next(line.event for line in await ana.rows() if line.event.key == key)
    links = [await mallory.dial(victim.mesh) for victim in (ana, bob)]
    feed = mallory.feed()
    for state in STATES[Kind.DEPLOY]:
        for known in (key, answer_key(key, state)):
            names = {"key": known, "subject": asked.subject, "number": asked.number, "request": key}
            lie = feed.entry(event(Kind.CLAIM, "claimed", actor="mallory", **names))
            for link in links:
                await link.push(lie)
    copied = feed.entry(encode_event(msgspec.structs.replace(asked, actor="mallory")))
    ended = feed.entry(
        event(
            Kind.DEPLOY,
            "cancelled",
            actor="ana",
            subject=asked.subject,
            number=asked.number,
            request=key,
        )
    )
    for link in links:
        assert (await link.push(copied)).stored == 0
        assert (await link.push(ended)).stored == 0
    go_on.touch()
    for victim in (ana, bob):
        await victim.until(
            "the result is shown",
            lambda victim=victim: _states(victim, key, {"requested", "in_progress", "success"}),
        )


async def _offered(victim) -> bool:
    return "shop/production" in await victim.run(
        "deploy", "shop", "nowhere", "--sha", SHA, "--yes", code=1
    )


async def _states(victim, key: str, states: set[str]) -> bool:
    told = {
        line.event.state
        for line in await victim.rows()
        if line.event.kind is Kind.DEPLOY and line.event.request == key
    }
    return told == states


async def test_a_flood_of_requests_by_somebody_without_the_role_delays_nobody(victims) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    deploys_here(ana.desk, "true")
    await ana.run("team", "grant", "ana", "deployer", "shop/production")
    await ana.until("the target is offered", lambda: _offered(ana))
    executor = (await ana.status()).device
    link, feed = await mallory.dial(ana.mesh), mallory.feed()
    for start in range(0, FLOOD, 100):
        asks = [
            make_request(
                device=mallory.device, person="mallory", target="shop", environment="production",
                ref="main", sha=SHA,
                executor=executor, now=now_ms(), reason=str(number),
            )
            for number in range(start, start + 100)
        ]  # fmt: skip
        await link.push(*(feed.entry(encode_event(one)) for one in asks))
    printed = await asyncio.wait_for(
        ana.run("deploy", "shop", "production", "--sha", SHA, "--yes"), 20
    )
    assert "ana" in printed
    refused = [
        line
        for line in await bob.rows()
        if line.event.kind is Kind.DEPLOY and line.event.state == "refused"
    ]
    assert len(refused) <= 4
    assert any(
        "mallory (" in notice and "nothing ran" in notice for notice in (await ana.status()).notices
    )
