"""Roles that are given and taken away again."""

from __future__ import annotations

import msgspec

from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import new_issuer
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.changes.change import Change, including, without
from devstream_desktop.team.policy.policy import DEVICE_ROLES, Grant, Policy
from devstream_desktop.team.policy.validity import check_grant


def grant(person: str, role: Role, pattern: str, now_ms: int) -> Change:
    """Give a role to a person: for a pattern (`*/*` when empty), or on all the person's devices.

    An admin is an issuer too.

    The change raises PolicyError: nobody has this name, or the pattern is wrong.
    """

    def change(policy: Policy) -> Policy:
        devices = _devices(policy, person)
        if role not in DEVICE_ROLES:
            given = Grant(role, person, pattern or "*/*")
            # Here, so that the person hears of a wrong pattern at once.
            check_grant(given)
            return (
                policy
                if given in policy.grants
                else msgspec.structs.replace(policy, grants=(*policy.grants, given))
            )
        _no_pattern(role, pattern)
        if role is Role.COLLECTOR:
            return msgspec.structs.replace(policy, collectors=including(policy.collectors, devices))
        if role is Role.EXECUTOR:
            return msgspec.structs.replace(policy, executors=including(policy.executors, devices))
        # An issuer gets an authority of its own; one that it has already is kept.
        new = {
            device: new_issuer(device, now_ms) for device in devices if device not in policy.issuers
        }
        # An admin is an issuer too, else its approval could not let anybody in.
        admins = including(policy.admins, devices) if role is Role.ADMIN else policy.admins
        return msgspec.structs.replace(policy, admins=admins, issuers=policy.issuers | new)

    return change


def ungrant(person: str, role: Role, pattern: str) -> Change:
    """Take a role away again.

    The grant of a pattern (all when empty), or from all the person's devices. An admin's authority
    goes with it.

    The change raises PolicyError: nobody has this name, or the role was not granted like that.
    """

    def change(policy: Policy) -> Policy:
        devices = frozenset(_devices(policy, person))
        if role not in DEVICE_ROLES:
            gone = {
                given
                for given in policy.grants
                if given.person == person and given.role is role and pattern in ("", given.pattern)
            }
            # A grant that was not there is a typing mistake, and the person should hear of it.
            if not gone:
                raise PolicyError(
                    f"{person} is not {role}{f' of {clean(pattern, 80)}' if pattern else ''}; see "
                    "devstream team members"
                )
            return msgspec.structs.replace(
                policy, grants=tuple(given for given in policy.grants if given not in gone)
            )
        _no_pattern(role, pattern)
        if not devices & set(policy.devices_with(role)):
            raise PolicyError(f"{person} is not {role}; see devstream team members")
        if role is Role.COLLECTOR:
            return msgspec.structs.replace(policy, collectors=without(policy.collectors, devices))
        if role is Role.EXECUTOR:
            return msgspec.structs.replace(policy, executors=without(policy.executors, devices))
        # Admins are issuers by their role, so this would have no effect.
        if role is Role.ISSUER and devices & set(policy.admins):
            raise PolicyError(
                f"{person} is an admin, and an admin accepts joins; take that away: devstream "
                f"team ungrant {person} admin"
            )
        issuers = {
            device: issuer for device, issuer in policy.issuers.items() if device not in devices
        }
        return msgspec.structs.replace(
            policy, admins=without(policy.admins, devices), issuers=issuers
        )

    return change


def _devices(policy: Policy, person: str) -> tuple[str, ...]:
    devices = policy.devices_of(person)
    if not devices:
        raise PolicyError(
            f"nobody in the team is called {clean(person, 40)}; there are: "
            f"{', '.join(policy.people())}"
        )
    return devices


def _no_pattern(role: Role, pattern: str) -> None:
    if pattern:
        raise PolicyError(f"{role} is a role without targets; leave {clean(pattern, 80)} out")
