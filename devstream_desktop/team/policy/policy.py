"""The policy: the one document that says who is in a team and what each may do.

Immutable; a change is a new version.

Collector, executor, issuer and admin are devices, because a machine does these. Deployer and
approver are persons, for targets and environments by pattern, because a person answers for these.
`chain.py` decides which policy is the team's, `changes/` makes the next.
"""

from __future__ import annotations

import hashlib
import platform
import re
import unicodedata
from fnmatch import fnmatchcase

import msgspec

from devstream_desktop.stream.entry import FEED_BYTES, HASH_BYTES, MAX_SEQ, public_key
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError, PolicyForkError

__all__ = [
    "DEVICE_ROLES",
    "LIFETIME_MS",
    "MACHINE_LENGTH",
    "WARNING_MS",
    "End",
    "Grant",
    "Issuer",
    "Policy",
    "PolicyError",
    "PolicyForkError",
    "Revocation",
    "check_name",
    "check_policy",
    "fold",
    "machine_name",
]

LIFETIME_MS = 90 * 86_400_000
"""Life of a policy, milliseconds.

An executor deploys nothing under one that was not renewed for this long: someone may be holding
newer ones back.
"""
WARNING_MS = 14 * 86_400_000
"""Milliseconds before a policy's end from which everybody is warned."""
DEVICE_ROLES = frozenset({Role.ADMIN, Role.ISSUER, Role.COLLECTOR, Role.EXECUTOR})
"""Roles of devices; the others are persons'."""

_NAME = re.compile(r"[^\W_][\w.@' -]*")
_NAME_LIMITS = {"person": 40, "team": 60}
MACHINE_LENGTH = 40
"""Characters of a machine's name at most."""
_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,80}/[A-Za-z0-9._*?\[\]!-]{1,80}")
_LOOKS_LIKE = str.maketrans(
    "авгеіјкмнорстухьѕһԁԛԝӏ" + "αβεηικμνορτυχγ" + "01i",
    "abreljkmhopctyxbshdqwl" + "abehlkmnoptyxy" + "oll",
)
"""Cyrillic and Greek letters and digits that pass for Latin letters.

Small or capital, by Unicode's table of confusables
(https://www.unicode.org/Public/security/latest/confusables.txt).
"""
_MAX_TIME = 1 << 47
MAX_DAYS = 3650
"""Days for which anything is kept."""
_MAX_VERSION = 1 << 31
_MAX_WHY = 400
_MAX_DEVICES = 2000
_MAX_ISSUERS = 16
_MAX_CERTIFICATE = 2048
_MAX_ENDS = 64


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


def check_policy(policy: Policy) -> None:
    """Refuse a policy whose parts contradict each other.

    It is done before the policy decides anything.

    Raises:
        PolicyError: which part, and why.

    """
    # Numbers of other sizes would not fit the stamps that nodes compare.
    if not 0 < policy.version < _MAX_VERSION:
        raise PolicyError("the policy's version is out of range")
    check_name(policy.name, "team")
    # Bounded, because every node keeps every version for good.
    lists = {f"{role}s": policy.devices_with(role) for role in DEVICE_ROLES}
    keys = {
        "persons": tuple(policy.persons),
        "revoked": tuple(policy.revoked),
        "machines": tuple(policy.machines),
        "recovery key": (policy.recovery,) * bool(policy.recovery),
    }
    for label, devices in (lists | keys).items():
        if len(devices) != len(set(devices)) or len(devices) > _MAX_DEVICES:
            raise PolicyError(f"the policy's {label} name a device twice, or too many")
        for device in devices:
            _check_device(device, label)
    for person in policy.persons.values():
        check_name(person, "person")
    # They are shown as they are, so nothing may hide in one.
    if any(clean(name, MACHINE_LENGTH) != name for name in policy.machines.values()):
        raise PolicyError("the policy has a name of a machine that would be shown otherwise")
    for grant in policy.grants:
        check_name(grant.person, "person")
        check_grant(grant)
    admins = len(policy.active_admins())
    # A policy that nobody can change any more would end the team.
    if not 1 <= policy.threshold <= admins:
        raise PolicyError(
            f"nobody could change the team again: {admins} admin devices would be left, and "
            f"{policy.threshold} must sign a change;"
            " make somebody else an admin first, or ask for fewer signatures: devstream team set "
            "--threshold N"
        )
    days = (policy.retention_days, policy.audit_days)
    if not 0 < policy.issued < policy.expires < _MAX_TIME or not all(
        1 <= each <= MAX_DAYS for each in days
    ):
        raise PolicyError("the policy has a time that is out of range")
    # The paper must not be a device's key, which is on a disk.
    if policy.recovery in policy.persons:
        raise PolicyError("the recovery key is a device's key; it must be one of its own")
    if (
        not policy.authorities
        or len(policy.issuers) > _MAX_ISSUERS
        or len(set(policy.issuers.values())) != len(policy.issuers)
    ):
        raise PolicyError(
            "the policy names no certificate authority of its own for each issuer, or more than "
            f"{_MAX_ISSUERS}"
        )
    if not all(
        0 < len(issuer.certificate) <= _MAX_CERTIFICATE >= len(issuer.sealed_key)
        for issuer in policy.issuers.values()
    ):
        raise PolicyError("the policy has a certificate authority that is none")
    for revocation in policy.revoked.values():
        _check_revocation(revocation)


def check_grant(grant: Grant) -> None:
    """Refuse a grant that can never match, or of a device's role.

    Raises:
        PolicyError: what is wrong, and what is allowed.

    """
    if grant.role in DEVICE_ROLES:
        raise PolicyError(f"{grant.role} is a device's role and has no targets")
    # A pattern that never matches would look like a grant.
    if not _PATTERN.fullmatch(grant.pattern):
        raise PolicyError(
            f"{clean(grant.pattern, 80)!r} is not TARGET/ENVIRONMENT; as in shop/production, "
            "shop/* or */staging"
        )


def check_name(name: str, what: str) -> None:
    """Refuse a `person` or `team` name that would be shown otherwise.

    Raises:
        PolicyError: the name, and what is allowed.

    """
    limit = _NAME_LIMITS[what]
    # What is cleaned away when it is shown could hide a second person behind one name.
    if not _NAME.fullmatch(name) or clean(name, limit) != name:
        allowed = f"up to {limit} letters, digits, spaces and . @ ' _ - after a letter or digit"
        raise PolicyError(f"{clean(name, limit)!r} is not a name for a {what}: {allowed}")


def machine_name() -> str:
    """Return the name of this machine as its device is listed by; perhaps empty."""
    return clean(platform.node().partition(".")[0], MACHINE_LENGTH)


def fold(name: str) -> str:
    """Return the common form of all names that look alike."""
    # Compatibility forms first, then case, then letters that look alike.
    plain = unicodedata.normalize("NFKC", clean(name).casefold())
    return " ".join(plain.translate(_LOOKS_LIKE).split())


def _matches(pattern: str, target: str, environment: str) -> bool:
    # Each half for itself: a star must not reach over the slash.
    wanted_target, _, wanted_environment = pattern.partition("/")
    return fnmatchcase(target, wanted_target) and fnmatchcase(environment, wanted_environment)


def _check_revocation(revocation: Revocation) -> None:
    if not 0 <= revocation.when < _MAX_TIME or len(revocation.why) > _MAX_WHY:
        raise PolicyError(
            "the policy's entry of a revoked device has a time out of range, or is too long"
        )
    if len(revocation.ends) > _MAX_ENDS or not all(
        len(end.feed) == FEED_BYTES and len(end.hash) == HASH_BYTES and 0 < end.seq <= MAX_SEQ
        for end in revocation.ends
    ):
        raise PolicyError("the policy ends the feed of a revoked device where no feed can end")


def _check_device(device: str, label: str) -> None:
    try:
        public_key(device)
    except ValueError:
        raise PolicyError(
            f"the policy's {label} name {clean(device, 60)!r}, which is not a device id"
        ) from None
