"""Notes of an earlier version, or damaged ones.

A source that cannot read them is followed from now on, and says nothing twice.
"""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import cctray, logfile
from devstream_desktop.control.messages.sources import GitSource
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.poll.file_tail import FileTail
from devstream_desktop.intake.poll.git_poller import GitPoller
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher

ODD = {
    "garbage": b"\xff\xfe",
    "deep JSON": b"[" * 5000,
    "deep msgpack": b"\x91" * 5000,
    "another type": b"7",
    "odd text": b'{"url": "\xff"}',
    "deep inside": b'{"projects": {}, "new": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "huge": b'{"last_seen": ' + b"9" * 5000 + b"}",
}
odd = pytest.mark.parametrize("saved", ODD.values(), ids=ODD)


@odd
async def test_health_begins_anew(notes, stream, saved):
    await notes.write("health/it", saved)
    health = Health("it", stream.publish, notes)
    await health.open(5)
    assert (health.state, health.last_seen) == ("new", 0)


@odd
@pytest.mark.process
async def test_a_repository_is_followed_from_now_on(notes, stream, clock, repository, home, saved):
    await asyncio.to_thread(repository.commit, "One")
    await asyncio.to_thread(repository.push)
    await notes.write("git/shop", saved)
    health = Health("shop", stream.publish, notes)
    poller = GitPoller(
        GitSource(name="shop", url=str(repository.bare)),
        home.mirrors,
        notes,
        health,
        stream.publish,
        clock,
    )
    assert await poller.poll() == 0
    await asyncio.to_thread(repository.commit, "Two")
    await asyncio.to_thread(repository.push)
    assert await poller.poll() == 1


@odd
@pytest.mark.parametrize("place", ["state", "cursor"])
async def test_a_service_is_followed_from_now_on(notes, stream, clock, replay, saved, place):
    health = Health("it", stream.publish, notes)
    info = SourceInfo("it", url=f"{replay.url}/cc.xml")
    poller = HttpPoller(
        info,
        cctray,
        0,
        lambda: b"",
        notes,
        health,
        RateLimiter("it", health, Publisher(stream.publish), clock),
        clock,
    )
    try:
        kept = (
            saved
            if place == "state"
            else msgspec.msgpack.encode(
                {"of": poller._of, "cursor": saved, "since": 5, "validators": {}}
            )
        )
        await notes.write("poll/it", kept)
        replay.tell(
            "/cc.xml",
            b'<Projects><Project name="shop" lastBuildStatus="Success" lastBuildLabel="1"/>'
            b"</Projects>",
        )
        assert (await poller.poll()).errors == []
    finally:
        await poller.close()
    assert [event.state for event in stream.events] == ["succeeded"]


@odd
@pytest.mark.parametrize("place", ["state", "cursor"])
async def test_a_log_file_is_followed_from_now_on(notes, stream, clock, tmp_path, saved, place):
    path = tmp_path / "app.log"
    await asyncio.to_thread(path.write_text, "2026-09-21T12:00:00Z ERROR shop: old\n")
    health = Health("app", stream.publish, notes)
    info = SourceInfo("app", options={"path": str(path)})
    tail = FileTail(
        info,
        logfile,
        0,
        notes,
        health,
        RateLimiter("app", health, Publisher(stream.publish), clock),
        clock,
    )
    try:
        state = msgspec.structs.replace(await asyncio.to_thread(tail._begin), cursor=saved)
        await notes.write("tail/app", saved if place == "state" else msgspec.msgpack.encode(state))
        await tail.poll()

        def write() -> None:
            with path.open("a") as file:
                file.write("2026-09-21T12:00:01Z ERROR shop: new\n")

        await asyncio.to_thread(write)
        await tail.poll()
    finally:
        tail._follower.close()
    assert [event.title for event in stream.events] == ["shop: new"]
