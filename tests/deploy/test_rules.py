"""Each rule of the judge for itself: what it refuses, what it lets through, and its order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import structs

from devstream_desktop.deploy.approvals import APPROVAL_MS, Approval
from devstream_desktop.deploy.backends.settings import Gitlab
from devstream_desktop.deploy.checks import Check
from devstream_desktop.deploy.judge import MAX_QUEUE, judge
from devstream_desktop.deploy.locks import Lock
from devstream_desktop.deploy.parameters import Parameter
from devstream_desktop.deploy.request import Action, make_request
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.world import (
    Accept,
    Apply,
    Asker,
    Pending,
    Refuse,
    Resolve,
    Taken,
    Tips,
    Wait,
    World,
)
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Role

ME = device_id(b"e" * 32)
ANA, BO = Asker(device_id(b"a" * 32), "ana"), Asker(device_id(b"b" * 32), "bo")
SHA, OLD = "4f" * 20, "5a" * 20
# A Wednesday, 12:00 UTC.
NOW = int(datetime(2026, 12, 2, 12, tzinfo=UTC).timestamp() * 1000)
DAY = 86_400_000
OPEN = Target(name="shop", environment="live", run=("x",), cwd=Path("/"))
ROLES = {
    ("ana", Role.DEPLOYER),
    ("bo", Role.DEPLOYER),
    ("bo", Role.APPROVER),
    ("cy", Role.APPROVER),
}


def world(target: Target = OPEN, roles=ROLES, **changes) -> World:
    base = World(
        device=ME,
        now=NOW,
        targets={("shop", "live"): target, ("shop", "test"): structs.replace(target, order=())},
        mistake="",
        judged=False,
        fresh=True,
        may=lambda person, role, *_: (person, role) in roles,
        who_may=lambda role, *_: sorted(person for person, had in roles if had is role),
        policy=7,
        current=OLD,
    )
    return replace(base, **changes)


def target(**changes) -> Target:
    return structs.replace(OPEN, **changes)


def ask(by=ANA, action=Action.DEPLOY, **changes):
    parts = {
        "device": by.device,
        "person": by.person,
        "target": "shop",
        "environment": "live",
        "executor": ME,
        "now": NOW,
        "sha": SHA,
        "ref": "main",
        "action": action,
    }
    return make_request(**{**parts, **changes})


def verdict(event, by=ANA, within=None):
    return judge(event, by, within if within is not None else world())


def refused(event, by=ANA, within=None) -> str:
    found = verdict(event, by, within)
    assert isinstance(found, Refuse), found
    return found.reason


def passed(event, by=ANA, within=None) -> None:
    found = verdict(event, by, within)
    assert isinstance(found, Accept | Apply), found


CHECKED = target(checks=("unit", "ci/*"), check_age_s=3600.0)
GREEN = (Check("unit", "succeeded", NOW), Check("ci/a", "succeeded", NOW - 10))


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        (GREEN, ""),
        ((*GREEN, Check("other", "failed", NOW)), ""),
        ((), "the check unit is not known"),
        (GREEN[:1], "the check ci/* is not known"),
        ((*GREEN, Check("ci/b", "failed", NOW)), "the check ci/b failed"),
        ((*GREEN, Check("unit", "failed", NOW + 1)), "the check unit failed"),
        ((*GREEN, Check("unit", "running", NOW + 1)), "the check unit is running"),
        ((*GREEN, Check("unit", "failed", NOW - 5000)), ""),
        ((Check("unit", "succeeded", NOW - 3_600_001), GREEN[1]), "only 1h00m count"),
        ((Check("unit", "errored", NOW), GREEN[1]), "the check unit errored"),
        ((Check("unit", "cancelled", NOW), GREEN[1]), "the check unit cancelled"),
    ],
)
def test_required_checks_are_green_known_and_young(checks, words):
    within = world(CHECKED, checks=checks)
    if words:
        assert words in refused(ask(), within=within)
    else:
        passed(ask(), within=within)


def test_production_takes_only_what_was_on_staging():
    ordered = target(order=("test",))
    assert "comes before live" in refused(ask(), within=world(ordered))
    passed(ask(), within=world(ordered, succeeded=frozenset({"test"})))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hours": "09:00-17:00"}, ""),
        ({"hours": "13:00-17:00"}, "deploys are allowed"),
        ({"hours": "09:00-12:00"}, "it is wed 12:00 there"),
        ({"hours": "22:00-12:30"}, ""),
        ({"hours": "22:00-11:30"}, "deploys are allowed"),
        ({"hours": "22:00-12:30", "days": ("wed",)}, "deploys are allowed"),
        ({"hours": "22:00-12:30", "days": ("tue",)}, ""),
        ({"days": ("mon", "tue")}, "deploys are allowed mon tue at any hour"),
        ({"days": ("wed",)}, ""),
        ({"hours": "13:00-14:00", "timezone": "Europe/Berlin"}, ""),
        ({"freeze": ({"from": "2026-12-02", "until": "2026-12-02", "why": "x"},)}, "frozen until"),
        ({"freeze": ({"from": "2026-12-03", "until": "2026-12-04", "why": "x"},)}, ""),
        (
            {"freeze": ({"from": "2026-12-02 11:00", "until": "2026-12-02 12:00", "why": "x"},)},
            "",
        ),
    ],
)
def test_deploys_are_taken_in_the_hours(changes, words):
    within = world(target(**{"timezone": "UTC", **changes}))
    if words:
        assert words in refused(ask(), within=within)
    else:
        passed(ask(), within=within)


SHUT = target(days=("mon",), timezone="UTC", approvals=1)


def test_the_glass_is_broken_by_its_role_with_a_reason_and_by_nobody_else():
    glass = ROLES | {("ana", Role.BREAK_GLASS)}
    assert "may not break the glass" in refused(
        ask(override=True, reason="fire"), within=world(SHUT)
    )
    assert "needs a reason" in refused(ask(override=True), within=world(SHUT, glass))
    passed(ask(override=True, reason="fire"), within=world(SHUT, glass))
    # Whoever could break it is told so, and nothing is broken unasked.
    assert "--break-glass" in refused(ask(), within=world(SHUT, glass))
    # It opens hours and approvals, and no lock, check or order.
    for shut, words in (
        (structs.replace(SHUT, checks=("unit",)), "check unit"),
        (structs.replace(SHUT, order=("test",)), "comes before"),
    ):
        assert words in refused(ask(override=True, reason="fire"), within=world(shut, glass))
    held = (Lock("1" * 32, "shop", "live", "bo", "", NOW - 1),)
    assert "locked by bo" in refused(
        ask(override=True, reason="fire"), within=world(SHUT, glass, locks=held)
    )


def test_a_rollback_is_exempt_from_checks_order_and_hours_never_from_who_may():
    guarded = target(
        checks=("unit",), order=("test",), days=("mon",), timezone="UTC", repository="/srv/shop"
    )
    back = ask(action=Action.ROLLBACK)
    assert "never deployed to live" in refused(back, within=world(guarded))
    ran = {"succeeded": frozenset({"live"})}
    passed(back, within=world(guarded, **ran))
    assert "may not deploy" in refused(back, within=world(guarded, roles=set(), **ran))
    asked = structs.replace(guarded, approvals=1)
    assert isinstance(verdict(back, within=world(asked, **ran)), Wait)


def test_a_dry_run_needs_only_the_right_and_a_program():
    guarded = target(checks=("unit",), order=("test",), days=("mon",), timezone="UTC", approvals=1)
    dry = ask(action=Action.DRY_RUN)
    assert "has no dry run" in refused(dry, within=world(guarded))
    ready = structs.replace(guarded, dry_run=("x", "--dry"))
    passed(dry, within=world(ready))
    assert "may not deploy" in refused(dry, within=world(ready, roles=set()))


@pytest.mark.parametrize(
    ("lock", "stops"),
    [
        (("shop", "live", "bo", 0), True),
        (("shop", "", "bo", 0), True),
        (("*", "", "bo", 0), True),
        (("shop", "live", "ana", 0), False),
        (("shop", "test", "bo", 0), False),
        (("blog", "", "bo", 0), False),
        (("shop", "live", "bo", NOW), False),
        (("shop", "live", "bo", NOW + 1), True),
    ],
)
def test_a_lock_stops_everybody_but_its_holder_until_it_ends(lock, stops):
    name, environment, person, until = lock
    held = (Lock("1" * 32, name, environment, person, "why", NOW - DAY, until),)
    if stops:
        said = refused(ask(), within=world(locks=held))
        assert "is locked by bo for" in said
        assert "devstream unlock" in said
    else:
        passed(ask(), within=world(locks=held))


def test_what_runs_there_is_what_the_person_saw():
    passed(ask(expected=OLD))
    passed(ask(expected=""))
    assert "runs there now" in refused(ask(expected=SHA))
    assert "nothing runs there now" in refused(ask(expected=SHA), within=world(current=""))


SIZED = target(
    parameters={
        "size": Parameter(type="choice", choices=("s", "m")),
        "note": Parameter(),
        "migrate": Parameter(type="flag"),
    }
)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({}, ""),
        ({"size": "m", "migrate": "true", "note": "a b"}, ""),
        ({"size": "xl"}, "size cannot be 'xl'; allowed are s, m"),
        ({"migrate": "yes"}, "allowed are false, true"),
        ({"PATH": "/x"}, "'PATH' is no parameter of this target; it has size, note, migrate"),
        ({"note": "a\nb"}, "one plain line"),
    ],
)
def test_only_declared_parameters_pass(chosen, words):
    event = ask(parameters=chosen)
    if words:
        assert words in refused(event, within=world(SIZED))
    else:
        passed(event, within=world(SIZED))
    if chosen:
        assert "no parameter" in refused(event)


ASKED = target(approvals=1)
TWICE = target(approvals=2)


def waiting(**changes) -> Taken:
    return replace(Taken("waiting", NOW + DAY, 7, OLD), **changes)


def test_an_approval_is_of_a_second_person_for_a_quarter_of_an_hour():
    found = verdict(ask(), within=world(ASKED))
    assert isinstance(found, Wait)
    assert found.state == "waiting"
    assert "bo, cy" in found.reason

    def with_(*approvals, of=ASKED, **changes):
        return verdict(ask(), within=world(of, approvals=approvals, taken=waiting(), **changes))

    assert isinstance(with_(Approval("bo", NOW)), Accept)
    assert isinstance(with_(Approval("bo", NOW - APPROVAL_MS)), Accept)
    assert isinstance(with_(Approval("bo", NOW - APPROVAL_MS - 1)), Wait)
    own = world(
        ASKED,
        ROLES | {("ana", Role.APPROVER)},
        approvals=(Approval("ana", NOW),),
        taken=waiting(),
    )
    assert isinstance(verdict(ask(), within=own), Wait), "one's own does not count"
    assert isinstance(with_(Approval("dee", NOW)), Wait), "who may not approve does not count"
    assert isinstance(with_(Approval("bo", NOW), Approval("bo", NOW), of=TWICE), Wait)
    assert isinstance(with_(Approval("bo", NOW), Approval("cy", NOW), of=TWICE), Accept)
    lone = {("ana", Role.DEPLOYER), ("ana", Role.APPROVER)}
    assert "needs the approval of 1 beside ana, and nobody may" in refused(
        ask(), within=world(ASKED, lone)
    )


@pytest.mark.parametrize(
    ("changes", "taken", "words"),
    [
        ({"policy": 8}, {}, "policy changed"),
        ({"current": SHA}, {}, "runs there now"),
        ({"current": SHA}, {"ahead": (SHA,)}, "runs there now"),
        ({"now": NOW + DAY}, {}, "nobody approved it in time"),
        ({}, {"state": "queued", "until": NOW}, "its turn did not come"),
    ],
)
def test_an_approval_is_void_when_the_plan_or_the_policy_changed(changes, taken, words):
    given = {"approvals": (Approval("bo", NOW),), "taken": waiting(**taken), **changes}
    assert words in refused(ask(), within=world(ASKED, **given))


def test_an_approval_that_is_too_old_by_its_turn_is_not_asked_for_again():
    given = {"approvals": (Approval("bo", NOW - APPROVAL_MS - 1),)}
    queued = waiting(state="queued")
    assert "too old by now" in refused(ask(), within=world(ASKED, taken=queued, **given))


@pytest.mark.parametrize("action", [Action.DEPLOY, Action.ROLLBACK])
def test_where_a_ref_is_run_it_has_to_be_at_the_commit(action):
    table = Gitlab(project="acme/shop", token="TOKEN")
    runs_a_ref = target(backend="gitlab", gitlab=table, repository="/srv/shop.git")
    tried = world(runs_a_ref, succeeded=frozenset({"test", "live"}))
    names = ("refs/heads/main", "refs/tags/main")
    assert verdict(ask(action=action), within=tried) == Resolve("/srv/shop.git", names)
    moved = replace(tried, tips=Tips({"refs/heads/main": OLD}, has_commit=True))
    said = refused(ask(action=action), within=moved)
    assert said.startswith("main is now at 5a5a5a5, not at 4f4f4f4, and the newest")
    assert "put a branch or tag on" in said
    assert said.endswith("--ref")
    passed(ask(action=action), within=replace(tried, tips=Tips({"refs/heads/main": SHA})))


@pytest.mark.parametrize("action", [Action.DEPLOY, Action.ROLLBACK])
def test_where_a_commit_is_run_it_may_be_an_older_one(action):
    tried = world(target(repository="/srv/shop.git"), succeeded=frozenset({"test", "live"}))
    tips = Tips({"refs/heads/main": OLD}, has_commit=True)
    passed(ask(action=action), within=replace(tried, tips=tips))


def pending(number: int, person: str, state: str = "queued") -> Pending:
    return Pending(f"{number:032x}", "shop", "live", person, SHA, state)


def test_one_runs_and_the_others_have_their_turn():
    running = pending(1, "bo", "in_progress")
    found = verdict(ask(), within=world(running=running))
    assert isinstance(found, Wait)
    assert (found.state, found.reason) == ("queued", "next, after bo's deploy of 4f4f4f4")
    behind = verdict(ask(), within=world(running=running, ahead=(pending(2, "cy"),)))
    assert isinstance(behind, Wait)
    assert behind.reason.startswith("number 2, after cy's")
    # What is queued goes first, also when nothing runs.
    assert isinstance(verdict(ask(), within=world(ahead=(pending(2, "cy"),))), Wait)
    full = tuple(pending(number, f"p{number}") for number in range(MAX_QUEUE))
    assert "wait there already" in refused(ask(), within=world(running=running, ahead=full))
    kept = Taken("queued", NOW + 1, 7, OLD)
    assert isinstance(verdict(ask(), within=world(running=running, ahead=full, taken=kept)), Wait)


def test_who_saw_the_queue_agreed_to_what_it_deploys_and_to_nothing_else():
    kept = Taken("queued", NOW + 1, 6, OLD, ahead=("1" * 40,))
    for current, words in ((OLD, ""), ("1" * 40, ""), ("2" * 40, "runs there now")):
        within = world(current=current, taken=kept)
        if words:
            assert words in refused(ask(), within=within)
        else:
            passed(ask(), within=within)


def test_a_person_has_one_request_there_and_may_replace_it():
    mine = pending(9, "ana")
    assert "there already; replace" in refused(ask(), within=world(own=(mine,)))
    passed(ask(about=mine.request), within=world(own=(mine,)))
    assert "there already" in refused(
        ask(about=mine.request), within=world(own=(mine, pending(8, "ana")))
    )


def command(action: Action, by=BO, **changes):
    return ask(by, action, sha="", ref="", **changes)


def test_a_lock_is_taken_by_who_may_deploy_all_of_it():
    passed(command(Action.LOCK), BO)
    passed(command(Action.LOCK, environment=""), BO)
    passed(command(Action.LOCK, target="*", environment=""), BO)
    half = world(
        may=lambda person, role, _, env: (person, role, env) == ("bo", Role.DEPLOYER, "live")
    )
    passed(command(Action.LOCK), BO, half)
    assert "shop/test is in it" in refused(command(Action.LOCK, environment=""), BO, half)
    assert "no target blog" in refused(command(Action.LOCK, target="blog"), BO)
    held = (Lock("1" * 32, "shop", "live", "ana", "", NOW),)
    assert "locked by ana" in refused(command(Action.LOCK), BO, world(locks=held))
    passed(command(Action.LOCK, by=ANA), ANA, world(locks=held))


def test_a_lock_is_broken_by_who_may_deploy_with_a_reason():
    held = world(locks=(Lock("1" * 32, "shop", "live", "ana", "", NOW),))
    assert "needs a reason" in refused(command(Action.UNLOCK), BO, held)
    passed(command(Action.UNLOCK, reason="urgent"), BO, held)
    passed(command(Action.UNLOCK, by=ANA), ANA, held)
    cy = Asker(device_id(b"c" * 32), "cy")
    assert "not unlock it either" in refused(command(Action.UNLOCK, by=cy, reason="x"), cy, held)
    assert "is not locked" in refused(command(Action.UNLOCK, reason="x"), BO)
    wide = world(locks=(Lock("1" * 32, "shop", "", "ana", "", NOW),))
    assert "devstream unlock shop --reason" in refused(command(Action.UNLOCK), BO, wide)


def test_an_approval_names_what_waits_and_comes_from_who_may():
    about = pending(5, "ana", "waiting")
    within = world(ASKED, subject=about)

    def approve(by=BO, **changes):
        return command(Action.APPROVE, by=by, about=about.request, **changes)

    passed(approve(), BO, within)
    assert "second person" in refused(approve(ANA), ANA, within)
    twin = Asker(device_id(b"z" * 32), "ana")
    assert "from any device" in refused(approve(twin), twin, within)
    dee = Asker(device_id(b"d" * 32), "dee")
    assert "may not approve" in refused(approve(dee), dee, within)
    assert "no deploy" in refused(approve(), BO, world(ASKED))
    queued = replace(within, subject=replace(about, state="queued"))
    assert "no deploy" in refused(approve(), BO, queued)
    given = replace(within, approvals=(Approval("bo", NOW),))
    assert "already" in refused(approve(), BO, given)
    assert "another target" in refused(approve(environment="test"), BO, within)


@pytest.mark.parametrize(
    ("action", "state", "ends"),
    [
        (Action.WITHDRAW, "queued", True),
        (Action.WITHDRAW, "waiting", True),
        (Action.WITHDRAW, "in_progress", False),
        (Action.CANCEL, "in_progress", True),
        (Action.CANCEL, "dispatching", True),
        (Action.CANCEL, "queued", True),
        (Action.CANCEL, "success", False),
    ],
)
def test_what_waits_is_withdrawn_and_what_runs_is_cancelled(action, state, ends):
    about = pending(5, "ana", state)
    event = command(action, about=about.request)
    if ends:
        passed(event, BO, world(subject=about))
        cy = Asker(device_id(b"c" * 32), "cy")
        theirs = command(action, by=cy, about=about.request)
        assert "may not end" in refused(theirs, cy, world(subject=about))
    else:
        assert "no deploy" in refused(event, BO, world(subject=about))


@pytest.mark.parametrize("action", [Action.LOCK, Action.UNLOCK, Action.APPROVE, Action.CANCEL])
def test_no_command_is_taken_late_from_a_stranger_or_by_a_copy(action):
    about = pending(5, "ana", "waiting")
    event = command(action, about=about.request, reason="x")
    held = (Lock("1" * 32, "shop", "live", "bo", "", NOW),)
    within = world(ASKED, subject=about, locks=held)
    assert "expired" in refused(event, BO, replace(within, fresh=False))
    assert "expired" in refused(event, BO, replace(within, now=NOW + 121_000))
    assert "belongs to nobody" in refused(event, Asker(BO.device, ""), within)
    assert "signed it" in refused(event, Asker(BO.device, "cy"), within)
    assert "two machines" in refused(event, BO, replace(within, copied=True))


def test_the_order_of_the_rules():
    guarded = target(
        checks=("unit",), order=("test",), days=("mon",), timezone="UTC", approvals=1,
        parameters={"size": Parameter()},
    )  # fmt: skip
    held = (Lock("1" * 32, "shop", "live", "bo", "", NOW),)
    event = ask(expected=SHA, parameters={"x": "1"})
    within = world(guarded, locks=held, busy="busy", own=(pending(9, "ana"),), copied=True)
    steps = [
        ("no parameter", {"targets": {("shop", "live"): structs.replace(
            guarded, parameters={"x": Parameter()})}}),
        ("two machines", {"copied": False}),
        ("is locked by", {"locks": ()}),
        ("runs there now", {"current": SHA}),
        ("the check unit", {"checks": (Check("unit", "succeeded", NOW),)}),
        ("comes before", {"succeeded": frozenset({"test"})}),
        ("deploys are allowed", {"now": NOW + 5 * DAY, "fresh": True}),
        ("there already", {"own": ()}),
    ]  # fmt: skip
    for words, change in steps:
        assert words in refused(event, within=within), words
        within = replace(within, **change)
        if "now" in change:
            event = ask(expected=SHA, parameters={"x": "1"}, now=within.now)
            within = replace(within, checks=(Check("unit", "succeeded", within.now),))
    assert isinstance(verdict(event, within=within), Wait)
    approved = replace(
        within, approvals=(Approval("bo", within.now),), taken=waiting(until=within.now + 1,
        current=SHA),
    )  # fmt: skip
    assert refused(event, within=approved) == "busy"
