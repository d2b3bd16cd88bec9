"""Devices that come into the team, and those that are put out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from devstream_desktop.stream.entry import KEY_BYTES, device_id
from devstream_desktop.stream.text import clean
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.changes.change import Change, without
from devstream_desktop.team.policy.policy import End, Policy, Revocation, check_name, fold

_MIN_DEVICE = 8


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


def _is_by(end: End, device: str) -> bool:
    return device_id(end.feed[:KEY_BYTES]) == device
