"""Differences between two policies, in sentences for the admin who signs."""

from __future__ import annotations

from devstream_desktop.stream.words import Role
from devstream_desktop.team.policy.policy import DEVICE_ROLES, Policy


def differences(before: Policy, after: Policy) -> tuple[str, ...]:
    """List a policy's changes against another, a sentence each.

    An admin who is asked to sign it reads them.
    """
    known = set(before.persons.values())
    joined = [
        f"{name} joins{' with another device' * (name in known)} (device"
        f" {after.machine_of(device)})"
        for device, name in after.persons.items()
        if device not in before.persons
    ]
    revoked = [
        f"{after.name_of(device)}'s device {device[:8]} is "
        f"revoked{f': {how.why}' if how.why else ''}"
        for device, how in after.revoked.items()
        if device not in before.revoked
    ]
    return (*joined, *revoked, *regranted(before, after)) or (
        "it is the same policy with a new end",
    )


def regranted(before: Policy, after: Policy) -> tuple[str, ...]:
    """List the differences that are not about members."""
    said: list[str] = []
    for role in Role:
        if role in DEVICE_ROLES:
            had, has = before.devices_with(role), after.devices_with(role)
            said += [
                f"{after.name_of(device)} becomes {role} on {device[:8]}"
                for device in has
                if device not in had
            ]
            # A revoked device loses its roles with it; one sentence says so already.
            lost = (device for device in had if device not in has and device not in after.revoked)
            said += [
                f"{after.name_of(device)} is no longer {role} on {device[:8]}" for device in lost
            ]
    said += [
        f"{one.person} becomes {one.role} of {one.pattern}"
        for one in after.grants
        if one not in before.grants
    ]
    said += [
        f"{one.person} is no longer {one.role} of {one.pattern}"
        for one in before.grants
        if one not in after.grants
    ]
    for label, old, new in (
        ("admins who must sign a change", before.threshold, after.threshold),
        ("days that events are kept", before.retention_days, after.retention_days),
        ("days that deploys are kept for an audit", before.audit_days, after.audit_days),
        ("joins are approved", before.approve_joins, after.approve_joins),
        ("the team's name", before.name, after.name),
    ):
        if old != new:
            said.append(f"{label}: {new} instead of {old}")
    if before.recovery != after.recovery:
        said.append("there is a new recovery key")
    return tuple(said)
