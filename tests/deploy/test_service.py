"""The executor as the node sees it, with real programs: what becomes of a request."""

from __future__ import annotations

import asyncio
import os
import threading

import msgspec
import pytest
from msgspec import structs
from real_git import commit, git

from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backends.contract import RunOutcome, Started
from devstream_desktop.deploy.backends.shell import Shell
from devstream_desktop.deploy.records import Records
from devstream_desktop.deploy.runs import KEEP_REFUSED_MS
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Kind, Role, Severity

from .conftest import ASKER

pytestmark = pytest.mark.process
BO = device_id(b"b" * 32)


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
        assert (answer.actor, answer.ref, answer.revision, answer.title) == (
            "ana",
            "main",
            event.revision,
            "Fix the login",
        )
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
    assert (done.state, done.reason, done.severity) == (
        "failure",
        "exit 4: the disk is full",
        Severity.CRITICAL,
    )


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
        "bo may not deploy shop to production; ana (admin) can grant it: devstream team grant bo "
        "deployer shop/production"
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
    room.write(
        script='echo ran >> "$HOME/ran"',
        more='pass_env = ["PATH"]\nenv = {HOME = ' + f'"{room.home.root}"' + "}",
    )
    await room.start()
    event = room.request()
    for _ in range(20):
        await asyncio.gather(*(room.ask(event) for _ in range(25)))
    await room.news.final(event.key)
    for _ in range(20):
        await asyncio.gather(*(room.ask(event) for _ in range(25)))
    assert (room.home.root / "ran").read_text() == "ran\n"
    assert room.news.states(event.key) == ["in_progress", "success"]


async def test_a_run_that_begins_while_another_request_is_judged_is_waited_for(
    room, gate, monkeypatch
):
    room.write(script=gate.script)
    await room.start()
    first, second = room.request(), room.request()
    seen, begun = threading.Event(), threading.Event()
    fill = Records.fill

    def slow(self, world, event, *others):
        filled = fill(self, world, event, *others)
        # Only the first look is from before the other run.
        if event.key == second.key and not seen.is_set():
            seen.set()
            assert begun.wait(20)
        return filled

    monkeypatch.setattr(Records, "fill", slow)
    asking = asyncio.create_task(room.ask(second))
    await asyncio.to_thread(seen.wait, 20)
    await room.ask(first)
    await gate.reached()
    begun.set()
    await asking
    assert room.news.states(second.key) == ["queued"]
    await gate.open()
    await gate.reached()
    await gate.open()
    assert (await room.news.final(second.key)).state == "success"


async def test_of_two_at_once_one_runs_and_the_other_has_its_turn_after_it(room, gate):
    room.write(script=gate.script)
    await room.start()
    room.deployers.add("bo")
    room.devices[BO] = "bo"
    events = [room.request(), room.request(person="bo", device=BO)]
    asking = [
        asyncio.create_task(room.ask(events[0])),
        asyncio.create_task(room.ask(events[1], "bo", device=BO)),
    ]
    await gate.reached()
    await asyncio.gather(*asking)
    states = {event.key: room.news.states(event.key) for event in events}
    assert sorted(states.values()) == [["in_progress"], ["queued"]]
    first, second = sorted(states, key=lambda key: states[key])
    assert [run.target for run in room.deploys.status().running] == ["shop"]
    await gate.open()
    assert (await room.news.final(first)).state == "success"
    await gate.reached()
    await gate.open()
    assert (await room.news.final(second)).state == "success"
    assert room.news.states(second) == ["queued", "in_progress", "success"]
    assert room.deploys.status().running == ()


async def test_a_backlog_never_runs_and_is_answered_once(room):
    room.write()
    await room.start()
    event = room.request(now=room.clock() - 3_600_000)
    await room.ask(event, fresh=False)
    await room.ask(event, fresh=False)
    assert room.news.states(event.key) == ["refused"]
    assert "expired before it reached the executor" in (await room.news.final(event.key)).reason


async def test_a_moved_ref_is_refused(room, tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    seen = commit(repository, "one")
    room.write(more=f'repository = "{repository}"')
    await room.start()
    first = room.request(sha=seen)
    await room.ask(first)
    assert (await room.news.final(first.key)).state == "success"
    commit(repository, "two")
    second = room.request(sha=seen)
    await room.ask(second)
    refused = await room.news.final(second.key)
    assert refused.reason.startswith("main is now at ")
    assert not room.log(second).exists()


async def test_what_was_tried_on_staging_is_promoted_though_others_merged(room, tmp_path):
    repository = tmp_path / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    tried = commit(repository, "tried")
    source = f'repository = "{repository}"\nrefs = ["main"]'
    room.write(environment="staging", more=source)
    room.write(more=f'{source}\norder = ["staging"]')
    deploys = await room.start()
    event = room.request(environment="staging", sha=tried)
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    merged = commit(repository, "merged meanwhile")
    asked = PlanDeploy(target="shop", environment="production")
    plan = await deploys.plan(structs.replace(asked, promote="*"), ASKER)
    assert (plan.sha, plan.ref, plan.allowed, plan.reason) == (tried, "main", True, "")
    assert (await deploys.plan(structs.replace(asked, sha=tried), ASKER)).allowed
    event = room.request(sha=plan.sha, ref=plan.ref)
    await room.ask(event)
    assert (await room.news.final(event.key)).state == "success"
    # A branch that was named is at its newest commit, or it is looked at again.
    late = room.request(environment="staging", sha="9" * 40)
    await room.ask(late)
    assert "main is now at" in (await room.news.final(late.key)).reason
    # By its hash goes what is on an allowed branch, and nothing else.
    await room.ask(by_hash := room.request(environment="staging", sha=tried, ref=""))
    assert (await room.news.final(by_hash.key)).state == "success"
    git(repository, "checkout", "-q", "-b", "feature")
    loose = commit(repository, "seen by nobody")
    for ref in ("", "main"):
        await room.ask(other := room.request(environment="staging", sha=loose, ref=ref))
        assert (await room.news.final(other.key)).state == "refused"
    plan = await deploys.plan(structs.replace(asked, environment="staging", sha=loose), ASKER)
    assert "is on no branch or tag that may be deployed" in plan.reason
    # A history that was written anew does not have it any more.
    git(repository, "branch", "-f", "main", loose)
    git(repository, "checkout", "-q", "--orphan", "anew")
    git(repository, "branch", "-D", "main", "-q")
    commit(repository, "anew")
    git(repository, "branch", "main")
    for sha in (tried, merged):
        plan = await deploys.plan(structs.replace(asked, environment="staging", sha=sha), ASKER)
        assert not plan.allowed


async def test_an_executor_that_stays_up_forgets_old_refusals_and_logs(room, monkeypatch):
    room.write()
    await room.start(watch_s=0.02)
    refused, ran = room.request(environment="nowhere"), room.request()
    for event in (refused, ran):
        await room.ask(event)
        await room.news.final(event.key)
    os.utime(room.log(ran), (0, 0))
    forgotten = threading.Event()
    real = runlog.prune

    def prune(*given):
        real(*given)
        forgotten.set()

    monkeypatch.setattr(runlog, "prune", prune)
    room.clock.ms += KEEP_REFUSED_MS + 3_600_000
    assert await asyncio.to_thread(forgotten.wait, 20)
    assert not room.log(ran).exists()
    runs = room.deploys.records.runs
    assert (runs.of(refused.key), runs.of(ran.key).state) == (None, "success")


async def test_other_back_ends_fit(room):
    class Instant(Shell):
        async def start(self, order):
            return Started("1", "https://ci.example.org/1")

        async def watch(self, order, handle, hear):
            return RunOutcome("failure", reason=f"{order.person} said no")

    room.write()
    await room.start(backends={"shell": Instant()})
    event = room.request()
    await room.ask(event)
    assert (await room.news.final(event.key)).reason == "ana said no"


async def test_whoever_is_told_of_the_broken_glass_reads_why(room):
    room.roles[Role.BREAK_GLASS] = {"ana"}
    room.write(more="approvals = 1")
    await room.start()
    event = room.request(override=True, reason="the shop is down")
    await room.ask(event)
    done = await room.news.final(event.key)
    began = next(one for one in room.news.events if one.state == "in_progress")
    assert (began.reason, began.override) == ("the shop is down", True)
    assert (done.state, done.reason, done.override) == ("success", "", True)
