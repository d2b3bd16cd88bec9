"""The roles of the policy in words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devstream_desktop.language import N_, _
from devstream_desktop.stream.words import Role

ROLES = (
    (Role.DEPLOYER, N_("deployer: may deploy where the pattern says")),
    (Role.APPROVER, N_("approver: may approve a deploy where the pattern says")),
    (
        Role.BREAK_GLASS,
        N_("break-glass: may deploy outside the hours, with a reason that all read"),
    ),
    (Role.ADMIN, N_("admin: may change the team and approve joins")),
    (Role.COLLECTOR, N_("collector: their device collects from sources")),
    (Role.EXECUTOR, N_("executor: their device runs deploys")),
)
"""The roles that can be given, and what each of them allows."""
_WORDS: Mapping[str, str] = MappingProxyType(
    {
        Role.ADMIN: N_("admin"),
        Role.ISSUER: N_("issuer"),
        Role.COLLECTOR: N_("collector"),
        Role.EXECUTOR: N_("executor"),
        Role.DEPLOYER: N_("deployer"),
        Role.APPROVER: N_("approver"),
        Role.BREAK_GLASS: N_("break-glass"),
    }
)


def role_text(held: str) -> str:
    """Return a role as a person reads it; `held` is as the node lists it.

    Such as `deployer shop/production`, or `admin` alone.
    """
    role, space, pattern = held.partition(" ")
    return f"{_(_WORDS[role]) if role in _WORDS else role}{space}{pattern}"
