"""The executor as the node sees it, with real programs."""

from __future__ import annotations

import asyncio
import os
import subprocess

import msgspec
import pytest

from devstream_desktop.deploy.executor import Outcome
from devstream_desktop.deploy.runs import RunsError
from devstream_desktop.stream.words import Kind, Severity


@pytest.fixture
def gate(tmp_path):
    """Two named pipes: a script says that it is there, and waits to be let on."""
    here, go_on = tmp_path / "here", tmp_path / "go-on"
    os.mkfifo(here)
    os.mkfifo(go_on)

    class Gate:
        script = f"echo > {here}; cat {go_on}"

        async def reached(self):
            async with asyncio.timeout(20):
                await asyncio.to_thread(here.read_text)

        async def open(self):
            async with asyncio.timeout(20):
                await asyncio.to_thread(go_on.write_text, "")

    return Gate()


async def test_a_deploy_from_request_to_success(room):
    room.write(script='echo "$DEVSTREAM_SHA"')
    await room.start()
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert room.news.states(event.key) == ["in_progress", "success"]
    for answer in (answer for answer in room.news.events if answer.request == event.key):
        assert (answer.subject, answer.number, answer.service, answer.environment) == (
            event.subject,
            event.number,
            "shop",
            "production",
        )
        assert (answer.actor, answer.ref, answer.revision, answer.title) == ("ana", "main", event.revision, "Fix the login")
        assert answer.executor == event.executor
    assert room.log(event).read_text() == event.revision + "\n"
    assert (done.reason, done.previous) == ("", "")


async def test_the_duration_and_what_was_replaced(room, gate):
    room.write(script=gate.script)
    await room.start()
    for sha, previous in (("1" * 40, ""), ("2" * 40, "1" * 40)):
        event = room.request(sha=sha)
        await room.ask(event)
        await gate.reached()
        room.clock.ms += 72_000
        await gate.open()
        done = await room.news.final(event.key)
        assert (done.state, done.duration, done.previous) == ("success", 72_000, previous)


async def test_a_failure_of_production_is_critical_and_says_why(room):
    room.write(script="echo the disk is full; exit 4")
    await room.start()
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert (done.state, done.reason, done.severity) == ("failure", "exit 4: the disk is full", Severity.CRITICAL)


async def test_what_cannot_start_is_an_error_that_never_was_in_progress(room):
    room.home.targets.write_text('[target.shop.production]\nrun = ["./absent"]')
    await room.start()
    event = room.request()
    await room.ask(event)
    await room.news.final(event.key)
    assert room.news.states(event.key) == ["error"]


async def test_who_may_not_is_refused_and_nothing_runs(room):
    room.write()
    await room.start()
    event = room.request(person="bo")
    await room.ask(event, "bo")
    refused = await room.news.final(event.key)
    assert (refused.state, refused.actor) == ("refused", "bo")
    assert refused.reason == (
        "bo may not deploy shop to production; ana (admin) can grant it: devstream team grant bo deployer shop/production"
    )
    assert not room.log(event).exists()


async def test_the_policy_of_this_moment_decides(room):
    room.write()
    await room.start()
    room.deployers.clear()
    event = room.request()
    await room.ask(event)
    assert room.news.states(event.key) == ["refused"]


async def test_other_events_and_other_executors_are_passed_over(room):
    room.write()
    await room.start()
    event = room.request()
    before = len(room.news.events)
    for other in ({"executor": "x"}, {"state": "success"}, {"kind": Kind.TEAM, "state": "joined"}):
        await room.ask(msgspec.structs.replace(event, **other))
    assert len(room.news.events) == before


async def test_a_request_that_comes_a_thousand_times_runs_once(room):
    room.write(script='echo ran >> "$HOME/ran"', more='pass_env = ["PATH"]\nenv = {HOME = ' + f'"{room.home.root}"' + "}")
    await room.start()
    event = room.request()
    for _ in range(20):
        await asyncio.gather(*(room.ask(event) for _ in range(25)))
    await room.news.final(event.key)
    for _ in range(20):
        await asyncio.gather(*(room.ask(event) for _ in range(25)))
    assert (room.home.root / "ran").read_text() == "ran\n"
    assert room.news.states(event.key) == ["in_progress", "success"]


async def test_two_at_once_are_one_run_and_one_refusal(room, gate):
    room.write(script=gate.script)
    await room.start()
    events = [room.request(), room.request()]
    asking = [asyncio.create_task(room.ask(event)) for event in events]
    await gate.reached()
    await asyncio.gather(*asking)
    late = room.request()
    await room.ask(late)
    assert sorted(room.news.states(event.key)[0] for event in events) == ["in_progress", "refused"]
    assert "already being deployed to production, for ana" in (await room.news.final(late.key)).reason
    assert [run.target for run in room.deploys.status().running] == ["shop"]
    await gate.open()
    for event in events:
        await room.news.final(event.key)
    after = room.request()
    await room.ask(after)
    await gate.reached()
    await gate.open()
    assert (await room.news.final(after.key)).state == "success"
    assert room.deploys.status().running == ()


async def test_a_backlog_never_runs_and_is_answered_once(room):
    room.write()
    await room.start()
    event = room.request(now=room.clock() - 3_600_000)
    await room.ask(event, fresh=False)
    await room.ask(event, fresh=False)
    assert room.news.states(event.key) == ["refused"]
    assert "expired before it reached the executor" in (await room.news.final(event.key)).reason


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


async def test_a_moved_ref_is_refused(room, tmp_path):
    repository = tmp_path / "repository"
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b"}

    def git(*words: str) -> str:
        command = ["git", "-C", str(repository), *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ, **who}).stdout.strip()

    repository.mkdir()
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "one")
    seen = git("rev-parse", "main")
    room.write(more=f'repository = "{repository}"')
    await room.start()
    first = room.request(sha=seen)
    await room.ask(first)
    assert (await room.news.final(first.key)).state == "success"
    git("commit", "-q", "--allow-empty", "-m", "two")
    second = room.request(sha=seen)
    await room.ask(second)
    refused = await room.news.final(second.key)
    assert refused.reason.startswith("main is now at ")
    assert not room.log(second).exists()


async def test_targets_are_announced_when_they_come_change_and_go(room):
    room.write(more='ref = "trunk"\ndescription = "the shop"')
    await room.start()
    (offered,) = room.news.events
    assert (offered.kind, offered.state, offered.subject) == (Kind.TEAM, "available", "target/shop/production")
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
    assert [target.environment for target in room.deploys.status().targets] == ["production", "staging"]
    await room.deploys.stop()
    room.home.targets.unlink()
    room.news.events.clear()
    room.clock.ms += 1
    await room.start()
    assert {(e.state, e.environment) for e in room.news.events} == {("removed", "production"), ("removed", "staging")}
    await room.deploys.stop()
    room.news.events.clear()
    await room.start()
    assert room.news.events == []


async def test_a_change_of_the_file_is_noticed_without_a_request(room):
    await room.start(watch_s=0.02)
    room.write()
    await room.news.until(lambda: [event for event in room.news.events if event.state == "available"])


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
    first, second = await room.news.until(lambda: room.news.events if len(room.news.events) == 2 else None)
    assert first.key != second.key


async def test_a_mistake_stops_every_deploy_and_takes_no_target_back(room):
    room.write()
    await room.start()
    room.write(environment="staging", more="timeout_s = 0")
    event = room.request()
    await room.ask(event)
    refused = await room.news.final(event.key)
    assert "targets.toml line 6: target shop staging: timeout_s must be" in refused.reason
    assert room.deploys.status().mistake in refused.reason
    assert "removed" not in [e.state for e in room.news.events]
    room.home.targets.unlink()
    room.write()
    event = room.request()
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    assert room.deploys.status().mistake == ""


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

    def full(*_):
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
    class Broken:
        async def run(self, _order, _begun):
            raise KeyError("bug")

        def is_running(self, _log):
            return False

    room.write()
    await room.start(executor=Broken())
    event = room.request()
    await room.ask(event)
    done = await room.news.final(event.key)
    assert done.state == "unknown"
    assert "lost sight" in done.reason
    assert "bug" in caplog.text


async def test_other_executors_fit(room):
    class Instant:
        async def run(self, order, begun):
            await begun()
            return Outcome("failure", reason=f"{order.person} said no")

        def is_running(self, _log):
            return False

    room.write()
    await room.start(executor=Instant())
    event = room.request()
    await room.ask(event)
    assert (await room.news.final(event.key)).reason == "ana said no"


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


async def test_a_run_left_behind_is_unknown_and_holds_its_target_while_it_lives(room, gate, caplog):
    room.write(script=f"{gate.script}; {gate.script}")
    deploys = await room.start()
    event = room.request()
    await room.ask(event)
    await gate.reached()
    await deploys.stop(patience_s=0.05)
    assert "left running" in caplog.text
    await room.start()
    (unknown,) = [answer for answer in room.news.events if answer.state == "unknown"]
    assert unknown.request == event.key
    assert "it still runs" in unknown.reason
    late = room.request()
    await room.ask(late)
    assert f"deploy {event.number} of shop to production, lost from sight, still runs" in (await room.news.final(late.key)).reason
    await gate.open()
    await gate.reached()
    await gate.open()
    async with asyncio.timeout(20):
        while room.deploys._runner._executor.is_running(room.log(event)):  # noqa: ASYNC110 (the kernel tells nobody else)
            await asyncio.sleep(0.01)
    room.home.targets.unlink()
    room.write()
    again = room.request()
    await room.ask(again)
    assert (await room.news.final(again.key)).state == "success"
    await room.ask(event)
    assert room.news.states(event.key) == ["in_progress", "unknown"]
