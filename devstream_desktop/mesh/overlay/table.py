"""The table of known peers, of whom some are dialed (choice.py).

It is bounded. What it knows comes from people, from the local network and from other peers, and
none of it is trusted: who answers at an address is decided by TLS and the gate.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from devstream_desktop.mesh.overlay.backoff import (
    BACKOFF_MAX_MS,
    BACKOFF_MIN_MS,
    LATELY_MS,
    STEADY_MS,
    bounds,
    pause,
)
from devstream_desktop.mesh.overlay.choice import SMALL_TEAM, choose, neighbours
from devstream_desktop.mesh.overlay.known import Closed, Known, Source, subnet, worth

MAX_KNOWN = 256
MAX_TOLD = 16
MAX_OF_SUBNET = MAX_KNOWN // 2
"""The most known addresses of one subnet.

A crowded network leaves space to know others.
"""
NOBODY_MS = 3_600_000
"""Time to dial no rumoured address where something else answered.

Whoever names it.
"""
MAX_BARRED = 512
MAX_FAILURES = 12
"""Failures in a row after which an address is forgotten.

A rumoured or announced one, at which nobody ever answered. That takes about ten minutes.
"""
KEEP_MS = 7 * 86_400_000
"""Time to keep an address that did answer.

Two halves of a network must find each other again however long they were apart.
"""
SHUFFLE_S = 60.0
"""Period of replacing a neighbour: half to all of this."""
TRIM_S = 5.0
"""The same for a node with more neighbours than it needs.

It started when few were known.
"""
ACCEPT_CAP = 24
"""Callers that a node serves.

24 batches of 256 KiB are 6 MiB at worst.
"""


def has_room(served: Collection[str], device: str, cap: int = ACCEPT_CAP) -> bool:
    """Return True when a node that serves these devices accepts this one."""
    return device in served or len(served) < cap


class Overlay:
    """The table of known peers, and the choice among them.

    Times are UTC milliseconds; randomness is passed in.
    """

    def __init__(self, device: str, rng: random.Random) -> None:
        self._device = device
        self._rng = rng
        self._known: dict[str, Known] = {}
        self._own: set[str] = set()
        self._reached: set[str] = set()
        """Subnets in which somebody answered."""
        self._closed: dict[str, Closed] = {}
        self._barred: dict[str, int] = {}
        """By address at which somebody else answered: when it may be dialed.

        For a rumour.
        """
        self._surplus = True
        """Set while more are dialed than needed.

        At the start that is soon to be looked at.
        """

    def knows(self, address: str) -> bool:
        """Return True when an address is in the table."""
        return address in self._known

    def is_static(self, address: str) -> bool:
        """Return True for an address that a person named."""
        known = self._known.get(address)
        return known is not None and known.source is Source.STATIC

    def is_news(self, address: str, now: int) -> bool:
        """Return True when an address is worth hearing of.

        It is not known, not our own, and nobody else was met there of late.
        """
        return (
            address not in self._known
            and address not in self._own
            and self._barred.get(address, 0) <= now
        )

    def learn(self, address: str, source: Source, device: str = "", *, seen: bool = False) -> bool:
        """Note an address; True when it is new.

        `seen`: `device` itself has dialed us from there.
        """
        # Our own address, as others name it.
        if address in self._own or device == self._device:
            return False
        known = self._known.get(address)
        if source is Source.DISCOVERED:
            self._closed.pop(subnet(address), None)
        if known is None:
            if not self._make_room(subnet(address), source):
                return False
            self._known[address] = Known(address, source, device, seen=seen)
            return True
        known.seen = known.seen or seen
        known.source = max(known.source, source)
        known.device = known.device or device
        if source is Source.DISCOVERED:
            # It has just announced itself, so it is there now.
            if known.failures > 1:
                known.next_try = min(known.next_try, 0)
            known.failures = min(known.failures, 1)
        return False

    def _make_room(self, near: str, source: Source) -> bool:
        """Forget the least useful address where there are too many.

        Not one that was reached for a rumour, and none that a person named.
        """
        if len(self._known) < MAX_OF_SUBNET:
            return True
        everybody = list(self._known.values())
        crowd = [known for known in everybody if known.subnet == near]
        full = everybody if len(everybody) >= MAX_KNOWN else []
        full = crowd if len(crowd) >= MAX_OF_SUBNET else full
        if not full or source is Source.STATIC:
            return len(everybody) < 2 * MAX_KNOWN
        worst = min(full, key=worth)
        better = source is Source.GOSSIP if worst.last_ok else worst.source > source
        if worst.source is Source.STATIC or better:
            return False
        del self._known[worst.address]
        return True

    def forget(self, address: str) -> None:
        """Forget an address that announced its leave.

        An address that a person named, or that has worked, is kept.
        """
        known = self._known.get(address)
        if known is not None and known.source is Source.DISCOVERED and not known.last_ok:
            del self._known[address]

    def is_self(self, address: str) -> None:
        """Note that this address turned out to be our own."""
        self._known.pop(address, None)
        self._own.add(address)

    def linked(self, address: str, device: str, now: int) -> None:
        """Note that a dial worked."""
        known = self._known.setdefault(address, Known(address, Source.GOSSIP))
        known.device, known.last_ok, known.next_try = device, now, 0
        self._reached.add(known.subnet)
        self._closed.pop(known.subnet, None)

    def lost(
        self,
        address: str,
        now: int,
        *,
        refused: bool = False,
        full: bool = False,
        was_up: bool = False,
        nobody: bool = False,
    ) -> None:
        """Note that a dial failed, or a link ended.

        Backs off with jitter, so that a team does not come back in one instant. `nobody`: something
        answered that is no node.
        """
        known = self._known.get(address)
        if known is None:
            return
        # A rumour that led to a stranger's port must not have us knock there again.
        if nobody and known.rumour:
            del self._known[address]
            self._bar(address, now)
            return
        # A shorter link proves nothing, so the back-off goes on growing.
        if was_up and not refused and now - known.last_ok >= STEADY_MS:
            known.failures, known.left = 0, now
        known.failures += 1
        lately = not refused and known.left > 0 and now - known.left < LATELY_MS
        # Nobody there ever answered: likely all of it is unreachable from here.
        if not was_up and not refused and known.subnet not in self._reached:
            closed = self._closed.setdefault(known.subnet, Closed())
            closed.failures += 1
            closed.next_try = now + pause(
                closed.failures, BACKOFF_MIN_MS, BACKOFF_MAX_MS, self._rng
            )
        unused = known.source < Source.HINT and now - known.last_ok > KEEP_MS
        if known.failures > MAX_FAILURES and unused and not full:
            del self._known[address]
            return
        least, most = bounds(lately=lately, was_up=was_up, refused=refused, full=full)
        known.next_try = now + pause(known.failures, least, most, self._rng)

    def _bar(self, address: str, now: int) -> None:
        self._barred = {other: until for other, until in self._barred.items() if until > now}
        while len(self._barred) >= MAX_BARRED:
            del self._barred[next(iter(self._barred))]
        self._barred[address] = now + NOBODY_MS

    def retry_now(self) -> None:
        """Try all again: something changed that may make peers accept us."""
        self._closed.clear()
        for known in self._known.values():
            known.next_try = 0

    def choose(self, busy: Collection[str], linked: Collection[str], now: int) -> list[str]:
        """Return the addresses to dial now.

        First the peers that a person named, then one in each subnet that is not covered, then
        chance.

        Args:
            busy: Addresses that are being dialed or linked.
            linked: Device ids of the neighbours there are, dialed and accepted.
            now: UTC milliseconds.

        """
        shut = {near for near, closed in self._closed.items() if closed.next_try > now}
        chosen = choose(
            self._known,
            busy,
            linked,
            # Without any neighbour even a subnet that never answered is worth a try.
            shut=shut if linked else set(),
            wanted=neighbours(self._team()),
            now=now,
            rng=self._rng,
        )
        for known in chosen:
            known.tried = now
        return [known.address for known in chosen]

    def _team(self) -> int:
        """Return the count of other known devices.

        Those of rumours are members too (dialer.py), so nobody makes a team look larger than it is.
        """
        return len({known.device or known.address for known in self._known.values()})

    def shuffle_pause(self) -> float:
        """Seconds until the next neighbour is let go."""
        return (TRIM_S if self._surplus else SHUFFLE_S) * self._rng.uniform(0.5, 1.0)

    def to_shuffle(self, dialed: Collection[str]) -> str | None:
        """Return the neighbour to replace in a large team; None for none.

        That heals what split unseen. It is one whose subnet has another neighbour, where there is
        such a one: what joins two sites is not let go for no need.
        """
        # Everybody is dialed already.
        if self._team() <= SMALL_TEAM:
            self._surplus = False
            return None
        live = [known for address in dialed if (known := self._known.get(address))]
        crowd = Counter(known.subnet for known in live)
        self._surplus = len(live) - 1 > max(neighbours(self._team()), len(crowd))
        # A peer that a person named stays. One that joins two sites goes only for lack of others.
        loose = [known for known in live if known.source is not Source.STATIC]
        spare = [known for known in loose if crowd[known.subnet] > 1]
        return self._rng.choice(spare or loose).address if loose else None

    def addresses(self) -> list[str]:
        """List every known address, however it was learnt, the likeliest first."""
        known = sorted(
            self._known.values(),
            # Who announces itself is there now.
            key=lambda one: (one.source is not Source.DISCOVERED, -one.last_ok, one.failures),
        )
        return [item.address for item in known]

    def good(self, limit: int, besides: str = "") -> list[Known]:
        """Reached peers, the latest first, to name to others."""
        known = [
            item
            for item in self._known.values()
            if item.last_ok and item.device and item.device != besides
        ]
        return sorted(known, key=lambda item: -item.last_ok)[:limit]

    def to_tell(self, asker: str, callers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Addresses and devices to name in one message.

        Half of them the latest, the others drawn from all, so that in time all are named.

        Args:
            asker: The device that asks.
            callers: Whoever dialed this node, by the address they say they have.

        """
        known = {item.address: item.device for item in self.good(MAX_KNOWN, besides=asker)}
        every = list((known | dict(callers)).items())
        rest = every[MAX_TOLD // 2 :]
        return [
            *every[: MAX_TOLD // 2],
            *self._rng.sample(rest, min(len(rest), MAX_TOLD - MAX_TOLD // 2)),
        ]

    def all(self) -> Iterable[Known]:
        """Everything known."""
        return self._known.values()
