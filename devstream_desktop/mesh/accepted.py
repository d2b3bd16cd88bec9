"""The peers that dialed us: their state, and the one link that each device has with us."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from devstream_desktop.mesh.bell import Bell
from devstream_desktop.mesh.policy_parts import PolicyParts
from devstream_desktop.mesh.transport.callers import Caller, Callers

PATIENCE_S = 30.0
"""Silence after which an offer is no catch-up any more."""
FORGET_S = 60.0
"""A caller that left is remembered for this long.

So a reconnect is no new neighbour.
"""


@dataclass
class Accepted:
    """One peer that dialed us."""

    device: str
    host: str
    pipe: int
    address: str = ""
    """The address at which it says it can be dialed."""
    last: float = 0.0
    """Time of its last request, `time.monotonic`."""
    lsn: int = 0
    """The cursor of its last TAIL: it has our arrivals up to there."""
    told_policy: int = -1
    """The version of our policies that it was last shown."""
    policy_parts: PolicyParts = field(default_factory=PolicyParts, repr=False)
    demand: int = 0
    """The `Core.demand` that it was last shown."""
    bad: int = 0
    """Wrong entries that it sent."""
    asked_for: int = 0
    """Events that it offered, was asked for and has not pushed yet."""
    offering: bool = False
    """It has shown a page of its records, and another follows."""
    brought: float = 0.0
    """Time when it offered them, or last pushed some, `time.monotonic`."""
    busy_until: float = 0.0
    """Time when it may push again, `time.monotonic`: its news came faster than a feed's rate."""
    parked: object | None = field(default=None, repr=False)
    """A token of the waiting TAIL. Another token in its place, or none, ends that TAIL."""

    def owes(self) -> int:
        """Return the count of events to come from it; 0 when it has brought nothing for long."""
        return self.asked_for if time.monotonic() - self.brought < PATIENCE_S else 0


class AcceptedPeers:
    """All peers that dialed us.

    A device has one link with us. When it dials again while that is up (it woke, or has a new
    address), the newer one takes over with its first TAIL. Until then the older one is served.
    """

    def __init__(self, callers: Callers, bell: Bell) -> None:
        self._callers = callers
        self._bell = bell
        self._peers: dict[str, Accepted] = {}
        self._newer: dict[int, Accepted] = {}
        """By connection: second links that have not proven to work."""

    def all(self) -> list[Accepted]:
        """Every peer that is remembered, also those that left."""
        return list(self._peers.values())

    def served(self) -> set[str]:
        """Return the devices that are served now. A device that left takes no place."""
        pipes = self._callers.pipes()
        return {device for device, peer in self._peers.items() if peer.pipe in pipes}

    def works(self, device: str) -> bool:
        """Return True when this device's link has proven to work: it waits for news now."""
        peer = self._peers.get(device)
        return peer is not None and peer.parked is not None

    def of(self, caller: Caller) -> Accepted | None:
        """Return the peer at the other end of a connection; None where it has not said HELLO."""
        peer = self._newer.get(caller.pipe) or self._peers.get(caller.device)
        return peer if peer is not None and peer.pipe == caller.pipe else None

    def welcome(self, peer: Accepted) -> bool:
        """Take a peer in that said HELLO; False when it must prove first that its link works."""
        old = self._peers.get(peer.device)
        # The older link may be a dead network's, or the only one that works.
        if old is not None and old.pipe != peer.pipe and old.pipe in self._callers.pipes():
            self._newer[peer.pipe] = peer
            return False
        self._replace(peer)
        return True

    def prove(self, caller: Caller) -> bool:
        """Let a newer link take the older one's place; False when it is no newer one."""
        peer = self._newer.pop(caller.pipe, None)
        if peer is None:
            return False
        self._replace(peer)
        self._callers.drop(
            lambda other: other.device == caller.device and other.pipe != caller.pipe
        )
        return True

    def release(self, peer: Accepted) -> None:
        """End the peer's waiting TAIL."""
        if peer.parked is not None:
            peer.parked = None
            # Everybody who waits is woken for it; the others look and go on waiting.
            self._bell.ring()

    def forget_gone(self) -> None:
        """Forget the peers that have not asked anything for long."""
        now = time.monotonic()
        gone = [device for device, peer in self._peers.items() if now - peer.last >= FORGET_S]
        for device in gone:
            self.release(self._peers.pop(device))
        pipes = self._callers.pipes()
        self._newer = {pipe: peer for pipe, peer in self._newer.items() if pipe in pipes}

    def _replace(self, peer: Accepted) -> None:
        if (old := self._peers.get(peer.device)) is not None:
            self.release(old)
        self._peers[peer.device] = peer
