"""A change of the policy, and the devices of a role."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from devstream_desktop.team.policy.policy import Policy

Change = Callable[[Policy], Policy]
"""May return the policy as it was: then there is nothing to sign."""


def in_turn(first: Change, second: Change) -> Change:
    """Make two changes one: signed together, or neither."""
    return lambda policy: second(first(policy))


def including(before: tuple[str, ...], devices: Iterable[str]) -> tuple[str, ...]:
    """Return the devices of a role, with more that get it."""
    return (*before, *(device for device in devices if device not in before))


def without(before: tuple[str, ...], gone: frozenset[str]) -> tuple[str, ...]:
    """Return the devices of a role, without those that lose it."""
    return tuple(device for device in before if device not in gone)
