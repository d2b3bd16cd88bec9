"""Whom to dial: everybody while the team is small, a few random neighbours when it is not. Every node passes on, so a few are enough.

In a team of 30 with 3 dialed (about 6 links each) the last node has an event after 22 ms, of 300 with 4 after 27 ms (field/replication.md
3.9, simulated). The table of known peers is bounded; what it knows comes from people, from the local network and from other peers, and
none of it is trusted: who answers at an address is decided by TLS and the gate.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum

MAX_KNOWN = 256
SMALL_TEAM = 8
"""Up to this many peers all are dialed: one hop, and nothing to tune."""
MAX_FAILURES = 12
"""An address that nobody named by hand is forgotten after this many failures in a row (about ten minutes)."""
BACKOFF_MIN_MS, BACKOFF_MAX_MS = 1000, 60_000
REFUSED_MIN_MS = 4000
"""A peer that turned us away may not have heard of us yet; ask it soon again, but not as soon as one that was only lost."""
STEADY_MS = 10_000
"""A shorter link has proven nothing: from a peer that accepts and cuts off one backs off as from one that is not there."""
RETURN_MS = 1500
LATELY_MS = 3_600_000
"""A peer whose steady link broke is dialed at least this often for an hour, so that it is used within five seconds of its return: within
a dial TCP asks again every 4 s or sooner, and a dial that nobody answers costs next to nothing."""
FLAPPING_MS = 8000
"""The same for one that answers and breaks off again within seconds, as on the edge of a radio network."""
ACCEPT_CAP = 24
"""Callers a node serves: 24 batches of 256 KiB are 6 MiB at worst."""


class Source(IntEnum):
    """Who named an address; the more it weighs, the later it is forgotten."""

    GOSSIP = 0
    DISCOVERED = 1
    HINT = 2
    STATIC = 3


@dataclass
class Known:
    """An address that a peer may be dialed at."""

    address: str
    source: Source
    device: str = ""
    last_ok: int = 0
    left: int = 0
    """When a steady link with it broke."""
    failures: int = 0
    next_try: int = 0


def neighbours(peers: int) -> int:
    """How many to dial in a team with this many known peers."""
    if peers <= SMALL_TEAM:
        return peers
    if peers < 100:
        return 3
    return 4 if peers < 1000 else 6


def subnet(address: str) -> str:
    """The /24 (or its IPv6 like) of an address: one neighbour in each reachable one keeps the islands joined."""
    host = address.rpartition(":")[0]
    return ":".join(host.split(":")[:4]) if ":" in host else host.rpartition(".")[0]


class Overlay:
    """The table of known peers and the choice among them. Times are UTC milliseconds; randomness is passed in."""

    def __init__(self, device: str, rng: random.Random) -> None:
        self._device = device
        self._rng = rng
        self._known: dict[str, Known] = {}
        self._own: set[str] = set()

    def learn(self, address: str, source: Source, device: str = "") -> bool:
        """Note an address; True when it is new."""
        if address in self._own or device == self._device:
            return False
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= MAX_KNOWN and not self._forget_one(source):
                return False
            self._known[address] = Known(address, source, device)
            return True
        known.source = max(known.source, source)
        if source is Source.DISCOVERED:
            known.next_try = min(known.next_try, 0) if known.failures > 1 else known.next_try  # it has just announced itself
            known.failures = min(known.failures, 1)
        return False

    def _forget_one(self, source: Source) -> bool:
        worst = min(self._known.values(), key=lambda known: (known.source, known.last_ok, -known.failures))
        if worst.source > source or worst.source is Source.STATIC:
            return False
        del self._known[worst.address]
        return True

    def forget(self, address: str) -> None:
        """It announced its leave. What a person named, and what has worked, is kept."""
        known = self._known.get(address)
        if known is not None and known.source is Source.DISCOVERED and not known.last_ok:
            del self._known[address]

    def is_self(self, address: str) -> None:
        """This address turned out to be our own."""
        self._known.pop(address, None)
        self._own.add(address)

    def linked(self, address: str, device: str, now: int) -> None:
        """A dial worked."""
        known = self._known.setdefault(address, Known(address, Source.GOSSIP))
        known.device, known.last_ok, known.next_try = device, now, 0

    def lost(self, address: str, now: int, *, refused: bool = False, was_up: bool = False) -> None:
        """A dial failed, or a link ended. Backs off with jitter, so that a team does not come back in one instant."""
        known = self._known.get(address)
        if known is None:
            return
        if was_up and not refused and now - known.last_ok >= STEADY_MS:
            known.failures, known.left = 0, now
        known.failures += 1
        lately = not refused and known.left > 0 and now - known.left < LATELY_MS
        if known.failures > MAX_FAILURES and known.source < Source.STATIC and not lately:
            del self._known[address]
            return
        base = REFUSED_MIN_MS if refused else BACKOFF_MIN_MS
        most = BACKOFF_MAX_MS if not lately else FLAPPING_MS if was_up else RETURN_MS
        wait = min(most, base << min(known.failures - 1, 10))
        known.next_try = now + round(wait * self._rng.uniform(0.5, 1.0))

    def retry_now(self) -> None:
        """Something changed that may make refused peers take us: try all again."""
        for known in self._known.values():
            known.next_try = 0

    def choose(self, busy: Collection[str], linked: Collection[str], now: int) -> list[str]:
        """The addresses to dial now.

        Args:
            busy: Addresses that are being dialed or linked.
            linked: Device ids of the neighbours there are, dialed and accepted.
            now: UTC milliseconds.

        """
        devices = {known.device or known.address for known in self._known.values()}
        dialed = sum(1 for address in busy if address in self._known)
        room = neighbours(len(devices)) - dialed
        ready = [
            known for known in self._known.values() if known.address not in busy and known.next_try <= now and known.device not in linked
        ]
        self._rng.shuffle(ready)
        near = {subnet(address) for address in busy}
        ready.sort(key=lambda known: (-(known.source is Source.STATIC), subnet(known.address) in near, known.failures))
        chosen: dict[str, str] = {}
        for known in ready:
            if room > len(chosen) or known.source is Source.STATIC:
                chosen.setdefault(known.device or known.address, known.address)
        return list(chosen.values())

    def to_shuffle(self, dialed: Collection[str]) -> str | None:
        """In a large team, a neighbour to let go so that another takes its place: heals what split unseen."""
        loose = [address for address in dialed if (known := self._known.get(address)) and known.source is not Source.STATIC]
        return self._rng.choice(loose) if loose and len(self._known) > SMALL_TEAM else None

    def good(self, limit: int, besides: str = "") -> list[Known]:
        """Peers that were reached, the latest first: worth telling others and remembering."""
        known = [item for item in self._known.values() if item.last_ok and item.device and item.device != besides]
        return sorted(known, key=lambda item: -item.last_ok)[:limit]

    def all(self) -> Iterable[Known]:
        """Everything known."""
        return self._known.values()
