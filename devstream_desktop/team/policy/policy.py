"""The policy: the one document that says who is in a team and what each may do.

Immutable; a change is a new version.

Collector, executor, issuer and admin are devices, because a machine does these. Deployer and
approver are persons, for targets and environments by pattern, because a person answers for these.
`validity.py` refuses one that contradicts itself, `chain.py` decides which policy is the team's,
`changes/` makes the next.
"""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase

import msgspec

from devstream_desktop.stream.words import Role

LIFETIME_MS = 90 * 86_400_000
"""Life of a policy, milliseconds.

An executor deploys nothing under one that was not renewed for this long: someone may be holding
newer ones back.
"""
WARNING_MS = 14 * 86_400_000
"""Milliseconds before a policy's end from which everybody is warned."""
DEVICE_ROLES = frozenset({Role.ADMIN, Role.ISSUER, Role.COLLECTOR, Role.EXECUTOR})
"""Roles of devices; the others are persons'."""


class Grant(msgspec.Struct, frozen=True):
    """A person's role for targets and environments.

    `pattern` is `target/environment` with `*`, `?` and `[ab]`.
    """

    role: Role
    person: str
    pattern: str


class End(msgspec.Struct, frozen=True, array_like=True):
    """The newest entry that counts as a revoked device's own."""

    feed: bytes
    seq: int
    hash: bytes


class Revocation(msgspec.Struct, frozen=True, array_like=True):
    """Revocation of a device: when (UTC milliseconds), why, and the end of its feeds.

    An entry of a revoked device is taken only if the hash chain leads to it from one of the `ends`.
    Time could not decide that: whoever has the key writes any date, and a member that does not know
    of the revocation passes it on.
    """

    when: int
    why: str
    ends: tuple[End, ...] = ()


class Issuer(msgspec.Struct, frozen=True, array_like=True):
    """A device's own certificate authority.

    One each, so that it ends with its device and no key is ever carried from one to another.
    """

    certificate: bytes
    """DER."""
    sealed_key: bytes
    """The authority's private key, sealed to the device (`keys.seal_for`).

    Whoever made it an issuer need not meet it.
    """


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One version. Times are UTC milliseconds; devices are device ids."""

    version: int
    """From 1, and always the one before plus one."""
    team: str
    """The team's id; empty in version 1, which the id is the hash of."""
    name: str
    prev: str
    """SHA-256 in hexadecimal of the version before, as it was signed; empty in version 1."""
    issued: int
    expires: int
    admins: tuple[str, ...]
    threshold: int
    """Admins who must sign the next version."""
    issuers: dict[str, Issuer]
    collectors: tuple[str, ...]
    executors: tuple[str, ...]
    persons: dict[str, str]
    """The person of each device.

    A revoked device keeps its entry, so that what it wrote keeps its name.
    """
    revoked: dict[str, Revocation] = {}
    grants: tuple[Grant, ...] = ()
    retention_days: int = 30
    audit_days: int = 400
    """Days for which executors and collectors keep the signed events of deploys."""
    approve_joins: bool = True
    """True when admins approve joins, once the team has two people."""
    recovery: str = ""
    """The id of the key that is kept on paper; its signature counts as one admin's."""
    machines: dict[str, str] = {}
    """The name of each device's machine, as it said when it joined; for people to read."""

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """The certificates (DER) of the authorities that the team trusts.

        Those of issuers that are in it.
        """
        return tuple(
            issuer.certificate for device, issuer in self.issuers.items() if self.is_member(device)
        )

    @property
    def pins(self) -> frozenset[str]:
        """The SHA-256, in hexadecimal, of each of the `authorities`."""
        return frozenset(
            hashlib.sha256(certificate).hexdigest() for certificate in self.authorities
        )

    @property
    def asks_approval(self) -> bool:
        """True when a joiner with an invite waits for an admin's approval."""
        return self.approve_joins and len(self.people()) > 1

    def person_of(self, device: str) -> str | None:
        """Return the person behind a device.

        None for a stranger and for a revoked device, so that neither inherits a right.
        """
        return None if device in self.revoked else self.persons.get(device)

    def name_of(self, device: str) -> str:
        """Return the author's name, revoked or not. A stranger is the start of its id."""
        return self.persons.get(device) or device[:8]

    def machine_of(self, device: str) -> str:
        """Return the name of a device for a person: its machine's, and the start of its id."""
        return f"{self.machines.get(device, '')} {device[:8]}".lstrip()

    def devices_of(self, person: str) -> tuple[str, ...]:
        """Return the devices of a person that are not revoked."""
        return tuple(
            device
            for device, owner in self.persons.items()
            if owner == person and device not in self.revoked
        )

    def people(self) -> tuple[str, ...]:
        """Everybody with a device that is not revoked, by name."""
        return tuple(
            sorted({owner for device, owner in self.persons.items() if device not in self.revoked})
        )

    @property
    def of_one_device(self) -> bool:
        """True while nobody but one device is in the team."""
        return len(self.persons.keys() - set(self.revoked)) == 1

    def is_member(self, device: str) -> bool:
        """Return true when a device is in the team and not revoked."""
        return device in self.persons and device not in self.revoked

    def is_issuer(self, device: str) -> bool:
        """Return true when a device may issue certificates."""
        return device in self.issuers and self.is_member(device)

    def has_role(self, device: str, role: Role) -> bool:
        """Return true when a device or its person has a role.

        A person's role counts for any target.
        """
        # Revoked devices stay in the lists of roles, and have none of them.
        if not self.is_member(device):
            return False
        if role in DEVICE_ROLES:
            return device in self.devices_with(role)
        return any(
            grant.role is role and grant.person == self.persons[device] for grant in self.grants
        )

    def may(self, person: str, role: Role, target: str, environment: str) -> bool:
        """Return true when a member has `role` for a target's environment."""
        devices = self.devices_of(person)
        if role in DEVICE_ROLES:
            return any(self.has_role(device, role) for device in devices)
        # A person without a device is out, whatever was granted to the name.
        return bool(devices) and any(
            grant.role is role
            and grant.person == person
            and _matches(grant.pattern, target, environment)
            for grant in self.grants
        )

    def who_has(self, role: Role) -> tuple[str, ...]:
        """Return the names of the persons with a role.

        A role of devices counts for their person.
        """
        return tuple(
            person
            for person in self.people()
            if any(self.has_role(device, role) for device in self.devices_of(person))
        )

    def active_admins(self) -> tuple[str, ...]:
        """Return the admins that are not revoked."""
        return tuple(device for device in self.admins if self.is_member(device))

    def signers(self) -> frozenset[str]:
        """Return the keys whose signature counts: the admins', and the one on paper."""
        return frozenset((*self.active_admins(), *((self.recovery,) if self.recovery else ())))

    def devices_with(self, role: Role) -> tuple[str, ...]:
        """Return the devices that are given a device's role, revoked ones too."""
        match role:
            case Role.COLLECTOR:
                return self.collectors
            case Role.EXECUTOR:
                return self.executors
            case Role.ADMIN:
                return self.admins
            case Role.ISSUER:
                return tuple(self.issuers)
        raise ValueError(f"{role} is no role of a device")


def _matches(pattern: str, target: str, environment: str) -> bool:
    # Each half for itself: a star must not reach over the slash.
    wanted_target, _, wanted_environment = pattern.partition("/")
    return fnmatchcase(target, wanted_target) and fnmatchcase(environment, wanted_environment)
