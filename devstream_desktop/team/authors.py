"""Who may author what: the table that every receiver applies before it stores or passes on an event.

An event is judged by the policies in force at its own time or later: what a device wrote while it had a role stays true after the
role is taken away, a clock that runs a little behind does not turn a new member into a stranger, and only what was stamped after
the role had ended is refused. A revoked device could write any time on what it writes later: of its feeds only what the policy's `ends`
vouch for is taken at all (`ended`). Commands are not judged here but by the executor, against the current policy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from devstream_desktop.stream.entry import KEY_BYTES, device_id, public_key
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team.chain import PolicyChain
from devstream_desktop.team.policy import Policy


class Author(Enum):
    """The classes of authors; a name is the word in a refusal."""

    MEMBER = "member"
    COLLECTOR = "collector"
    EXECUTOR = "executor"
    RUNNER = "executor or collector"
    ISSUER = "issuer"
    ADMIN = "admin"


_BY_KIND = {
    Kind.CHANGE: Author.COLLECTOR,
    Kind.BUILD: Author.COLLECTOR,
    Kind.TEST: Author.COLLECTOR,
    Kind.INCIDENT: Author.COLLECTOR,
    Kind.TICKET: Author.COLLECTOR,
    Kind.SOURCE: Author.COLLECTOR,
    Kind.DEPLOY: Author.RUNNER,
    Kind.DUTY: Author.MEMBER,
    Kind.CLAIM: Author.MEMBER,
}
_BY_STATE = {
    (Kind.DEPLOY, "requested"): Author.MEMBER,
    (Kind.DEPLOY, "cancelled"): Author.MEMBER,
    (Kind.TEAM, "asked"): Author.ISSUER,
    (Kind.TEAM, "issuing"): Author.ISSUER,
    (Kind.TEAM, "joined"): Author.ADMIN,
    (Kind.TEAM, "rejected"): Author.ADMIN,
    (Kind.TEAM, "revoked"): Author.ADMIN,
    (Kind.TEAM, "policy"): Author.ADMIN,
    (Kind.TEAM, "available"): Author.EXECUTOR,
    (Kind.TEAM, "removed"): Author.EXECUTOR,
}

_ROLES = {
    Author.COLLECTOR: Role.COLLECTOR,
    Author.RUNNER: Role.COLLECTOR,
    Author.EXECUTOR: Role.EXECUTOR,
    Author.ISSUER: Role.ISSUER,
    Author.ADMIN: Role.ADMIN,
}
"""The role that makes a device an author of each class; an executor is a runner too."""


@dataclass(frozen=True)
class MissingRole:
    """The role that would let a device author something, and the persons who can give it."""

    role: Role
    grantors: tuple[str, ...]


def author_class(kind: Kind, state: str) -> Author | None:
    """Who may author a state of a kind; None when nobody may."""
    return _BY_STATE.get((kind, state)) or _BY_KIND.get(kind)


def refusal(chain: PolicyChain, device: str, kind: Kind, state: str, at_ms: int) -> str | None:
    """Why `device` may not author this at `at_ms` (UTC milliseconds), as a sentence; None when it may."""
    return _refused_by_all(chain, at_ms, lambda policy: _refused_by(policy, device, kind, state))


def refusal_of(chain: PolicyChain, device: str, event: Event, at_ms: int) -> str | None:
    """As `refusal`, and why `device` may not say just this: in the name of another person, executor or deploy."""
    return _refused_by_all(
        chain, at_ms, lambda policy: _refused_by(policy, device, event.kind, event.state) or _misfit(policy, device, event)
    )


def _refused_by_all(chain: PolicyChain, at_ms: int, refused: Callable[[Policy], str | None]) -> str | None:
    """What the last of the policies since then refuses it for; None when one of them takes it."""
    reason: str | None = None
    for policy in chain.since(at_ms):
        if (reason := refused(policy)) is None:
            break
    return reason


def outsider(policy: Policy, device: str) -> str | None:
    """Why a device is no member, as a sentence; None when it is one."""
    revoked = policy.revoked.get(device)
    if revoked is not None:
        return f"{policy.name_of(device)}'s device {device[:8]} was revoked: {revoked.why or 'no reason given'}"
    if not policy.is_member(device):
        return f"device {device[:8]} is not in the team {policy.name} (policy version {policy.version})"
    return None


def ended(policy: Policy, feed: bytes) -> tuple[int, bytes] | None:
    """The number and hash of the last entry of a revoked device's feed that is taken; number 0: none is. None: it goes on."""
    revoked = policy.revoked.get(device_id(feed[:KEY_BYTES]))
    if revoked is None:
        return None
    return next(((end.seq, end.hash) for end in revoked.ends if end.feed == feed), (0, b""))


def ends(policy: Policy) -> dict[bytes, int]:
    """The same for all feeds at once: the last number that is vouched for, by feed, and by device key (0) for its other feeds."""
    found: dict[bytes, int] = {}
    for device, revoked in policy.revoked.items():
        found[public_key(device)] = 0
        found |= {end.feed: end.seq for end in revoked.ends}
    return found


def missing_role(policy: Policy, device: str, kind: Kind, state: str) -> MissingRole | None:
    """The role that a member's device lacks to author this, with who can grant it; None when no role would help or none lacks."""
    author = author_class(kind, state)
    if author is None or author not in _ROLES or _is(policy, device, author):
        return None
    return MissingRole(_ROLES[author], policy.who_has(Role.ADMIN))


def _refused_by(policy: Policy, device: str, kind: Kind, state: str) -> str | None:
    reason = outsider(policy, device)
    if reason is not None:
        return reason
    author = author_class(kind, state)
    if author is not None and _is(policy, device, author):
        return None
    person = policy.name_of(device)
    if author is None:
        return f"{person} may not say {kind} {state}: nobody may"
    missing = missing_role(policy, device, kind, state)
    if missing is None:
        return f"{person} may not say {kind} {state}: only an {author.value} may"
    way = f"{' or '.join(missing.grantors)} can give it: devstream team grant {person} {missing.role}"
    return f"{person} may not say {kind} {state}: that takes the role {missing.role}; {way}"


def _is(policy: Policy, device: str, author: Author) -> bool:
    if author is Author.MEMBER:
        return policy.is_member(device)
    if author is Author.RUNNER:
        return policy.has_role(device, Role.EXECUTOR) or policy.has_role(device, Role.COLLECTOR)
    return policy.has_role(device, _ROLES[author])


def _misfit(policy: Policy, device: str, event: Event) -> str | None:
    """Why this content is not this author's to say, though the kind is."""
    if event.kind not in (Kind.DUTY, Kind.TEAM, Kind.DEPLOY):
        return None
    person = policy.name_of(device)
    if event.kind is Kind.DUTY and event.subject != f"duty/{person}":
        return f"{person} may not speak for the duty of somebody else"
    if event.kind is Kind.TEAM and event.state in ("available", "removed") and event.executor != device:
        return f"{person} may not offer the targets of another executor"
    if event.kind is Kind.TEAM and event.state == "issuing" and event.executor != device:
        return f"{person} may not say where another issuer is met"
    if event.kind is Kind.DEPLOY:
        return _deploy_misfit(policy, device, event)
    return None


def _deploy_misfit(policy: Policy, device: str, event: Event) -> str | None:
    person = policy.name_of(device)
    if event.state == "requested":
        number = event.request[:8]
        subject = f"deploy/{event.service}/{event.environment}/{number}"
        if event.request != event.key or event.number != number or event.subject != subject or not event.executor:
            return f"the deploy request by {person} does not name itself and its executor"
        return None
    if not event.request:
        # Seen at a deploy tool, not asked for here.
        observed = policy.has_role(device, Role.COLLECTOR)
        return None if observed else f"{person} may not report a deploy that nobody requested: that takes the role collector"
    if event.state != "cancelled" and (event.executor != device or not policy.has_role(device, Role.EXECUTOR)):
        return f"{person} may not answer a deploy request that is addressed to another executor"
    return None
