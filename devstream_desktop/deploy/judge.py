"""The verdict on a deploy request: one pure function, checks in a fixed order.

Every refusal is a sentence for a person. The order: is it mine, was it judged before, is it well
formed, do I know the target, is it in time, may this person, is this exactly one commit, from a ref
that may be deployed, am I the only executor of this name, is the ref still there, and is the target
free.

A look at the outside is asked for (`Resolve`) once all that costs nothing has passed. Everything is
judged again with the answer.

In order: is it mine, was it judged before, is it well formed, do I know the target, is it in time,
may this person, is this exactly one commit, from a ref that may be deployed, am I the only executor
of this name, is the ref still there, and is the target free. What needs a look at the outside is
asked for (`Resolve`) once all that costs nothing has passed, and everything is judged again with
the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devstream_desktop.deploy.request import (
    REF_RULE,
    SHA_RULE,
    DeployRequest,
    InvalidRequestError,
    is_ref,
    is_sha,
    parse_request,
)
from devstream_desktop.deploy.targets import Target, Targets
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref, short_revision
from devstream_desktop.stream.words import Role

MAX_SKEW_MS = 120_000
"""The largest difference between the asker's clock and the executor's.

It is also the age of the oldest request that runs.
"""
_NAMED = 3
_TWICE = (
    "two machines write as this executor, one a copy of the other, and both would have run it, "
    "so nothing ran;"
    " its operator ends one of them (devstream status there says how) and restarts the other, "
    "then ask again"
)
_EXPIRED = "it expired before it reached the executor; nothing ran: ask again"


@dataclass(frozen=True)
class Tips:
    """A repository's refs at this moment: commit by full ref name, or why they are not known."""

    commits: Mapping[str, str]
    trouble: str = ""


@dataclass(frozen=True)
class Asker:
    """The signer of a request.

    The device comes from the signature and its person from the policy; neither from the event's
    text.
    """

    device: str
    person: str


@dataclass(frozen=True)
class World:
    """The executor's knowledge while it judges; `now` is its own clock (UTC milliseconds)."""

    device: str
    now: int
    targets: Targets
    mistake: str
    """The reason why targets.toml cannot be used; empty when it can."""
    judged: bool
    """This request has been answered before."""
    fresh: bool
    """It came as news, not out of a backlog."""
    may_deploy: Callable[[str, str, str], bool]
    """(person, target, environment) by the policy of this moment."""
    who_may: Callable[[Role], Sequence[str]]
    copied: bool = False
    """Another machine writes under this device's key: it gets this request too."""
    busy: str = ""
    """The reason why this target and environment take no run now; empty when they do."""
    tips: Tips | None = None


@dataclass(frozen=True)
class Accept:
    """It may run, once."""

    request: DeployRequest
    target: Target


@dataclass(frozen=True)
class Refuse:
    """It may not run, and everybody is told why."""

    reason: str


@dataclass(frozen=True)
class Ignore:
    """Nothing is to be said: it is another executor's, or has its answer."""

    reason: str


@dataclass(frozen=True)
class Resolve:
    """Look up `refs` (full names.

    Empty: every branch and tag) in `repository`, and judge again with the tips.
    """

    repository: str
    refs: tuple[str, ...]


Verdict = Accept | Refuse | Ignore | Resolve


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
    target = world.targets.get((request.target, request.environment))
    # Only what the operator wrote down can run.
    if target is None:
        return Refuse(_unknown(request, world))
    # In an order that costs nothing until the repository has to be asked.
    refusal = (
        _untimely(request, author, world)
        or _not_allowed(request, author, world)
        or _wrong_commit(request, target)
    )
    if refusal:
        return Refuse(refusal)
    # Each of the two would run it, and neither knows of the other's run.
    if world.copied:
        return Refuse(_TWICE)
    if target.repository:
        # The look costs a connection, so it comes after all that is free.
        if world.tips is None:
            return Resolve(target.repository, full_names(request.ref))
        moved = _moved(request, target, world.tips)
        if moved:
            return Refuse(moved)
    # Last, because it may pass while the repository is asked.
    if world.busy:
        return Refuse(world.busy)
    return Accept(request, target)


def _unknown(request: DeployRequest, world: World) -> str:
    if world.mistake:
        return f"the executor's targets cannot be used: {world.mistake}"
    offered = sorted(environment for name, environment in world.targets if name == request.target)
    if offered:
        return (
            f"{request.target} has no environment {request.environment} on this executor; it has "
            f"{', '.join(offered)}"
        )
    return f"this executor has no target {request.target}; its operator can add it to targets.toml"


def _untimely(request: DeployRequest, author: Asker, world: World) -> str:
    # A clock far ahead would keep an old request valid.
    if request.time - world.now > MAX_SKEW_MS:
        minutes = (request.time - world.now) // 60_000
        return (
            f"the clock of {author.person or 'the asker'}'s device is {minutes} minutes ahead of "
            "the executor's; set the one that is wrong"
        )
    # By the asker's end, by our clock, and never out of a backlog.
    late = world.now > request.expires or world.now - request.time > MAX_SKEW_MS or not world.fresh
    return _EXPIRED if late else ""


def _not_allowed(request: DeployRequest, author: Asker, world: World) -> str:
    if not author.person:
        return f"the device {author.device[:8]} belongs to nobody in the team"
    # The name in the event is text; the signature says whose it is.
    if request.person != author.person:
        return (
            f"it says it is from {request.person or 'nobody'}, but {author.person}'s device "
            "signed it"
        )
    if world.may_deploy(author.person, request.target, request.environment):
        return ""
    # A few names: an event cuts its reason, and the command at its end is the point.
    admins = ", ".join(world.who_may(Role.ADMIN)[:_NAMED]) or "nobody left in the team"
    place = f"{request.target}/{request.environment}"
    return (
        f"{author.person} may not deploy {request.target} to {request.environment}; "
        f"{admins} (admin) can grant it: devstream team grant {author.person} {Role.DEPLOYER} "
        f"{place}"
    )


def _wrong_commit(request: DeployRequest, target: Target) -> str:
    if not is_sha(request.sha):
        return f"it names no exact commit; it takes {SHA_RULE}"
    if request.ref and not is_ref(request.ref):
        return f"its ref cannot be deployed; a ref may have {REF_RULE}"
    if request.ref and not target.allows(request.ref):
        return (
            f"{request.ref} may not be deployed to {request.environment}; allowed are "
            f"{', '.join(target.refs)}"
        )
    # Without a repository nothing can tell from which ref a commit comes.
    if not request.ref and target.refs and not target.repository:
        return (
            f"it names no ref, and {request.target} {request.environment} takes only "
            f"{', '.join(target.refs)}"
        )
    return ""


def full_names(ref: str) -> tuple[str, ...]:
    """Return the full names that a ref may mean: a branch or a tag."""
    if not ref or ref.startswith(("refs/heads/", "refs/tags/")):
        return (ref,) if ref else ()
    # A short name may be a branch or a tag, and either will do.
    return (f"refs/heads/{ref}", f"refs/tags/{ref}")


def _moved(request: DeployRequest, target: Target, tips: Tips) -> str:
    # Unknown is refused: a moved branch would deploy what nobody chose.
    if tips.trouble:
        return f"what {request.ref or 'the commit'} is now cannot be checked: {tips.trouble}"
    wanted = short_revision(request.sha)
    if not request.ref:
        if any(
            commit == request.sha and target.allows(ref) for ref, commit in tips.commits.items()
        ):
            return ""
        return (
            f"{wanted} is not the newest commit of any branch or tag that may be deployed; name "
            "its ref"
        )
    found = [tips.commits[name] for name in full_names(request.ref) if name in tips.commits]
    if request.sha in found:
        return ""
    if not found:
        return f"there is no {short_ref(request.ref)} in the repository any more"
    return (
        f"{short_ref(request.ref)} is now at {short_revision(found[0])}, not at {wanted}; look at "
        "what changed and ask again"
    )
