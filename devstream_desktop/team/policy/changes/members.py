"""Devices that come into the team, and those that are put out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from devstream_desktop.stream.entry import KEY_BYTES, device_id
from devstream_desktop.stream.text import clean
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.changes.change import Change, in_turn, without
from devstream_desktop.team.policy.names import check_name, fold
from devstream_desktop.team.policy.policy import End, Policy, Revocation

_MIN_DEVICE = 8
_REPLACED = "replaced by "
"""Start of the reason to revoke a device that is replaced."""


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """A device that is to come into the team."""

    device: str
    person: str
    machine: str = ""
    """The name of its machine, for people to read."""
    another: bool = False
    """It is a further device of a person whom the team knows. Its invite says so, never itself."""
    replaces: str = ""
    """The device of that person whose place it takes; empty for none."""


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
        left = len(without(policy.active_admins(), gone))
        return msgspec.structs.replace(
            policy,
            threshold=max(1, min(policy.threshold, left)),
            revoked=policy.revoked | revoked,
            admins=without(policy.admins, gone),
            issuers={
                device: issuer for device, issuer in policy.issuers.items() if device not in gone
            },
            collectors=without(policy.collectors, gone),
            executors=without(policy.executors, gone),
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
    found = _starting(policy, who)
    # To revoke the wrong device would be for good.
    if len(found) != 1:
        raise PolicyError(
            f"{clean(who, 60)!r} is no person of the team, and not the first {_MIN_DEVICE} "
            "characters of a device: "
            "see devstream team members"
        )
    return found


def chosen_device(policy: Policy, beginning: str) -> str:
    """Return the device whose id starts so.

    Raises:
        PolicyError: none, or several.

    """
    found = _starting(policy, beginning)
    if len(found) != 1:
        raise PolicyError(
            f"{clean(beginning, 60)!r} is not the first {_MIN_DEVICE} characters of a device of"
            " the team: see devstream team members"
        )
    return found[0]


def _starting(policy: Policy, beginning: str) -> tuple[str, ...]:
    return tuple(
        device
        for device in policy.persons
        if len(beginning) >= _MIN_DEVICE
        and device.startswith(beginning)
        and policy.is_member(device)
    )


def admit(device: str, person: str, *, another: bool = False, machine: str = "") -> Change:
    """Take a device into the team. It is the same policy when it is in.

    It is a new person's, or with `another` a further one of a person whom the team knows. That
    person's roles count on it as well; roles of devices do not come with it.

    The change raises PolicyError: the name cannot be used or is taken, nobody has it (`another`),
    or the device is out for good.
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
        if another:
            check_known(policy, person)
        elif is_name_taken(policy, person):
            raise PolicyError(
                f"somebody in the team is called {person}, or much like it; ask for another name,"
                f" or where it is the same person: devstream team invite --for {person}"
            )
        machines = {**policy.machines, device: machine} if machine else policy.machines
        return msgspec.structs.replace(
            policy, persons={**policy.persons, device: person}, machines=machines
        )

    return change


def take_in(newcomer: Newcomer, when_ms: int, ends: Iterable[End]) -> Change:
    """Take a device in, and revoke the one that it replaces.

    The replaced one wrote up to `ends`.

    The change raises PolicyError: as `admit`, or the team needs the replaced device.
    """
    admitted = admit(
        newcomer.device, newcomer.person, another=newcomer.another, machine=newcomer.machine
    )
    old = newcomer.replaces
    if not old:
        return admitted
    revoked = revoke([old], f"{_REPLACED}{newcomer.device[:_MIN_DEVICE]}", when_ms, ends)

    def replace(policy: Policy) -> Policy:
        # It was revoked meanwhile, by hand.
        if old in policy.revoked:
            return policy
        check_replaceable(policy, old, newcomer.person)
        return revoked(policy)

    return in_turn(admitted, replace)


def replaced_by(policy: Policy, device: str) -> str:
    """Return the device whose place this one took; empty for none."""
    why = f"{_REPLACED}{device[:_MIN_DEVICE]}"
    person = policy.persons.get(device)
    return next(
        (
            old
            for old, revocation in policy.revoked.items()
            if revocation.why == why and policy.persons.get(old) == person
        ),
        "",
    )


def check_known(policy: Policy, person: str) -> None:
    """Refuse a name that is nobody's, by exact spelling.

    Somebody without a device that is in counts: a person comes back after a revocation.

    Raises:
        PolicyError: who there is.

    """
    if person not in policy.persons.values():
        raise PolicyError(
            f"nobody in the team is called {clean(person, 40)}; there are: "
            f"{', '.join(policy.people())}"
        )


def check_replaceable(policy: Policy, device: str, person: str) -> None:
    """Refuse a device that no other one of `person` can replace.

    Raises:
        PolicyError: it is none of the person's, or the team needs it; what to do first.

    """
    if policy.person_of(device) != person:
        raise PolicyError(
            f"{clean(device[:8], 8)} is no device of {clean(person, 40)}; see devstream team"
            " members"
        )
    if policy.active_admins() == (device,):
        raise PolicyError(
            f"{device[:8]} is the only admin's device, and nobody could change the team without"
            f" it: leave --replace out, then devstream team grant {person} admin, then on the old"
            " device: devstream team leave"
        )


def check_leave(policy: Policy, device: str) -> None:
    """Refuse to lose a device that a change needs for its signatures.

    Raises:
        PolicyError: what to do first.

    """
    admins = policy.active_admins()
    if policy.of_one_device or device not in admins:
        return
    left = len(admins) - 1
    # To take it out of the policy is a change as well.
    if left and left + bool(policy.recovery) >= policy.threshold:
        return
    if left:
        raise PolicyError(
            f"{policy.threshold} admins must sign a change, and without this device there are"
            f" {left}, so nobody could change the team again; ask for fewer signatures first:"
            f" devstream team set --threshold {left}"
        )
    person = policy.name_of(device)
    other = next((one for one in policy.people() if one != person), person)
    raise PolicyError(
        "this is the only admin's device, and without it nobody could change the team again; make"
        f" another one first: devstream team grant {other} admin"
    )


def is_name_taken(policy: Policy, person: str) -> bool:
    """Return true when a member has this name or one like it.

    The revoked count as well: nobody may inherit what was granted to them.
    """
    # Compared by look, because people read names and do not compare bytes.
    return fold(person) in {fold(name) for name in policy.persons.values()}


def _is_by(end: End, device: str) -> bool:
    return device_id(end.feed[:KEY_BYTES]) == device
