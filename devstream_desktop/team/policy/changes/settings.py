"""The team's settings, and its key on paper."""

from __future__ import annotations

import msgspec

from devstream_desktop.team.certificates import new_issuer
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.changes.change import Change, including
from devstream_desktop.team.policy.policy import Policy


def settings(
    *,
    threshold: int = 0,
    approve_joins: bool | None = None,
    retention_days: int = 0,
    audit_days: int = 0,
) -> Change:
    """Other settings; what is left out stays."""

    def change(policy: Policy) -> Policy:
        return msgspec.structs.replace(
            policy,
            threshold=threshold or policy.threshold,
            approve_joins=policy.approve_joins if approve_joins is None else approve_joins,
            retention_days=retention_days or policy.retention_days,
            audit_days=audit_days or policy.audit_days,
        )

    return change


def recovery(device: str) -> Change:
    """Trust a key on paper, in place of the one before."""
    return lambda policy: msgspec.structs.replace(policy, recovery=device)


def recover(device: str, now_ms: int) -> Change:
    """Make a member's device an admin, by the recovery key."""

    def change(policy: Policy) -> Policy:
        # The paper gives a member the role; it lets nobody in.
        if not policy.is_member(device):
            raise PolicyError(
                "this device is not in the team; recover on a device that is, or join first"
            )
        issuers = (
            policy.issuers
            if device in policy.issuers
            else {**policy.issuers, device: new_issuer(device, now_ms)}
        )
        return msgspec.structs.replace(
            policy, admins=including(policy.admins, (device,)), issuers=issuers
        )

    return change
