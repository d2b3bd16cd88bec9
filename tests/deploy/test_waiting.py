"""Requests that wait, with real programs: approvals, turns, locks, reminders, and restarts."""

from __future__ import annotations

import asyncio

import pytest
from msgspec import structs
from real_git import commit, git

from devstream_desktop.control.messages.deploys import PlanDeploy
from devstream_desktop.deploy import decisions
from devstream_desktop.deploy.approvals import APPROVAL_MS
from devstream_desktop.deploy.errors import PlanError
from devstream_desktop.deploy.locks import OLD_MS
from devstream_desktop.deploy.queue import WAIT_MS
from devstream_desktop.deploy.request import Action
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Role, Severity

pytestmark = pytest.mark.process

ANA, BO, TWIN = (device_id(letter * 32) for letter in (b"a", b"b", b"t"))


@pytest.fixture
def two(room):
    """A room in which bo may deploy and approve, and ana has a second device."""
    room.deployers |= {"ana", "bo"}
    room.roles[Role.APPROVER] = {"ana", "bo"}
    room.devices |= {BO: "bo", TWIN: "ana"}
    return room


def command(room, action: Action, *, person="bo", device=BO, **changes):
    return room.request(
        action=action, person=person, device=device, sha="", ref="", title="", **changes
    )


async def said(room, request: str, state: str):
    return await room.news.until(
        lambda: next(
            (e for e in room.news.events if e.request == request and e.state == state), None
        )
    )


async def test_it_waits_for_a_second_person_and_not_for_a_second_device(two):
    two.write(more="approvals = 1")
    await two.start(watch_s=0.05)
    event = two.request()
    await two.ask(event)
    waits = await said(two, event.key, "waiting")
    assert waits.severity is Severity.NOTICE
    assert f"devstream approve {event.key[:8]}" in waits.reason
    own = command(two, Action.APPROVE, person="ana", device=TWIN, about=event.key)
    await two.ask(own, "ana", device=TWIN)
    assert "second person" in (await two.news.final(own.key)).reason
    yes = command(two, Action.APPROVE, about=event.key)
    await two.ask(yes, "bo", device=BO)
    assert (await two.news.final(yes.key)).state == "approved"
    assert (await two.news.final(event.key)).state == "success"
    assert two.news.states(event.key) == ["waiting", "in_progress", "success"]


async def test_the_plan_of_what_waits_is_judged_as_its_askers(two):
    table = '[target.shop.production.parameters]\nmigrate = { type = "flag" }'
    two.write(more=f"approvals = 1\n{table}")
    # May approve and not deploy.
    two.deployers.remove("bo")
    deploys = await two.start(watch_s=0.05)
    event = two.request(parameters={"migrate": "true"})
    await two.ask(event)
    await said(two, event.key, "waiting")
    asked = PlanDeploy(target="shop", environment="production", about=event.key)
    plan = await deploys.plan(asked, BO)
    assert (plan.allowed, plan.sha, plan.ref, plan.own) == (True, event.revision, "main", "")
    assert plan.approvers == ("bo",)
    kinds = {(one.severity, one.kind) for one in plan.warnings}
    assert ("info", "approval") in kinds
    assert "refused" not in {kind for _, kind in kinds}
    # The asker's right, of this moment.
    two.deployers.clear()
    plan = await deploys.plan(asked, BO)
    assert plan.reason.startswith("ana may not deploy")
    for other in ({"about": "0" * 32}, {"about": event.key, "environment": "staging"}):
        with pytest.raises(PlanError):
            await deploys.plan(structs.replace(asked, **other), BO)


async def test_what_nobody_approves_expires_and_never_runs(two):
    two.write(more="approvals = 1")
    await two.start(watch_s=0.05)
    event = two.request()
    await two.ask(event)
    await said(two, event.key, "waiting")
    two.clock.ms += WAIT_MS
    refused = await two.news.final(event.key)
    assert (refused.state, refused.reason[:25]) == ("refused", "nobody approved it in tim")
    assert not two.log(event).exists()


async def test_an_approval_is_too_old_when_its_turn_comes(two, gate):
    two.write(more="approvals = 1", script=f"{gate.script}; exit 1")
    await two.start(watch_s=0.05)
    first, second = two.request(), two.request(person="bo", device=BO)
    for event, asker, device, other in ((first, "ana", ANA, BO), (second, "bo", BO, TWIN)):
        await two.ask(event, asker, device=device)
        await said(two, event.key, "waiting")
        approver = two.devices[other]
        yes = command(two, Action.APPROVE, person=approver, device=other, about=event.key)
        await two.ask(yes, approver, device=other)
        if event is first:
            await gate.reached()
    await said(two, second.key, "queued")
    two.clock.ms += APPROVAL_MS + 1
    await gate.open()
    assert "too old by now" in (await two.news.final(second.key)).reason


async def test_an_approval_that_ran_out_is_given_again_and_costs_no_look(
    two, tmp_path, monkeypatch
):
    git(tmp_path, "init", "-q", "repository")
    repository = tmp_path / "repository"
    sha = commit(repository, "one")
    two.write(more=f'approvals = 2\nrepository = "{repository}"')
    two.roles[Role.APPROVER] = {"bo", "cy"}
    two.devices[TWIN] = "cy"
    looks = 0
    real = decisions.look_up

    async def counted(*given):
        nonlocal looks
        looks += 1
        return await real(*given)

    monkeypatch.setattr(decisions, "look_up", counted)
    deploys = await two.start()

    async def approve(person, device):
        # Another time, or it would be the same approval.
        two.clock.ms += 1
        yes = command(two, Action.APPROVE, person=person, device=device, about=event.key)
        await two.ask(yes, person, device=device)
        return await two.news.final(yes.key)

    event = two.request(sha=sha)
    await two.ask(event)
    await said(two, event.key, "waiting")
    assert (await approve("bo", BO)).state == "approved"
    assert "approved it already" in (await approve("bo", BO)).reason
    two.clock.ms += APPROVAL_MS
    assert (await approve("cy", TWIN)).state == "approved"
    looks = 0
    for _ in range(20):
        await deploys._upkeep.look()
        await asyncio.gather(*deploys._deciding)
    assert looks == 0
    assert (await approve("bo", BO)).state == "approved"
    assert (await two.news.final(event.key)).state == "success"


async def test_what_waits_is_judged_again_at_once_only_after_a_change(two, tmp_path, monkeypatch):
    """A judgement that changes nothing waits for the next look."""
    two.write(more="approvals = 1")
    deploys = await two.start()
    event = two.request()
    await two.ask(event)
    await said(two, event.key, "waiting")
    # As if it were due for good.
    monkeypatch.setattr(deploys._upkeep, "_is_approved", lambda _: True)
    judged = 0
    real = decisions.judge

    def counted(*given):
        nonlocal judged
        judged += 1
        return real(*given)

    monkeypatch.setattr(decisions, "judge", counted)
    again: list[bool] = []
    monkeypatch.setattr(deploys._soon, "set", lambda: again.append(True))
    await deploys._upkeep.look()
    await asyncio.gather(*deploys._deciding)
    assert (judged, again) == (1, [])


async def test_what_was_queued_and_approved_is_there_after_a_restart(two):
    two.write(more="approvals = 2")
    two.roles[Role.APPROVER] = {"bo", "cy"}
    two.devices[TWIN] = "cy"
    await two.start(watch_s=0.05)
    event = two.request()
    await two.ask(event)
    await said(two, event.key, "waiting")
    yes = command(two, Action.APPROVE, about=event.key)
    await two.ask(yes, "bo", device=BO)
    await two.deploys.stop()
    await two.start(watch_s=0.05)
    yes = command(two, Action.APPROVE, person="cy", device=TWIN, about=event.key)
    await two.ask(yes, "cy", device=TWIN)
    assert (await two.news.final(event.key)).state == "success"


async def test_an_old_lock_reminds_its_holder_once_and_ends_by_itself(two):
    two.write()
    await two.start(watch_s=0.02)
    taken = command(two, Action.LOCK, reason="migration", lasts=OLD_MS + 10_000)
    await two.ask(taken, "bo", device=BO)
    locked = await two.news.final(taken.key)
    assert (locked.state, locked.expires) == ("locked", two.clock() + OLD_MS + 10_000)
    blocked = two.request()
    await two.ask(blocked)
    assert "is locked by bo" in (await two.news.final(blocked.key)).reason
    two.clock.ms += OLD_MS
    reminder = await two.news.until(
        lambda: next(
            (e for e in two.news.events if e.request == taken.key and e.duration == OLD_MS), None
        )
    )
    assert (reminder.actor, reminder.state) == ("bo", "locked")
    assert "is it still needed?" in reminder.reason
    two.clock.ms += 10_000
    assert (await said(two, taken.key, "unlocked")).reason == "its time is over"
    assert sum(e.state == "locked" for e in two.news.events) == 2
    free = two.request()
    await two.ask(free)
    assert (await two.news.final(free.key)).state == "success"


async def test_a_run_is_cancelled_by_command(two, gate):
    two.write(script=f"{gate.script}; sleep 60")
    await two.start(watch_s=0.05)
    event = two.request()
    await two.ask(event)
    await gate.reached()
    await gate.open()
    stop = command(two, Action.CANCEL, about=event.key)
    await two.ask(stop, "bo", device=BO)
    assert (await two.news.final(stop.key)).state == "accepted"
    ended = await two.news.final(event.key)
    assert ended.state == "cancelled"
    assert ended.reason.startswith("cancelled by bo")


async def test_a_mistake_in_the_file_costs_nobody_a_place(two, gate):
    two.write(script=gate.script)
    await two.start(watch_s=0.02)
    first, second = two.request(), two.request(person="bo", device=BO)
    await two.ask(first)
    await gate.reached()
    await two.ask(second, "bo", device=BO)
    right = two.home.targets.read_text()
    two.home.targets.write_text("[target.shop")
    await gate.open()
    assert (await two.news.final(first.key)).state == "success"
    two.home.targets.write_text(right)
    await gate.reached()
    await gate.open()
    assert (await two.news.final(second.key)).state == "success"
