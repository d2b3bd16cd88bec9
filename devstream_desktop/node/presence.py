"""Presence of a team's devices, and of the people on duty: linked now, or last heard of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devstream_desktop.control.messages.status import PeerStatus

AWAY_MS = 10 * 60_000
"""Time without a link to a vanished desk in a small team."""
SHIFT_MS = 14 * 3_600_000
"""Time without a word that ends any duty: longer than a shift."""


@dataclass(frozen=True)
class Presence:
    """One device, as this node knows it."""

    linked: bool = False
    seen: int = 0
    """Time of its last word, UTC milliseconds; 0: never."""
    met: bool = False
    """This node has had a link with it."""


def presences(
    own: str, peers: Iterable[PeerStatus], said: Mapping[str, int], now: int
) -> dict[str, Presence]:
    """Return each device's presence, this node's `own` among them.

    `now` is UTC milliseconds.
    `said`: when each wrote its newest entry, UTC milliseconds.
    """
    found = {device: Presence(seen=at) for device, at in said.items()}
    for peer in peers:
        known = found.get(peer.device, Presence())
        linked = known.linked or peer.state in ("live", "syncing")
        met = known.met or peer.seen > 0
        found[peer.device] = Presence(linked, max(known.seen, peer.seen), met)
    return found | {own: Presence(linked=True, seen=now)}


def on_duty(
    said: Mapping[str, tuple[int, bool]],
    persons: Mapping[str, str],
    found: Mapping[str, Presence],
    now: int,
    *,
    all_link: bool,
) -> dict[str, int]:
    """Return who is on duty, and since when; without whom only the desk has vanished.

    Args:
        said: each person's last word on it: when (UTC milliseconds), and whether they are.
        persons: the person of each device.
        found: each device's presence.
        now: UTC milliseconds.
        all_link: the team is so small that each node links to all others.

    """
    here: set[str] = set()
    for device, person in persons.items():
        one = found.get(device, Presence())
        # Whoever never had a link with this node may be reached by others; only silence tells.
        limit = AWAY_MS if all_link and one.met else SHIFT_MS
        if one.linked or now - one.seen < limit:
            here.add(person)
    return {person: at for person, (at, on) in sorted(said.items()) if on and person in here}
