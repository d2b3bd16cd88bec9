"""The changes that an admin can make.

Each is a pure function from a policy to the next one's content, refused in words when it makes no
sense.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from devstream_desktop.stream.entry import KEY_BYTES, device_id
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import new_issuer
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.policy import (
    DEVICE_ROLES,
    End,
    Grant,
    Policy,
    Revocation,
    check_grant,
    check_name,
    fold,
)

Change = Callable[[Policy], Policy]
"""May return the policy as it was: then there is nothing to sign."""

_K = TypeVar("_K")
_V = TypeVar("_V")
_MIN_DEVICE = 8


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
            return msgspec.structs.replace(policy, collectors=_with(policy.collectors, devices))
        if role is Role.EXECUTOR:
            return msgspec.structs.replace(policy, executors=_with(policy.executors, devices))
        # An issuer gets an authority of its own; one that it has already is kept.
        new = {
            device: new_issuer(device, now_ms) for device in devices if device not in policy.issuers
        }
        # An admin is an issuer too, else its approval could not let anybody in.
        admins = _with(policy.admins, devices) if role is Role.ADMIN else policy.admins
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
            return msgspec.structs.replace(policy, collectors=_without(policy.collectors, devices))
        if role is Role.EXECUTOR:
            return msgspec.structs.replace(policy, executors=_without(policy.executors, devices))
        # Admins are issuers by their role, so this would have no effect.
        if role is Role.ISSUER and devices & set(policy.admins):
            raise PolicyError(
                f"{person} is an admin, and an admin lets people in; take that away: devstream "
                f"team ungrant {person} admin"
            )
        issuers = {
            device: issuer for device, issuer in policy.issuers.items() if device not in devices
        }
        return msgspec.structs.replace(
            policy, admins=_without(policy.admins, devices), issuers=issuers
        )

    return change


def revoke(devices: Sequence[str], why: str, when_ms: int, ends: Iterable[End]) -> Change:
    """Put devices out for good.

    Of what they wrote, only what leads up to `ends` is passed on from now on.

    Where fewer admins are left than must sign a change, that many suffice from then on: a stolen
    device must not stay for that.
    """
    known = tuple(ends)

    def change(policy: Policy) -> Policy:
        revoked = {
            device: Revocation(
                when_ms, clean(why, 80), tuple(end for end in known if _is_by(end, device))
            )
            for device in devices
            if device not in policy.revoked
        }
        gone = frozenset(devices)
        # Fewer admins may be left than must sign, and nobody could change the team again.
        left = len(_without(policy.active_admins(), gone))
        return msgspec.structs.replace(
            policy,
            threshold=max(1, min(policy.threshold, left)),
            revoked=policy.revoked | revoked,
            admins=_without(policy.admins, gone),
            issuers={
                device: issuer for device, issuer in policy.issuers.items() if device not in gone
            },
            collectors=_without(policy.collectors, gone),
            executors=_without(policy.executors, gone),
        )

    return change


def chosen_devices(policy: Policy, who: str) -> tuple[str, ...]:
    """Return the devices of a person, or those whose id starts so.

    Raises:
        PolicyError: none, or several.

    """
    # A name first: a person may be called like the start of a device id.
    if devices := policy.devices_of(who):
        return devices
    found = tuple(
        device
        for device in policy.persons
        if len(who) >= _MIN_DEVICE and device.startswith(who) and policy.is_member(device)
    )
    # To revoke the wrong device would be for good.
    if len(found) != 1:
        raise PolicyError(
            f"{clean(who, 60)!r} is no person of the team, and not the first {_MIN_DEVICE} "
            "characters of a device: "
            "see devstream team members"
        )
    return found


def admit(device: str, person: str) -> Change:
    """Take a device into the team as a new person. It is the same policy when it is in.

    The change raises PolicyError: the name cannot be used or is taken, or the device is out for
    good.
    """

    def change(policy: Policy) -> Policy:
        check_name(person, "person")
        known = policy.persons.get(device)
        # A revoked key never comes back, under no name.
        if device in policy.revoked or known not in (None, person):
            raise PolicyError(f"the device {device[:8]} was revoked, or is known by another name")
        # It came in meanwhile, by another admin's approval.
        if known == person:
            return policy
        if is_name_taken(policy, person):
            raise PolicyError(
                f"somebody in the team is called {person}, or much like it; ask for another name"
            )
        return msgspec.structs.replace(policy, persons={**policy.persons, device: person})

    return change


def is_name_taken(policy: Policy, person: str) -> bool:
    """Return true when a member has this name or one like it.

    The revoked count as well: nobody may inherit what was granted to them.
    """
    # Compared by look, because people read names and do not compare bytes.
    return fold(person) in {fold(name) for name in policy.persons.values()}


def settings(
    *, threshold: int = 0, approve_joins: bool | None = None, retention_days: int = 0
) -> Change:
    """Other settings; what is left out stays."""

    def change(policy: Policy) -> Policy:
        return msgspec.structs.replace(
            policy,
            threshold=threshold or policy.threshold,
            approve_joins=policy.approve_joins if approve_joins is None else approve_joins,
            retention_days=retention_days or policy.retention_days,
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
            policy, admins=_with(policy.admins, (device,)), issuers=issuers
        )

    return change


def rebased(base: Policy, mine: Policy) -> Change:
    """Repeat the change from `base` to `mine` on another branch's policy."""

    def change(policy: Policy) -> Policy:
        persons = _merged(base.persons, mine.persons, policy.persons)
        # Two people of one name who came at the same moment: the first one has it.
        new = {
            device: name
            for device, name in persons.items()
            if device not in policy.persons and is_name_taken(policy, name)
        }
        return msgspec.structs.replace(
            policy,
            # Only what this device had changed is changed again; the rest stays as the other branch
            # has it.
            name=mine.name if mine.name != base.name else policy.name,
            threshold=mine.threshold if mine.threshold != base.threshold else policy.threshold,
            approve_joins=mine.approve_joins
            if mine.approve_joins != base.approve_joins
            else policy.approve_joins,
            retention_days=mine.retention_days
            if mine.retention_days != base.retention_days
            else policy.retention_days,
            recovery=mine.recovery if mine.recovery != base.recovery else policy.recovery,
            admins=_relisted(base.admins, mine.admins, policy.admins),
            collectors=_relisted(base.collectors, mine.collectors, policy.collectors),
            executors=_relisted(base.executors, mine.executors, policy.executors),
            grants=_relisted(base.grants, mine.grants, policy.grants),
            issuers=_merged(base.issuers, mine.issuers, policy.issuers),
            persons={device: name for device, name in persons.items() if device not in new},
            revoked=_merged(base.revoked, mine.revoked, policy.revoked),
        )

    return change


def differences(before: Policy, after: Policy) -> tuple[str, ...]:
    """List a policy's changes against another, a sentence each.

    An admin who is asked to sign it reads them.
    """
    joined = [
        f"{name} joins (device {device[:8]})"
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
        ("joins are approved", before.approve_joins, after.approve_joins),
        ("the team's name", before.name, after.name),
    ):
        if old != new:
            said.append(f"{label}: {new} instead of {old}")
    if before.recovery != after.recovery:
        said.append("there is a new recovery key")
    return tuple(said)


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


def _is_by(end: End, device: str) -> bool:
    return device_id(end.feed[:KEY_BYTES]) == device


def _with(before: tuple[str, ...], devices: Iterable[str]) -> tuple[str, ...]:
    return (*before, *(device for device in devices if device not in before))


def _without(before: tuple[str, ...], gone: frozenset[str]) -> tuple[str, ...]:
    return tuple(device for device in before if device not in gone)


def _relisted(base: tuple[_V, ...], mine: tuple[_V, ...], theirs: tuple[_V, ...]) -> tuple[_V, ...]:
    kept = tuple(item for item in theirs if item in mine or item not in base)
    return (*kept, *(item for item in mine if item not in base and item not in kept))


def _merged(base: Mapping[_K, _V], mine: Mapping[_K, _V], theirs: Mapping[_K, _V]) -> dict[_K, _V]:
    kept = {key: value for key, value in theirs.items() if key in mine or key not in base}
    return kept | {
        key: value for key, value in mine.items() if base.get(key) != value and key not in kept
    }
