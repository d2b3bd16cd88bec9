"""Differences between two policies, in sentences for the admin who signs."""

from __future__ import annotations

from devstream_desktop.control.node_words import (
    AUDIT_DAYS,
    DEVICE_BECOMES,
    DEVICE_NO_LONGER,
    JOINS_APPROVED,
    KEPT_DAYS,
    MEMBER_JOINS,
    MEMBER_JOINS_AGAIN,
    MEMBER_REVOKED,
    MEMBER_REVOKED_WHY,
    NEEDED_ADMINS,
    PERSON_BECOMES,
    PERSON_NO_LONGER,
    POLICY_SAME,
    RECOVERY_KEY_NEW,
    TEAM_NAME,
)
from devstream_desktop.stream.words import Role
from devstream_desktop.team.policy.policy import DEVICE_ROLES, Policy


def differences(before: Policy, after: Policy) -> tuple[str, ...]:
    """List a policy's changes against another, a sentence each.

    An admin who is asked to sign it reads them.
    """
    known = set(before.persons.values())
    joined = [
        (MEMBER_JOINS_AGAIN if name in known else MEMBER_JOINS).format(
            person=name, device=after.machine_of(device)
        )
        for device, name in after.persons.items()
        if device not in before.persons
    ]
    revoked = [
        (MEMBER_REVOKED_WHY if how.why else MEMBER_REVOKED).format(
            person=after.name_of(device), device=device[:8], reason=how.why
        )
        for device, how in after.revoked.items()
        if device not in before.revoked
    ]
    return (*joined, *revoked, *regranted(before, after)) or (POLICY_SAME,)


def regranted(before: Policy, after: Policy) -> tuple[str, ...]:
    """List the differences that are not about members."""
    said: list[str] = []
    for role in Role:
        if role in DEVICE_ROLES:
            had, has = before.devices_with(role), after.devices_with(role)
            said += [
                DEVICE_BECOMES.format(person=after.name_of(device), role=role, device=device[:8])
                for device in has
                if device not in had
            ]
            # A revoked device loses its roles with it; one sentence says so already.
            lost = (device for device in had if device not in has and device not in after.revoked)
            said += [
                DEVICE_NO_LONGER.format(person=after.name_of(device), role=role, device=device[:8])
                for device in lost
            ]
    said += [
        PERSON_BECOMES.format(person=one.person, role=one.role, pattern=one.pattern)
        for one in after.grants
        if one not in before.grants
    ]
    said += [
        PERSON_NO_LONGER.format(person=one.person, role=one.role, pattern=one.pattern)
        for one in before.grants
        if one not in after.grants
    ]
    for message, old, new in (
        (NEEDED_ADMINS, before.threshold, after.threshold),
        (KEPT_DAYS, before.retention_days, after.retention_days),
        (AUDIT_DAYS, before.audit_days, after.audit_days),
        (JOINS_APPROVED, before.approve_joins, after.approve_joins),
        (TEAM_NAME, before.name, after.name),
    ):
        if old != new:
            said.append(message.format(new=new, old=old))
    if before.recovery != after.recovery:
        said.append(RECOVERY_KEY_NEW)
    return tuple(said)
