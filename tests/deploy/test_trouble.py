"""Full disks, a history that refuses, executors that break, and ends in the middle.

No answer is lost, and nothing runs twice.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal

import msgspec
import pytest

from devstream_desktop.deploy import runlog, watches
from devstream_desktop.deploy.backends.contract import BackendError, Unsure
from devstream_desktop.deploy.backends.shell import Shell
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.request import Action

pytestmark = pytest.mark.process


async def test_an_answer_in_the_history_counts_when_the_database_is_lost(room):
    room.write()
    asked = []

    async def answered(request: str) -> bool:
        asked.append(request)
        return True

    await room.start(answered=answered)
    event = room.request()
    await room.ask(event)
    assert asked == [event.key]
    assert room.news.states(event.key) == []
    assert not room.log(event).exists()


async def test_a_history_that_refuses_delays_answers_and_loses_none(room):
    room.write()
    await room.start(watch_s=0.02)
    room.news.broken = "the disk is full"
    event = room.request()
    await room.ask(event)
    assert "the disk is full" in room.deploys.status().trouble
    room.news.broken = ""
    assert (await room.news.final(event.key)).state == "success"
    assert room.news.states(event.key)[-1] == "success"


async def test_answers_that_a_crash_swallowed_are_given_at_the_next_start(room):
    room.write()
    await room.start()
    room.news.broken = "no"
    event = room.request(person="bo")
    await room.ask(event, "bo")
    await room.deploys.stop()
    room.news.broken = ""
    await room.start()
    assert room.news.states(event.key) == ["refused"]


async def test_what_cannot_be_recorded_does_not_run(room, monkeypatch):
    room.write()
    deploys = await room.start()

    def full(*_, **__):
        raise RunsError("deploy.sqlite cannot be used: disk full")

    monkeypatch.setattr(deploys._runs, "claim", full)
    event = room.request()
    await room.ask(event)
    refused = await room.news.final(event.key)
    assert refused.reason == "nothing ran: deploy.sqlite cannot be used: disk full"
    monkeypatch.undo()
    await room.ask(event)
    assert room.news.states(event.key) == ["refused"]
    assert not room.log(event).exists()


async def test_a_run_that_ended_while_the_disk_was_full_is_not_unknown(room, gate, monkeypatch):
    room.write(script=gate.script)
    deploys = await room.start(watch_s=0.02)
    event = room.request()
    await room.ask(event)
    await gate.reached()
    refusals = iter([RunsError("full"), RunsError("full")])
    finished = deploys._runs.finished

    def sometimes(*words):
        error = next(refusals, None)
        if error is not None:
            raise error
        finished(*words)

    monkeypatch.setattr(deploys._runs, "finished", sometimes)
    await gate.open()
    assert (await room.news.final(event.key)).state == "success"
    assert next(refusals, None) is None


async def test_an_executor_that_breaks_leaves_an_unknown_deploy_and_a_living_room(room, caplog):
    class Broken(Shell):
        async def start(self, order):
            raise KeyError("bug")

    room.write()
    await room.start(backends={"shell": Broken()})
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert done.state == "unknown"
    assert "lost sight" in done.reason
    assert "bug" in caplog.text


async def test_stopping_waits_for_a_run_that_ends(room, gate):
    room.write(script=gate.script)
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    stopping = asyncio.create_task(deploys.stop())
    late = room.request(environment="production")
    await gate.open()
    await stopping
    assert room.news.states(event.key) == ["in_progress", "success"]
    await room.ask(late)
    assert room.news.states(late.key) == []


async def test_a_request_while_stopping_is_refused(room, gate):
    room.write(script=gate.script)
    room.write(environment="staging")
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    deploys._stopping.set()
    late = room.request(environment="staging")
    await room.ask(late)
    assert "is stopping" in (await room.news.final(late.key)).reason
    await gate.open()
    await room.news.final(event.key)


async def test_a_run_left_behind_holds_its_target_and_its_end_is_known(room, gate, caplog):
    room.write(script=f"{gate.script}; {gate.script}; exit 3")
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    await deploys.stop(patience_s=0.05)
    assert "the next start goes on watching it" in caplog.text
    deploys = await room.start()
    assert [run.request for run in deploys.status().running] == [event.key]
    late = room.request()
    await room.ask(late)
    assert room.news.states(late.key) == ["queued"]
    withdrawn = room.request(action=Action.WITHDRAW, about=late.key, sha="", ref="")
    await room.ask(withdrawn)
    assert (await room.news.final(late.key)).state == "cancelled"
    await gate.open()
    await gate.reached()
    await gate.open()
    done = await room.news.final(event.key)
    assert (done.state, done.reason) == ("failure", "exit 3")
    assert room.news.states(event.key) == ["in_progress", "failure"]


async def test_a_target_that_is_blocked_says_by_what_and_is_freed_with_it(room, tmp_path):
    here = tmp_path / "here"
    room.write(script=f"echo > {here}; sleep 300")
    deploys = await room.start(watch_s=0.05)
    event = room.request()
    await room.ask(event)
    async with asyncio.timeout(20):
        while not here.exists():  # noqa: ASYNC110 (the program tells nobody)
            await asyncio.sleep(0.01)
    result = room.log(event).with_suffix(".result").read_text()
    os.kill(msgspec.json.decode(result)["supervisor"], signal.SIGKILL)
    assert (await room.news.final(event.key)).state == "unknown"
    async with asyncio.timeout(20):
        while not deploys.status().notices:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (said,) = deploys.status().notices
    late = room.request()
    await room.ask(late)
    assert said.startswith(f"deploy {event.number} of shop to production was lost from sight;")
    assert "type on the executor: kill " in said
    for number in said.rpartition("kill ")[2].split():
        os.kill(int(number), signal.SIGKILL)
    async with asyncio.timeout(20):
        while deploys.status().notices:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    room.home.targets.unlink()
    room.write()
    after = room.request()
    await room.ask(after)
    assert (await room.news.final(after.key)).state == "success"


async def test_a_run_that_says_nothing_is_told(room, gate, monkeypatch):
    monkeypatch.setattr(watches, "SILENT_S", 0.1)
    room.write(script=f"echo migrating; {gate.script}")
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    async with asyncio.timeout(20):
        while "migrating" not in "".join(deploys.status().notices):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (said,) = deploys.status().notices
    assert "nothing was heard of it for" in said
    assert f"devstream cancel {event.number} ends it" in said
    await gate.open()
    await room.news.final(event.key)


async def test_a_search_that_fails_is_unknown_and_says_why(room):
    class Lost(Shell):
        async def start(self, order):
            return Unsure("no answer", patience_s=1.0)

        async def find(self, order):
            raise BackendError("the host's key cannot be written")

    room.write()
    await room.start(backends={"shell": Lost()})
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert (done.state, done.reason) == ("unknown", "the host's key cannot be written")


async def test_a_log_that_cannot_be_opened_may_be_held(order, monkeypatch):
    """Out of descriptors, nobody can tell: the run is neither lost nor its target free."""
    given = order("true")
    os.close(runlog.open_log(given.log))

    def full(*_args, **_more):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as short:
        short.setattr(os, "open", full)
        assert runlog.is_held(given.log)
        assert Shell().leftover(given) == "it still runs"
