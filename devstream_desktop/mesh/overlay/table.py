"""Whom to dial: everybody while the team is small, a few random neighbours when it is not. Every node passes on, so a few are enough.

Besides those few, one neighbour from each other subnet that can be reached, so that sites do not drift apart; and every 30 to 60 seconds
one neighbour is let go for another, drawn from all that are known, so that no group is left to itself (tests/simulation holds both).
The table of known peers is bounded; what it knows comes from people, from the local network and from other peers, and none of it is
trusted: who answers at an address is decided by TLS and the gate.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

MAX_KNOWN = 256
MAX_TOLD = 16
MAX_OF_SUBNET = MAX_KNOWN // 2
"""A crowded network leaves room to know others."""
SMALL_TEAM = 8
"""Up to this many peers all are dialed: one hop, and nothing to tune."""
NEIGHBOURS = 4
"""So that whoever has three members who pass nothing on among its neighbours has another one."""
SUBNETS = 4
"""So many subnets are covered on purpose; in more, chance joins them. (In some VPNs every peer has a subnet of its own.)"""
MAX_UNDER_WAY = 8
"""Dials at once, and as many to rumoured addresses that were tried in vain: whoever names false ones holds up nobody else."""
SLOW_MS = 2000
"""A dial takes 0.1 s on a LAN; one that takes this long is to nobody, most likely, and holds no place until its time-out."""
NOBODY_MS = 3_600_000
"""A rumoured address where something else than a node of the team answered is not dialed for so long, whoever names it."""
MAX_BARRED = 512
MAX_FAILURES = 12
"""A rumoured or announced address at which nobody ever answered is forgotten after this many failures in a row (about ten minutes)."""
KEEP_MS = 7 * 86_400_000
"""One that did answer is kept for this long: two halves of a network must find each other again however long they were apart."""
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
FULL_MIN_MS, FULL_MAX_MS = 60_000, 600_000
"""A peer that is full named others. The one that everybody was given by hand would spend its time refusing."""
SHUFFLE_S = 60.0
"""A neighbour is replaced after half to all of this."""
TRIM_S = 5.0
"""The same for who has more than it needs, because it started when few were known."""
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
    tried: int = 0
    seen: bool = False
    """Its device has dialed us from this host."""
    subnet: str = field(init=False)

    def __post_init__(self) -> None:
        self.subnet = subnet(self.address)

    @property
    def rumour(self) -> bool:
        """Whether nothing but another's word speaks for it: such an address may be anybody's."""
        return self.source is Source.GOSSIP and not self.last_ok and not self.seen

    @property
    def vain(self) -> bool:
        """Whether it is a rumour of which nothing came so far."""
        return self.rumour and self.failures > 0


@dataclass
class Closed:
    """A subnet in which nobody has answered: likely not reachable from here. Who has neighbours tries it as seldom as a dead address."""

    failures: int = 0
    next_try: int = 0


def neighbours(peers: int) -> int:
    """How many to dial in a team with this many known peers."""
    return peers if peers <= SMALL_TEAM else NEIGHBOURS


def has_room(served: Collection[str], device: str, cap: int = ACCEPT_CAP) -> bool:
    """Whether a node that serves these devices accepts this one, too."""
    return device in served or len(served) < cap


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
        self._reached: set[str] = set()
        """Subnets in which somebody answered."""
        self._closed: dict[str, Closed] = {}
        self._barred: dict[str, int] = {}
        """Addresses at which somebody else answered, and until when they are not dialed for a rumour."""
        self._surplus = True
        """Whether more are dialed than needed; at the start that is soon to be looked at."""

    def knows(self, address: str) -> bool:
        """Whether an address is in the table."""
        return address in self._known

    def is_news(self, address: str, now: int) -> bool:
        """Whether it is worth to hear of an address: it is not known, not our own, and nobody else was met there of late."""
        return address not in self._known and address not in self._own and self._barred.get(address, 0) <= now

    def learn(self, address: str, source: Source, device: str = "", *, seen: bool = False) -> bool:
        """Note an address; True when it is new. `seen`: `device` itself has dialed us from there."""
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
            known.next_try = min(known.next_try, 0) if known.failures > 1 else known.next_try  # it has just announced itself
            known.failures = min(known.failures, 1)
        return False

    def _make_room(self, near: str, source: Source) -> bool:
        """Forget who is worth least where there are too many: not who was reached for a rumour, and nobody whom a person named."""
        if len(self._known) < MAX_OF_SUBNET:
            return True
        everybody = list(self._known.values())
        crowd = [known for known in everybody if known.subnet == near]
        full = crowd if len(crowd) >= MAX_OF_SUBNET else everybody if len(everybody) >= MAX_KNOWN else []
        if not full or source is Source.STATIC:
            return len(everybody) < 2 * MAX_KNOWN
        worst = min(
            full, key=lambda known: (known.source is Source.STATIC, known.last_ok > 0, known.source, known.last_ok, -known.failures)
        )
        if worst.source is Source.STATIC or (source is Source.GOSSIP if worst.last_ok else worst.source > source):
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
        self._reached.add(known.subnet)
        self._closed.pop(known.subnet, None)

    def lost(
        self, address: str, now: int, *, refused: bool = False, full: bool = False, was_up: bool = False, nobody: bool = False
    ) -> None:
        """A dial failed, or a link ended. Backs off with jitter, so that a team does not come back in one instant.

        `nobody`: something answered that is no node.
        """
        known = self._known.get(address)
        if known is None:
            return
        if nobody and known.rumour:
            del self._known[address]
            self._bar(address, now)
            return
        if was_up and not refused and now - known.last_ok >= STEADY_MS:
            known.failures, known.left = 0, now
        known.failures += 1
        lately = not refused and known.left > 0 and now - known.left < LATELY_MS
        if not was_up and not refused and known.subnet not in self._reached:
            closed = self._closed.setdefault(known.subnet, Closed())
            closed.failures += 1
            closed.next_try = now + self._wait(closed.failures, BACKOFF_MIN_MS, BACKOFF_MAX_MS)
        if known.failures > MAX_FAILURES and known.source < Source.HINT and now - known.last_ok > KEEP_MS and not full:
            del self._known[address]
            return
        most = BACKOFF_MAX_MS if not lately else FLAPPING_MS if was_up else RETURN_MS
        least = REFUSED_MIN_MS if refused else BACKOFF_MIN_MS
        known.next_try = now + self._wait(known.failures, *((FULL_MIN_MS, FULL_MAX_MS) if full else (least, most)))

    def _bar(self, address: str, now: int) -> None:
        self._barred = {other: until for other, until in self._barred.items() if until > now}
        while len(self._barred) >= MAX_BARRED:
            del self._barred[next(iter(self._barred))]
        self._barred[address] = now + NOBODY_MS

    def _wait(self, failures: int, least: int, most: int) -> int:
        return round(min(most, least << min(failures - 1, 10)) * self._rng.uniform(0.5, 1.0))

    def retry_now(self) -> None:
        """Something changed that may make refused peers take us: try all again."""
        self._closed.clear()
        for known in self._known.values():
            known.next_try = 0

    def choose(self, busy: Collection[str], linked: Collection[str], now: int) -> list[str]:
        """The addresses to dial now: whom a person named, then one in each subnet that is not covered, then chance.

        Args:
            busy: Addresses that are being dialed or linked.
            linked: Device ids of the neighbours there are, dialed and accepted.
            now: UTC milliseconds.

        """
        everybody = self._known.values()
        dialed = [known for address in busy if (known := self._known.get(address))]
        under_way = [known for known in dialed if known.device not in linked]
        fresh = [known for known in under_way if now - known.tried < SLOW_MS]
        covered = {known.subnet for known in everybody if known.device in linked and not known.rumour} | {known.subnet for known in fresh}
        free = neighbours(self._team()) - (len(dialed) - len(under_way))
        shut = {near for near, closed in self._closed.items() if closed.next_try > now} if linked else set()
        ready = [known for known in everybody if known.next_try <= now and known.address not in busy and known.device not in linked]
        chosen = {known.device or known.address: known for known in ready if known.source is Source.STATIC}
        covered.update(known.subnet for known in chosen.values())
        others = [known for known in ready if known.source is not Source.STATIC and known.subnet not in shut]
        self._rng.shuffle(others)
        for vain in (False, True):  # a rumour that was tried in vain is tried again when there is nobody better
            some = [known for known in others if known.vain is vain]
            if vain:
                some.sort(key=lambda known: known.failures)  # so that true ones wait for no false ones
            lines = MAX_UNDER_WAY - sum(known.source is not Source.STATIC and known.vain is vain for known in under_way)
            room = free - sum(known.vain <= vain for known in fresh) - len(chosen)
            for known in some:  # although there may be enough neighbours
                who = known.device or known.address
                if lines > 0 and who not in chosen and known.subnet not in covered and len(covered) < SUBNETS:
                    chosen[who] = known
                    covered.add(known.subnet)
                    lines, room = lines - 1, room - 1
            for known in some:
                who = known.device or known.address
                if min(lines, room) > 0 and who not in chosen:
                    chosen[who] = known
                    lines, room = lines - 1, room - 1
        for known in chosen.values():
            known.tried = now
        return [known.address for known in chosen.values()]

    def _team(self) -> int:
        """Other devices that are known. Those of rumours are members too (dialer.py), so nobody makes a team look larger than it is."""
        return len({known.device or known.address for known in self._known.values()})

    def shuffle_pause(self) -> float:
        """Seconds until the next neighbour is let go."""
        return (TRIM_S if self._surplus else SHUFFLE_S) * self._rng.uniform(0.5, 1.0)

    def to_shuffle(self, dialed: Collection[str]) -> str | None:
        """In a large team, a neighbour to let go so that another takes its place: heals what split unseen.

        It is one whose subnet has another neighbour, where there is such a one: what joins two sites is not let go for no need.
        """
        if self._team() <= SMALL_TEAM:
            self._surplus = False
            return None
        live = [known for address in dialed if (known := self._known.get(address))]
        crowd = Counter(known.subnet for known in live)
        self._surplus = len(live) - 1 > max(neighbours(self._team()), len(crowd))
        loose = [known for known in live if known.source is not Source.STATIC]
        spare = [known for known in loose if crowd[known.subnet] > 1]
        return self._rng.choice(spare or loose).address if loose else None

    def good(self, limit: int, besides: str = "") -> list[Known]:
        """Peers that were reached, the latest first: worth telling others and remembering."""
        known = [item for item in self._known.values() if item.last_ok and item.device and item.device != besides]
        return sorted(known, key=lambda item: -item.last_ok)[:limit]

    def to_tell(self, asker: str, callers: Mapping[str, str]) -> list[tuple[str, str]]:
        """Addresses and devices for one message: half of them the latest, the others drawn from all, so that in time all are told.

        Args:
            asker: The device that asks.
            callers: Whoever dialed this node, by the address they say they have.

        """
        known = {item.address: item.device for item in self.good(MAX_KNOWN, besides=asker)}
        every = list((known | dict(callers)).items())
        rest = every[MAX_TOLD // 2 :]
        return [*every[: MAX_TOLD // 2], *self._rng.sample(rest, min(len(rest), MAX_TOLD - MAX_TOLD // 2))]

    def all(self) -> Iterable[Known]:
        """Everything known."""
        return self._known.values()
