"""Validity of a policy: its parts are in range and do not contradict each other."""

from __future__ import annotations

import re

from devstream_desktop.stream.entry import FEED_BYTES, HASH_BYTES, MAX_SEQ, public_key
from devstream_desktop.stream.text import clean
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.names import check_machine, check_name
from devstream_desktop.team.policy.policy import DEVICE_ROLES, Grant, Policy, Revocation

_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,80}/[A-Za-z0-9._*?\[\]!-]{1,80}")
_MAX_TIME = 1 << 47
MAX_DAYS = 3650
"""Days for which anything is kept."""
_MAX_VERSION = 1 << 31
_MAX_WHY = 400
_MAX_DEVICES = 2000
_MAX_ISSUERS = 16
_MAX_CERTIFICATE = 2048
_MAX_ENDS = 64


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
    for machine in policy.machines.values():
        check_machine(machine)
    for grant in policy.grants:
        check_name(grant.person, "person")
        check_grant(grant)
    admins = len(policy.active_admins())
    # A policy that nobody can change any more would end the team.
    if not 1 <= policy.threshold <= admins:
        raise PolicyError(
            f"nobody could change the team again: {admins} admin device"
            f"{'' if admins == 1 else 's'} would be left, and "
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
