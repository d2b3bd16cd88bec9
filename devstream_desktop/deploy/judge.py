"""The verdict on a request: one pure function, checks in a fixed order.

Every refusal is a sentence for a person. The order for a run: is it mine, was it judged before, is
it well formed, do I know the target, is it in time, may this person, is this exactly one commit
from a ref that may be deployed, with declared parameters, am I the only executor of this name, is
the environment locked, does there run what the person saw, are the required checks green, was it
where it must have been before, is it in the hours, has the person another request there, is the ref
still there, is it approved, and is it its turn.

A rollback is exempt from checks, order, hours and the look at the ref: it ran there before. Where
the back end runs a ref rather than a commit, its ref is looked at all the same. A dry run is exempt
from these and from approvals, for it has no effect. Nothing is exempt from who may.

A ref is to be at the commit that the person saw. A commit that was chosen by its hash, or that
succeeded in another environment, is to be on a ref that may be deployed, and others may have been
merged since.

A look at the outside is asked for (`Resolve`) once all that costs nothing has passed: where the ref
is, and what the forge says of checks that the stream does not tell as passed. Everything is judged
again with the answer, and so is what waited before it starts.
"""

from __future__ import annotations

from devstream_desktop.control import plan_words
from devstream_desktop.deploy import checks, rules
from devstream_desktop.deploy.approvals import approvers
from devstream_desktop.deploy.commands import judge_command
from devstream_desktop.deploy.locks import blocking, command_of
from devstream_desktop.deploy.parameters import InvalidParameterError, complete
from devstream_desktop.deploy.request import (
    RUNS,
    Action,
    DeployRequest,
    InvalidRequestError,
    parse_request,
)
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.world import (
    Accept,
    Asker,
    Ignore,
    Refuse,
    Resolve,
    Verdict,
    Wait,
    World,
)
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_revision

MAX_QUEUE = 20
"""Requests that may be queued for one environment."""


def judge(event: Event, author: Asker, world: World) -> Verdict:
    """Judge a request that `author` signed."""
    # First what needs no answer at all: it is not ours, or it has one.
    if event.executor != world.device:
        return Ignore("it is addressed to another executor")
    if world.judged:
        return Ignore("it has its answer")
    try:
        # Before anything of it is used: whatever it says comes from outside.
        request = parse_request(event, author.device)
    except InvalidRequestError as error:
        return Refuse(str(error))
    if request.action not in RUNS:
        return judge_command(request, author, world)
    target = world.targets.get((request.target, request.environment))
    # Only what the operator wrote down can run.
    if target is None:
        return Refuse(_unknown(request, world))
    # In an order that costs nothing until the repository has to be asked.
    refusal = (
        rules.untimely(request, author, world)
        or rules.stranger(request, author)
        or rules.not_allowed(request, author, world)
        or rules.wrong_commit(request, target, world)
        or _undeclared(request, target)
        # Each of the two would run it, and neither knows of the other's run.
        or (rules.TWICE if world.copied else "")
        or _locked(request, author, world)
        or rules.stale(request, target, world)
        or _unready(request, target, world)
        or _asked_already(request, world)
    )
    if refusal:
        return Refuse(refusal)
    # A look costs a connection, so it comes after all that is free.
    if (look := _to_look_up(request, target, world)) is not None:
        return look
    if moved := _moved(request, target, world):
        return Refuse(moved)
    if rules.needs_approval(request, target):
        verdict = _unapproved(request, target, author, world)
        if verdict is not None:
            return verdict
    # Last, because it may pass while the repository is asked.
    if world.busy:
        return Refuse(world.busy)
    return _in_turn(request, target, world)


def _undeclared(request: DeployRequest, target: Target) -> str:
    try:
        complete(request.parameters, target.parameters)
    except InvalidParameterError as error:
        return str(error)
    return ""


def _locked(request: DeployRequest, author: Asker, world: World) -> str:
    lock = blocking(world.locks, request.target, request.environment, author.person, world.now)
    return "" if lock is None else f"{lock.sentence(world.now)}; {command_of(lock)}"


def _unready(request: DeployRequest, target: Target, world: World) -> str:
    """Refuse red checks, a wrong order and closed hours."""
    if request.action is not Action.DEPLOY:
        return ""
    # What the stream does not tell as passed is not refused before the forge was asked.
    unasked = target.forge is not None and world.reported is None
    return (
        ("" if unasked else _unchecked(request, target, world))
        or rules.out_of_order(request, target, world)
        or ("" if request.override else rules.closed(request, target, world))
    )


def _unchecked(request: DeployRequest, target: Target, world: World) -> str:
    reported = world.reported or checks.Reported()
    return checks.refusal(
        target.checks,
        (*world.checks, *reported.checks),
        request.sha,
        world.now,
        int(target.check_age_s * 1000),
        reported.trouble,
    )


def _needs_tips(request: DeployRequest, target: Target) -> bool:
    # What ran there before may run again, unless something else would.
    exempt = request.action is Action.ROLLBACK and not rules.runs_its_ref(request, target)
    return bool(target.repository) and not exempt


def _moved(request: DeployRequest, target: Target, world: World) -> str:
    if world.tips is None or not _needs_tips(request, target):
        return ""
    return rules.moved(request, target, world.tips, world)


def _to_look_up(request: DeployRequest, target: Target, world: World) -> Resolve | None:
    """Return what has to be asked outside; None where nothing is left to ask."""
    needs_tips = world.tips is None and _needs_tips(request, target)
    needs_checks = (
        request.action is Action.DEPLOY
        and target.forge is not None
        and world.reported is None
        and bool(_unchecked(request, target, world))
    )
    if not needs_tips and not needs_checks:
        return None
    # It may be on another ref by now, or on one that took in the named one.
    older = needs_tips and rules.may_be_older(request, target, world)
    return Resolve(
        target.repository if needs_tips else "",
        rules.full_names(request.ref) if needs_tips and not older else (),
        target if needs_checks else None,
        target if older else None,
    )


def _asked_already(request: DeployRequest, world: World) -> str:
    # It may take the place of the one that it names.
    other = next((one for one in world.own if one.request != request.about), None)
    if other is None:
        return ""
    return (
        f"your deploy {other.request[:8]} of {short_revision(other.sha)} is {other.state} there "
        f"already; replace it with --replace, or devstream withdraw {other.request[:8]}"
    )


def _unapproved(
    request: DeployRequest, target: Target, author: Asker, world: World
) -> Verdict | None:
    """Return the verdict where approvals are missing; None where there are enough."""

    def may_approve(person: str) -> bool:
        return any(
            world.may(person, role, target.name, target.environment)
            for role in target.approver_roles
        )

    given = approvers(world.approvals, author.person, world.now, may_approve)
    missing = target.approvals - len(given)
    if missing <= 0:
        return None
    # One whose approval ran out while it was queued is not asked for a second time.
    if world.taken is not None and world.taken.state == "queued":
        return Refuse("its approval is too old by now, so nothing ran; ask again")
    able = sorted(
        {
            person
            for role in target.approver_roles
            for person in world.who_may(role, target.name, target.environment)
            if person != author.person
        }
    )
    if len(able) < target.approvals:
        few = (plan_words.TOO_FEW if able else plan_words.NOBODY_APPROVES).format(
            count=target.approvals, person=author.person, people=", ".join(able)
        )
        place = f"{target.name}/{target.environment}"
        command = f"devstream team grant PERSON {target.approvers[0]} {place}"
        return Refuse(f"{few}; {plan_words.ADMIN_CAN_GRANT.format(command=command)}")
    who = ", ".join(person for person in able[: rules.NAMED] if person not in given)
    return Wait(
        request,
        target,
        "waiting",
        plan_words.APPROVALS.format(
            count=missing, people=who, command=f"devstream approve {request.id[:8]}"
        ),
    )


def _in_turn(request: DeployRequest, target: Target, world: World) -> Verdict:
    before = [*([world.running] if world.running else []), *world.ahead]
    if not before:
        return Accept(request, target)
    # A place that it has is not taken away.
    if world.taken is None and len(world.ahead) >= MAX_QUEUE:
        full = plan_words.QUEUE_FULL.format(count=len(world.ahead))
        return Refuse(f"{full}; {plan_words.LATER}")
    last = before[-1]
    waits = plan_words.QUEUED if world.ahead else plan_words.NEXT
    reason = waits.format(
        number=len(world.ahead) + 1, person=last.person, commit=short_revision(last.sha)
    )
    return Wait(request, target, "queued", reason)


def _unknown(request: DeployRequest, world: World) -> str:
    return rules.unknown(request.target, request.environment, world.targets, world.mistake)
