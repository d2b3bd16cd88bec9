"""The node is killed, as kill -9 does, at the worst moments of a deploy.

The next one finds it again, and never runs it a second time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from devstream_desktop.deploy.backends.contract import NotStarted, Order
from devstream_desktop.deploy.backends.shell import Shell
from devstream_desktop.deploy.request import as_given
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.stream.event import encode_event

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="named pipes"),
    pytest.mark.process,
]


async def test_killed_while_the_deploy_runs(room, tmp_path):
    here, go_on = tmp_path / "here", tmp_path / "go-on"
    for path in (here, go_on):
        os.mkfifo(path)
    room.write(script=f'echo ran >> "{tmp_path}/ran"; echo > {here}; cat {go_on}; echo > {here}')
    event = room.request()
    node = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("crash_node.py")),
        str(room.home.root),
        encode_event(event).hex(),
    )
    async with asyncio.timeout(30):
        await asyncio.to_thread(here.read_text)
    node.kill()
    await node.wait()

    await room.start()
    await room.ask(event)
    await asyncio.to_thread(go_on.write_text, "")
    async with asyncio.timeout(20):
        await asyncio.to_thread(here.read_text)
    assert (await room.news.final(event.key)).state == "success"
    await room.deploys.stop()
    await room.start()
    await room.ask(event)
    assert room.news.states(event.key)[-1] == "success"
    assert (tmp_path / "ran").read_text() == "ran\n"


async def test_killed_between_the_claim_and_the_start(room):
    room.write(script="true")
    event = room.request()
    await asyncio.to_thread(_leave, room, event)

    await room.start()
    await room.ask(event)
    assert room.news.states(event.key) == ["error"]
    assert "nothing ran" in (await room.news.final(event.key)).reason
    assert not room.log(event).exists()
    after = room.request()
    await room.ask(after)
    assert (await room.news.final(after.key)).state == "success"


async def test_a_result_that_was_recorded_but_not_said(room):
    room.write()
    event = room.request()
    await asyncio.to_thread(_leave, room, event, failed=True)

    await room.start()
    done = await room.news.final(event.key)
    assert (done.state, done.reason, done.duration) == ("failure", "exit 2", 1000)
    await room.deploys.stop()
    await room.start()
    assert room.news.states(event.key) == ["failure"]


async def test_a_log_is_never_written_by_two_runs(room, tmp_path):
    """Even if all else failed, the second start of a request fails on its log."""
    room.write()
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await room.news.final(event.key)
    target = deploys._offers.targets["shop", "production"]

    found = await Shell().start(Order(as_given(event), target, "ana", room.log(event)))
    assert isinstance(found, NotStarted)


def _leave(room, event, *, failed: bool = False) -> None:
    """The database as a node leaves it that was killed."""
    runs = Runs(room.home.deploy)
    runs.open()
    runs.claim(as_given(event), "ana", room.clock())
    if failed:
        runs.finished(event.key, "failure", room.clock() + 1000, 2, "exit 2")
    runs.close()
