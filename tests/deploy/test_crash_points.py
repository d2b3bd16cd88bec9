"""kill -9 at every marked point of a deploy, and steps of the clock.

Never two runs; the state is known or `unknown`; the target is free afterwards.
CRASH_REPEATS=20 does each twenty times, for more services.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from crash_node import POINTS
from deploy_backends import SECRETS, Place, be_impatient, make

from devstream_desktop.stream.event import encode_event

REPEATS = int(os.environ.get("CRASH_REPEATS", "1"))
SERVICES = ("github-workflow", "github-old", "jenkins", "webhook")
# One way to start is enough where each point is passed once.
SOME = SERVICES if REPEATS > 1 else SERVICES[:1]
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="kill -9"),
    pytest.mark.process,
    pytest.mark.timeout(120),
]
STEPS_MS = (-180_000, 180_000, -86_400_000, 86_400_000)


async def crash(room, event, point: str) -> None:
    """Run a node that ends at this point."""
    node = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("crash_node.py")),
        str(room.home.root),
        encode_event(event).hex(),
        point,
        env={**os.environ, **{f"TEST_{name}": value for name, value in SECRETS.items()}},
        stdout=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(60):
        assert await node.wait() == -9


async def recovered(room, event, **more):
    """The next node, which hears the request again; its word on it, None when it has none."""
    deploys = await room.start(secret=SECRETS.get, **more)
    deploys._runner._search_s = 0.05
    await room.ask(event)
    return await room.news.final(event.key)


async def is_free(room) -> bool:
    """Tell if the target takes another deploy to its end."""
    after = room.request()
    await room.ask(after)
    return (await room.news.final(after.key)).state == "success"


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("point", POINTS)
async def test_a_program_of_this_machine(room, tmp_path, point, repeat):
    room.write(script=f'echo "$DEVSTREAM_REQUEST" >> {tmp_path}/ran; exit 3')
    event = room.request()
    await crash(room, event, point)
    done = await recovered(room, event)
    ran = tmp_path / "ran"
    runs = ran.read_text().count(event.key) if ran.exists() else 0
    assert runs <= 1
    assert done.state in ("failure", "error", "unknown"), done
    assert (done.state == "error") == (runs == 0), done
    room.home.targets.unlink()
    room.write()
    assert await is_free(room)
    assert [one.state for one in room.news.events if one.request == event.key][-1] == done.state


@pytest.fixture(params=SOME)
async def place(request, sha) -> AsyncIterator[Place]:
    made = await asyncio.to_thread(make, request.param, sha)
    yield made
    await asyncio.to_thread(made.service.close)


@pytest.mark.parametrize("repeat", range(REPEATS))
@pytest.mark.parametrize("point", [point for point in POINTS if "log" not in point])
async def test_a_service_that_loses_answers(room, place, monkeypatch, point, repeat):
    be_impatient(monkeypatch, place, 0.3)
    place.write(room)
    place.service.faults = ["lost"] if point == "after the start" else []
    event = room.request()
    await crash(room, event, point)
    place.service.states = ["success"]
    done = await recovered(room, event, backends=place.backends)
    runs = [run for run in place.service.runs if event.key in str(run)]
    assert len(runs) <= 1
    assert done.state in ("success", "error", "unknown"), done
    # Never said to be done without a run, nor free of one that there is.
    assert done.state != "success" or runs
    assert done.state != "error" or not runs
    assert not runs or done.state == "success"
    assert await is_free(room)


@pytest.mark.parametrize("step", STEPS_MS)
async def test_steps_of_the_clock_end_no_run_and_begin_none(room, gate, step):
    room.write(script=f"{gate.script}; exit 4", more="timeout_s = 600")
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    room.clock.ms += step
    await deploys.stop(patience_s=0.05)
    await room.start()
    await room.ask(event)
    await gate.open()
    done = await room.news.final(event.key)
    assert (done.state, done.reason) == ("failure", "exit 4")
    assert done.duration >= 0
    assert room.news.states(event.key) == ["in_progress", "failure"]


@pytest.mark.parametrize("step", STEPS_MS)
async def test_a_request_of_another_time_runs_nothing(room, step):
    room.write()
    await room.start()
    event = room.request()
    room.clock.ms += step
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "refused"
    assert not room.log(event).exists()
