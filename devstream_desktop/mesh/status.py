"""What a node says about its mesh: the typed picture behind `devstream status`."""

from __future__ import annotations

import msgspec


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One peer that this node is, or wants to be, linked with."""

    device: str
    """Empty until it has said who it is."""
    address: str
    """`host:port` it is dialed at; the host alone where it dialed us."""
    direction: str
    """`dialed` or `accepted`."""
    state: str
    """`connecting`, `syncing`, `live` or `lost`."""
    behind: int
    """How many events it has that this node lacks, as far as known."""
    lag: int
    """How many of this node's arrivals it has not asked for or taken yet, as far as known."""
    clock_offset: int
    """Its clock minus ours, milliseconds."""
    last_seen: int
    """UTC milliseconds, 0 for never."""


class RefusedPeer(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who was turned away, or who turned us away."""

    address: str
    device: str
    reason: str
    count: int
    last: int
    """UTC milliseconds."""


class MeshStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `devstream status` shows of the mesh."""

    address: str
    peers: tuple[PeerStatus, ...]
    refused: tuple[RefusedPeer, ...]
    catching_up: int
    """Events that peers have and this node lacks, as far as known."""
    feeds: int
    events: int
    frozen: int
    """Feeds that a number used twice has ended."""
    discovery: str
    """How finding peers on the local network goes, one sentence."""
    pruning_suspended: str
    """Why old events are kept for now; empty when they are not."""


class Refusals:
    """Who was turned away and why, the latest few; each told once in the log."""

    LIMIT = 50

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], RefusedPeer] = {}

    def note(self, address: str, device: str, reason: str, now: int, count: int = 1) -> bool:
        """Count one more; True when it is the first of its kind."""
        key = (address, device, reason)
        before = self._seen.pop(key, None)
        self._seen[key] = RefusedPeer(
            address=address, device=device, reason=reason, count=count + (before.count if before else 0), last=now
        )
        while len(self._seen) > self.LIMIT:
            del self._seen[next(iter(self._seen))]
        return before is None

    def all(self) -> tuple[RefusedPeer, ...]:
        """The latest first."""
        return tuple(reversed(self._seen.values()))
