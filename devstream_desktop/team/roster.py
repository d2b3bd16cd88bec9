"""The people of a policy: the list of them, and what a grant changes."""

from __future__ import annotations

import msgspec

from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy import DEVICE_ROLES, Grant, Policy, check_grant


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the team."""

    person: str
    devices: tuple[str, ...]
    """Ids of the devices that are not revoked; none when the person was put out."""
    roles: tuple[Role, ...]
    grants: tuple[Grant, ...]
    """Where the person may deploy and approve."""
    issuer: bool
    """Whether an invite can be made here."""
    revoked: tuple[str, ...]


def roster(policy: Policy) -> tuple[Member, ...]:
    """Everybody, by name, the revoked too."""
    return tuple(_member(policy, person) for person in sorted(set(policy.persons.values())))


def granted(policy: Policy, person: str, role: Role, pattern: str) -> Policy:
    """The policy with a role given to a person: for a pattern (`*/*` when empty), or on all the person's devices. It may be the same.

    Raises:
        PolicyError: nobody has this name, or the pattern is wrong.

    """
    devices = policy.devices_of(person)
    if not devices:
        raise PolicyError(f"nobody in the team is called {clean(person, 40)}; there are: {', '.join(policy.people())}")
    if role not in DEVICE_ROLES:
        grant = Grant(role, person, pattern or "*/*")
        check_grant(grant)
        return policy if grant in policy.grants else msgspec.structs.replace(policy, grants=(*policy.grants, grant))
    if pattern:
        raise PolicyError(f"{role} is a role without targets; leave {clean(pattern, 80)} out")
    if role is Role.ADMIN:
        return msgspec.structs.replace(policy, admins=_with(policy.admins, devices))
    if role is Role.COLLECTOR:
        return msgspec.structs.replace(policy, collectors=_with(policy.collectors, devices))
    return msgspec.structs.replace(policy, executors=_with(policy.executors, devices))


def _with(before: tuple[str, ...], devices: tuple[str, ...]) -> tuple[str, ...]:
    return (*before, *(device for device in devices if device not in before))


def _member(policy: Policy, person: str) -> Member:
    devices = policy.devices_of(person)
    return Member(
        person=person,
        devices=devices,
        roles=tuple(role for role in Role if any(policy.has_role(device, role) for device in devices)),
        grants=tuple(grant for grant in policy.grants if grant.person == person),
        issuer=any(policy.is_issuer(device) for device in devices),
        revoked=tuple(device for device, owner in policy.persons.items() if owner == person and device in policy.revoked),
    )
