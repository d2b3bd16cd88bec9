"""The author table: every receiver applies it before it stores or forwards an event.

An event is judged by the policies in force at its own time or later. What a device wrote while it
had a role stays true after the role is taken away. A clock that runs a little behind does not turn
a new member into a stranger. Only what was stamped after the role had ended is rejected.

A revoked device could write any time on what it writes later. Of its feeds only what the policy's
`ends` cover is accepted (`ended`).

Commands are not judged here but by the executor, against the current policy alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devstream_desktop.control.node_words import DEVICE_REVOKED, DEVICE_UNKNOWN
from devstream_desktop.language import _
from devstream_desktop.stream.entry import KEY_BYTES, device_id, public_key
from devstream_desktop.stream.event import NAME_LENGTH, Event
from devstream_desktop.stream.fact import AuthorClass, author_class, request_key
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.policy import Policy

_ROLES = {
    AuthorClass.COLLECTOR: Role.COLLECTOR,
    AuthorClass.EXECUTOR: Role.EXECUTOR,
    AuthorClass.ISSUER: Role.ISSUER,
    AuthorClass.ADMIN: Role.ADMIN,
}
"""The role that makes a device an author of each class."""


@dataclass(frozen=True)
class MissingRole:
    """The role that a device lacks, and who can grant it."""

    role: Role
    grantors: tuple[str, ...]


def refusal_of(chain: PolicyChain, device: str, event: Event, at_ms: int) -> str | None:
    """Return why `device` may not publish this at `at_ms`; None when it may.

    `at_ms` is UTC milliseconds. `event` is as it was signed (`stream.event.decode_event`), because
    the key of a deploy request is a hash of it.
    """
    return _refused_by_all(
        chain,
        at_ms,
        lambda policy: _refused_by(policy, device, event) or _misfit(policy, device, event),
    )


def _refused_by_all(
    chain: PolicyChain, at_ms: int, refused: Callable[[Policy], str | None]
) -> str | None:
    """Return the last policy's reason for a refusal; None when one accepts it."""
    reason: str | None = None
    # One policy that allows it suffices: roles taken away later do not undo the past.
    for policy in chain.since(at_ms):
        if (reason := refused(policy)) is None:
            break
    return reason


def outsider(policy: Policy, device: str) -> str | None:
    """Return why a device is no member, as a sentence; None for a member."""
    revoked = policy.revoked.get(device)
    if revoked is not None:
        return _(DEVICE_REVOKED).format(
            person=policy.name_of(device),
            device=device[:8],
            reason=revoked.why or _("no reason given"),
        )
    if not policy.is_member(device):
        return _(DEVICE_UNKNOWN).format(device=device[:8], team=policy.name, version=policy.version)
    return None


def way_back(person: str) -> str:
    """Return how a person comes back whose device is out."""
    return _("ask an admin for an invite ({invite}), then here: {leave}, and {join}").format(
        invite=f"devstream team invite --for {person}",
        leave="devstream team leave",
        join="devstream team join INVITE",
    )


def ended(policy: Policy, feed: bytes) -> tuple[int, bytes] | None:
    """Return the last accepted entry of a revoked device's feed: number and hash.

    Number 0: no entry is accepted. None: the device is not revoked.
    """
    revoked = policy.revoked.get(device_id(feed[:KEY_BYTES]))
    # Only revoked devices have an end.
    if revoked is None:
        return None
    return next(((end.seq, end.hash) for end in revoked.ends if end.feed == feed), (0, b""))


def ends(policy: Policy) -> dict[bytes, int]:
    """Return the same for all feeds at once.

    The last number that is vouched for, by feed, and by device key (0) for its other feeds.
    """
    found: dict[bytes, int] = {}
    for device, revoked in policy.revoked.items():
        found[public_key(device)] = 0
        found |= {end.feed: end.seq for end in revoked.ends}
    return found


def missing_role(
    policy: Policy, device: str, kind: Kind, state: str, request: str = ""
) -> MissingRole | None:
    """Return the role that a member's device lacks to author this.

    None when it lacks none, or when no role would help.
    """
    author = author_class(kind, state, request)
    if author is None or author not in _ROLES or _is(policy, device, author):
        return None
    return MissingRole(_ROLES[author], policy.who_has(Role.ADMIN))


def _refused_by(policy: Policy, device: str, event: Event) -> str | None:
    reason = outsider(policy, device)
    if reason is not None:
        return reason
    author = author_class(event.kind, event.state, event.request)
    if author is not None and _is(policy, device, author):
        return None
    person, said = policy.name_of(device), f"{event.kind} {event.state}"
    if author is None:
        return f"{person} may not publish {said}: no role allows it"
    role = _ROLES[author]
    grantors = " or ".join(policy.who_has(Role.ADMIN))
    way = f"{grantors} can give it: devstream team grant {person} {role}"
    return f"{person} may not publish {said}: it takes the role {role}; {way}"


def _is(policy: Policy, device: str, author: AuthorClass) -> bool:
    if author is AuthorClass.MEMBER:
        return policy.is_member(device)
    return policy.has_role(device, _ROLES[author])


def _misfit(policy: Policy, device: str, event: Event) -> str | None:
    """Return why this author may not publish this content.

    The kind itself is allowed.
    """
    author = author_class(event.kind, event.state, event.request)
    person = clean(policy.name_of(device), NAME_LENGTH)  # as an event has it
    if author is AuthorClass.MEMBER and event.actor != person:
        return (
            f"{person} may not publish {event.kind} {event.state} in the name of "
            f"{event.actor or 'nobody'}"
        )
    # A number would make a second row of one person's duty, as many as one likes.
    if event.kind is Kind.DUTY and (event.subject != f"duty/{person}" or event.number):
        return f"{person} may not speak for the duty of somebody else"
    if event.kind is Kind.TEAM and event.state == "left":
        if event.subject != f"member/{device}":
            return f"{person} may not publish that another device leaves"
        # As with duty: a device leaves once.
        if event.number:
            return f"{person} may not publish a number of times that a device leaves"
    if author is AuthorClass.EXECUTOR and event.executor != device:
        what = (
            "answer a deploy request that is addressed to"
            if event.kind is Kind.DEPLOY
            else "offer the targets of"
        )
        return f"{person} may not {what} another executor"
    if event.kind is Kind.TEAM and event.state == "issuing" and event.executor != device:
        return f"{person} may not publish another issuer's address"
    if (
        event.kind is Kind.DEPLOY
        and event.state == "requested"
        and not _names_itself(event, device)
    ):
        return f"the deploy request by {person} does not name itself and its executor"
    return None


def _names_itself(event: Event, device: str) -> bool:
    number = event.key[:8]
    subject = f"deploy/{event.service}/{event.environment}/{number}"
    own = event.key == event.request == request_key(event, device)
    return own and event.number == number and event.subject == subject and bool(event.executor)
