"""Presence of a team's devices: linked now, or last heard of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from devstream_desktop.control.messages.status import PeerStatus


@dataclass(frozen=True)
class Presence:
    """One device, as this node knows it."""

    linked: bool = False
    seen: int = 0
    """Time of its last word, UTC milliseconds; 0: never."""


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
        found[peer.device] = Presence(linked, max(known.seen, peer.seen))
    return found | {own: Presence(linked=True, seen=now)}
