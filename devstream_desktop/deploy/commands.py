"""The verdict on what is asked beside a run: locks, approvals, withdrawals, cancels. Pure."""

from __future__ import annotations

from devstream_desktop.deploy import rules
from devstream_desktop.deploy.approvals import approvers
from devstream_desktop.deploy.locks import EVERYTHING, Lock, command_of, scope_of
from devstream_desktop.deploy.request import Action, DeployRequest
from devstream_desktop.deploy.targets import Targets
from devstream_desktop.deploy.world import Apply, Asker, Refuse, Verdict, World
from devstream_desktop.stream.words import Role

UNDER_WAY = ("dispatching", "in_progress")
PENDING = ("queued", "waiting")


def judge_command(request: DeployRequest, author: Asker, world: World) -> Verdict:
    """Judge a request that runs nothing."""
    refusal = (
        rules.untimely(request, author, world)
        or rules.stranger(request, author)
        or (rules.TWICE if world.copied else "")
    )
    if not refusal:
        match request.action:
            case Action.LOCK:
                refusal = _may_not_lock(request, author, world)
            case Action.UNLOCK:
                refusal = _may_not_unlock(request, author, world)
            case Action.APPROVE:
                refusal = _may_not_approve(request, author, world)
            case _:
                refusal = _may_not_end(request, author, world)
    return Refuse(refusal) if refusal else Apply(request)


def held(request: DeployRequest, world: World) -> Lock | None:
    """Return the lock of exactly the scope that a request names; None for none."""
    place = (request.target, request.environment)
    found = [lock for lock in world.locks if (lock.target, lock.environment) == place]
    return next((lock for lock in found if lock.holds(world.now)), None)


def places(targets: Targets, target: str, environment: str) -> list[tuple[str, str]]:
    """Return the targets and environments in a scope."""
    return [
        (name, place)
        for name, place in targets
        if target in (EVERYTHING, name) and environment in ("", place)
    ]


def _may_not_lock(request: DeployRequest, author: Asker, world: World) -> str:
    inside = places(world.targets, request.target, request.environment)
    if not inside:
        return _unknown(request, world)
    # A lock keeps everybody from all of it.
    for place in inside:
        if not world.may(author.person, Role.DEPLOYER, *place):
            scope = scope_of(request.target, request.environment)
            may = f"{author.person} may not lock {scope}: {'/'.join(place)} is in it"
            return f"{may}; {rules.granted(author.person, Role.DEPLOYER, request, world)}"
    lock = held(request, world)
    if lock is not None and lock.person != author.person:
        return f"{lock.sentence(world.now)}; {command_of(lock)}"
    return ""


def _may_not_unlock(request: DeployRequest, author: Asker, world: World) -> str:
    lock = held(request, world)
    if lock is None:
        wider = next(
            (
                one
                for one in world.locks
                if one.covers(request.target, request.environment) and one.holds(world.now)
            ),
            None,
        )
        scope = scope_of(request.target, request.environment)
        if wider is None:
            return f"{scope} is not locked"
        return f"{scope} is not locked for itself: {wider.sentence(world.now)}; {command_of(wider)}"
    if lock.person == author.person:
        return ""
    inside = places(world.targets, request.target, request.environment)
    # Whoever is kept from deploying may break it.
    if not any(world.may(author.person, Role.DEPLOYER, *place) for place in inside):
        may = f"{author.person} may not deploy there, so not unlock it either"
        return f"{may}; {rules.granted(author.person, Role.DEPLOYER, request, world)}"
    if not request.reason:
        return f"{lock.person} holds that lock; breaking it needs a reason: --reason WHY"
    return ""


def _may_not_approve(request: DeployRequest, author: Asker, world: World) -> str:
    about = world.subject
    if about is None or about.state != "waiting":
        return f"no deploy {request.about[:8]} waits for an approval here"
    if _elsewhere(request, world):
        return f"deploy {request.about[:8]} is of another target or environment"
    if about.person == author.person:
        return "an approval comes from a second person; this is your own deploy, from any device"
    target = world.targets.get((about.target, about.environment))
    if target is None:
        return _unknown(request, world)
    roles = target.approver_roles
    if not any(world.may(author.person, role, *_place(request)) for role in roles):
        able = [one for role in roles for one in world.who_may(role, *_place(request))]
        who = ", ".join(sorted(set(able) - {about.person})[: rules.NAMED]) or "nobody yet"
        may = f"{author.person} may not approve deploys of {'/'.join(_place(request))}; {who} may"
        return f"{may}; {rules.granted(author.person, roles[0], request, world)}"
    # One that ran out is given again.
    if author.person in approvers(world.approvals, about.person, world.now, lambda _: True):
        return "you have approved it already"
    return ""


def _may_not_end(request: DeployRequest, author: Asker, world: World) -> str:
    about = world.subject
    cancels = request.action is Action.CANCEL
    if about is None or about.state not in (*PENDING, *(UNDER_WAY if cancels else ())):
        what = "runs or waits" if cancels else "is queued or waits"
        return f"no deploy {request.about[:8]} {what} here"
    if _elsewhere(request, world):
        return f"deploy {request.about[:8]} is of another target or environment"
    if about.person == author.person or world.may(author.person, Role.DEPLOYER, *_place(request)):
        return ""
    may = f"{author.person} may not end {about.person}'s deploy"
    return f"{may}; {rules.granted(author.person, Role.DEPLOYER, request, world)}"


def _place(request: DeployRequest) -> tuple[str, str]:
    return request.target, request.environment


def _elsewhere(request: DeployRequest, world: World) -> bool:
    """Tell whether a command names another place than what it is about."""
    about = world.subject
    return about is not None and (about.target, about.environment) != _place(request)


def _unknown(request: DeployRequest, world: World) -> str:
    return rules.unknown(request.target, request.environment, world.targets, world.mistake)
