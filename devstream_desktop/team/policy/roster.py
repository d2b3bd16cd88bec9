"""The people of a policy, as a list."""

from __future__ import annotations

import msgspec

from devstream_desktop.stream.words import Role
from devstream_desktop.team.policy.policy import Grant, Policy


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the team."""

    person: str
    devices: tuple[str, ...]
    """Ids of the devices that are not revoked; none when the person was put out."""
    roles: tuple[Role, ...]
    grants: tuple[Grant, ...]
    """The person's grants to deploy and approve."""
    revoked: tuple[str, ...]


def roster(policy: Policy) -> tuple[Member, ...]:
    """Everybody, by name, the revoked too."""
    return tuple(_member(policy, person) for person in sorted(set(policy.persons.values())))


def _member(policy: Policy, person: str) -> Member:
    devices = policy.devices_of(person)
    return Member(
        person=person,
        devices=devices,
        roles=tuple(
            role for role in Role if any(policy.has_role(device, role) for device in devices)
        ),
        grants=tuple(grant for grant in policy.grants if grant.person == person),
        revoked=tuple(
            device
            for device, owner in policy.persons.items()
            if owner == person and device in policy.revoked
        ),
    )
