"""The single rules of the judge: each returns why not, as a sentence, or nothing."""

from __future__ import annotations

from difflib import get_close_matches

from devstream_desktop.control import plan_words
from devstream_desktop.deploy.request import (
    REF_RULE,
    RUNS,
    SHA_RULE,
    Action,
    DeployRequest,
    is_ref,
    is_sha,
)
from devstream_desktop.deploy.targets import Target, Targets, windows_of
from devstream_desktop.deploy.world import Asker, Tips, World
from devstream_desktop.stream.text import roughly, short_ref, short_revision
from devstream_desktop.stream.words import Role

MAX_SKEW_MS = 120_000
"""The largest difference between the asker's clock and the executor's.

It is also the age of the oldest request that runs.
"""
NAMED = 3
TWICE = (
    "two machines write as this executor, one a copy of the other, and both would have run it, "
    "so nothing ran;"
    " its operator ends one of them (devstream status there says how) and restarts the other, "
    "then ask again"
)
_EXPIRED = "it expired before it reached the executor; nothing ran: ask again"


def unknown(target: str, environment: str, targets: Targets, mistake: str) -> str:
    """Say why there is no such target, and which is near."""
    if mistake:
        return f"the executor's targets cannot be used: {mistake}"
    offered = sorted(place for name, place in targets if name == target)
    if offered:
        return (
            f"{target} has no environment {environment} on this executor; it has "
            f"{', '.join(offered)}{_near(environment, offered)}"
        )
    near = _near(target, sorted({name for name, _ in targets}))
    return f"this executor has no target {target}; its operator can add it to targets.toml{near}"


def _near(name: str, known: list[str]) -> str:
    found = get_close_matches(name, known, n=1)
    return f". Is it {found[0]}?" if found else ""


def untimely(request: DeployRequest, author: Asker, world: World) -> str:
    """Refuse late requests, and those of a wrong clock."""
    taken = world.taken
    # It was in time once; from then on it has as long as it was given.
    if taken is not None:
        if world.now < taken.until:
            return ""
        return (
            "nobody approved it in time, so nothing ran; ask again"
            if taken.state == "waiting"
            else "its turn did not come in time, so nothing ran; ask again"
        )
    # A clock far ahead would keep an old request valid.
    if request.time - world.now > MAX_SKEW_MS:
        ahead = roughly(request.time - world.now)
        return (
            f"the clock of {author.person or 'the asker'}'s device is {ahead} ahead of "
            "the executor's; set the one that is wrong"
        )
    # By the asker's end, by our clock, and never out of a backlog.
    late = world.now > request.expires or world.now - request.time > MAX_SKEW_MS or not world.fresh
    return _EXPIRED if late else ""


def stranger(request: DeployRequest, author: Asker) -> str:
    """Refuse a stranger, and a request in another's name."""
    if not author.person:
        return f"the device {author.device[:8]} belongs to nobody in the team"
    # The name in the event is text; the signature says whose it is.
    if request.person != author.person:
        return (
            f"it says it is from {request.person or 'nobody'}, but {author.person}'s device "
            "signed it"
        )
    return ""


def not_allowed(request: DeployRequest, author: Asker, world: World) -> str:
    """Refuse a person without the role, with the command that gives it."""
    place = (request.target, request.environment)
    if not world.may(author.person, Role.DEPLOYER, *place):
        may = plan_words.NOT_DEPLOYER.format(
            person=author.person, target=request.target, environment=request.environment
        )
        return f"{may}; {granted(author.person, Role.DEPLOYER, request, world)}"
    if request.override:
        if not world.may(author.person, Role.BREAK_GLASS, *place):
            may = plan_words.NOT_GLASS.format(person=author.person, place="/".join(place))
            return f"{may}; {granted(author.person, Role.BREAK_GLASS, request, world)}"
        if not request.reason:
            return "break-glass needs a reason that everybody reads: --reason WHY"
    return ""


def granted(person: str, role: Role, request: DeployRequest, world: World) -> str:
    """Say who can grant a role, and how."""
    # A few names: an event cuts its reason, and the command at its end is the point.
    admins = ", ".join(world.who_may(Role.ADMIN, "", "")[:NAMED]) or "nobody left in the team"
    place = f"{request.target}/{request.environment}"
    command = f"devstream team grant {person} {role} {place}"
    return plan_words.CAN_GRANT.format(people=admins, command=command)


def wrong_commit(request: DeployRequest, target: Target, world: World) -> str:
    """Refuse an inexact commit, and a ref that may not be deployed."""
    if not is_sha(request.sha):
        return f"it names no exact commit; it takes {SHA_RULE}"
    if request.ref and not is_ref(request.ref):
        return f"its ref cannot be deployed; a ref may have {REF_RULE}"
    if request.action is Action.DRY_RUN and not target.dry_run:
        return (
            f"{request.target} {request.environment} has no dry run; its operator can add dry_run "
            "to targets.toml"
        )
    if request.action is Action.ROLLBACK:
        # It ran there before, from a ref that was allowed then.
        if request.environment in world.succeeded:
            return ""
        never = plan_words.NO_ROLLBACK.format(
            commit=short_revision(request.sha), environment=request.environment
        )
        return f"{never}; {plan_words.DEPLOY_IT}"
    if request.ref and not target.allows(request.ref):
        refused = plan_words.REF_REFUSED.format(ref=request.ref, environment=request.environment)
        return f"{refused}; {plan_words.REFS_ALLOWED.format(refs=', '.join(target.refs))}"
    # Without a repository nothing can tell from which ref a commit comes.
    if not request.ref and target.refs and not target.repository:
        return (
            f"it names no ref, and {request.target} {request.environment} takes only "
            f"{', '.join(target.refs)}"
        )
    return ""


def stale(request: DeployRequest, target: Target, world: World) -> str:
    """Refuse a decision that was made while something else ran there."""
    if world.taken is None:
        if request.expected in ("", world.current):
            return ""
        ran, runs = short_revision(request.expected), short_revision(world.current) or "nothing"
        return f"{runs} runs there now, not {ran} as when you looked; look again and ask again"
    approved = needs_approval(request, target)
    if approved and world.taken.policy != world.policy:
        return "the team's policy changed since it was asked, which voids approvals; ask again"
    # Who saw a queue agreed to what it would deploy; an approval is of the exact plan.
    seen = {world.taken.current, *(() if approved else world.taken.ahead)}
    if world.current in seen:
        return ""
    runs = short_revision(world.current) or "nothing"
    return f"{runs} runs there now, which nobody knew when this was asked; ask again"


def out_of_order(request: DeployRequest, target: Target, world: World) -> str:
    """Refuse a commit that was not on an environment that comes first."""
    for before in target.order:
        if before not in world.succeeded:
            return plan_words.OUT_OF_ORDER.format(
                commit=short_revision(request.sha),
                before=before,
                environment=request.environment,
                command=f"devstream deploy {request.target} {before} --sha {request.sha[:12]}",
            )
    return ""


def closed(request: DeployRequest, target: Target, world: World) -> str:
    """Refuse a deploy outside the target's hours."""
    reason = windows_of(target).closed(world.now)
    if not reason:
        return ""
    who = ", ".join(world.who_may(Role.BREAK_GLASS, request.target, request.environment)[:NAMED])
    if not who:
        return reason
    options = "--break-glass --reason WHY"
    return f"{reason}; {plan_words.MAY_BREAK_GLASS.format(people=who, options=options)}"


def needs_approval(request: DeployRequest, target: Target) -> bool:
    """Tell whether somebody else must say yes."""
    return bool(target.approvals) and is_judged_in_full(request) and not request.override


def is_judged_in_full(request: DeployRequest) -> bool:
    """Tell whether a run has an effect."""
    return request.action in RUNS and request.action is not Action.DRY_RUN


def runs_its_ref(request: DeployRequest, target: Target) -> bool:
    """Tell whether the back end runs a ref, whatever that is at."""
    # A dry run is a program of the executor's machine.
    return target.runs_a_ref and request.action is not Action.DRY_RUN


def may_be_older(request: DeployRequest, target: Target, world: World) -> bool:
    """Tell whether a commit before a ref's tip will do too."""
    if request.action is Action.ROLLBACK or runs_its_ref(request, target):
        return False
    # Chosen by its hash, or tried elsewhere first: what was merged since changes neither.
    return not request.ref or _is_promotion(request, world)


def _is_promotion(request: DeployRequest, world: World) -> bool:
    return bool(world.succeeded - {request.environment})


def full_names(ref: str) -> tuple[str, ...]:
    """Return the full names that a ref may mean: a branch or a tag."""
    if not ref or ref.startswith(("refs/heads/", "refs/tags/")):
        return (ref,) if ref else ()
    # A short name may be a branch or a tag, and either will do.
    return (f"refs/heads/{ref}", f"refs/tags/{ref}")


def moved(request: DeployRequest, target: Target, tips: Tips, world: World) -> str:
    """Refuse a ref at another commit, and a commit on no ref."""
    # Unknown is refused: a moved branch would deploy what nobody chose.
    if tips.trouble:
        ref = request.ref or "the commit"
        return plan_words.TIP_UNKNOWN.format(ref=ref, reason=tips.trouble)
    wanted = short_revision(request.sha)
    older = may_be_older(request, target, world)
    named = full_names(request.ref) or [ref for ref in tips.commits if target.allows(ref)]
    found = [tips.commits[name] for name in named if name in tips.commits]
    if request.sha in found or (older and tips.has_commit):
        return ""
    if older:
        return f"{plan_words.ON_NO_REF.format(commit=wanted)}; {plan_words.REF_FIRST}"
    if not request.ref:
        advice = plan_words.PUT_A_REF.format(option="--ref")
        return f"{plan_words.NO_TIP.format(commit=wanted)}; {advice}"
    if not found:
        return plan_words.REF_GONE.format(ref=short_ref(request.ref))
    at = f"{short_ref(request.ref)} is now at {short_revision(found[0])}, not at {wanted}"
    if request.action is Action.ROLLBACK:
        return (
            f"{at}, and the newest commit is what would run; put a branch or tag on {wanted} and "
            "roll back with its ref: --ref"
        )
    # Another look would find the same two commits.
    if _is_promotion(request, world):
        return (
            f"{at}, and the newest is what would run; {plan_words.PUT_A_REF.format(option='--ref')}"
        )
    return f"{at}; look at what changed and ask again"
