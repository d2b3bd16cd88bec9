"""Shared by the simulations: a log in memory, cheap signatures, and nodes around the product's own rules."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from devstream_desktop.mesh.rules import Replica
from devstream_desktop.mesh.store import Arrival
from devstream_desktop.stream.entry import SIGNATURE_BYTES, Entry


def fake_sign(key: bytes) -> Callable[[bytes], bytes]:
    """A keyed hash in the place of Ed25519: the rules only ask whether it is right, and seeds run ten times as fast."""
    return lambda message: hashlib.blake2b(message, key=key, digest_size=SIGNATURE_BYTES).digest()


def fake_verify(key: bytes, message: bytes, signature: bytes) -> bool:
    return hashlib.blake2b(message, key=key, digest_size=SIGNATURE_BYTES).digest() == signature


@dataclass(frozen=True)
class Row:
    """`FeedRecord` in memory."""

    feed: bytes
    floor: int
    tip: Entry | None
    frozen: bool
    runs: tuple[tuple[int, int], ...]


@dataclass
class MemoryLog:
    """`LogStore` in memory. `mirror` is the part of a real store that lives outside its database: (epoch, last own number)."""

    key: bytes
    rng: random.Random
    index: bytes = b""
    mirror: tuple[bytes, int] | None = None
    rows: list[tuple[int, Arrival]] = field(default_factory=list)
    held: dict[bytes, dict[int, Entry]] = field(default_factory=dict)
    settled: dict[bytes, tuple[int, Entry | None]] = field(default_factory=dict)
    proven: dict[bytes, tuple[Entry, Entry]] = field(default_factory=dict)
    lsn: int = 0
    known_epoch: bytes = b""
    fail_next: bool = False

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """As at a start: a new index, and a new epoch where the mirror and the database do not agree."""
        self.index = self.rng.randbytes(16)
        last = max(self.held.get(self.key + self.known_epoch, {0: None}), default=0)
        last = max(last, self.settled.get(self.key + self.known_epoch, (0, None))[0])
        if not self.known_epoch or self.mirror is None or self.mirror[0] != self.known_epoch or self.mirror[1] > last:
            self.renew_epoch()

    @property
    def epoch(self) -> bytes:
        return self.known_epoch

    def renew_epoch(self) -> bytes:
        self.known_epoch = self.rng.randbytes(8)
        self.mirror = (self.known_epoch, 0)
        return self.known_epoch

    def feeds(self) -> list[Row]:
        records = []
        for feed in {*self.held, *self.settled, *self.proven}:
            floor, tip = self.settled.get(feed, (0, None))
            runs: list[tuple[int, int]] = []
            for seq in sorted(self.held.get(feed, {})):
                if runs and runs[-1][1] == seq - 1:
                    runs[-1] = (runs[-1][0], seq)
                else:
                    runs.append((seq, seq))
            records.append(Row(feed, floor, tip, feed in self.proven, tuple(runs)))
        return records

    def newest(self) -> int:
        return self.lsn

    def add(self, arrivals: Sequence[Arrival], *, durable: bool = False) -> int:
        if self.fail_next:
            self.fail_next = False
            raise OSError(28, "No space left on device")
        for arrival in arrivals:
            entry = arrival.entry
            if entry.seq in self.held.setdefault(entry.feed, {}):
                continue
            self.lsn += 1
            self.held[entry.feed][entry.seq] = entry
            self.rows.append((self.lsn, arrival))
            if entry.feed == self.key + self.known_epoch and durable:
                self.mirror = (self.known_epoch, entry.seq)
        return self.lsn

    def entry(self, feed: bytes, seq: int) -> Entry | None:
        found = self.held.get(feed, {}).get(seq)
        tip = self.settled.get(feed, (0, None))[1]
        return found or (tip if tip is not None and tip.seq == seq else None)

    def entries(self, feed: bytes, first: int, last: int, *, newest_first: bool, max_bytes: int) -> list[Entry]:
        chosen = sorted((seq for seq in self.held.get(feed, {}) if first <= seq <= last), reverse=newest_first)
        result: list[Entry] = []
        for seq in chosen:
            entry = self.held[feed][seq]
            max_bytes -= len(entry.body) + SIGNATURE_BYTES
            if result and max_bytes < 0:
                break
            result.append(entry)
        return result

    def after(self, lsn: int, *, max_bytes: int, not_from: str) -> tuple[list[Entry], int]:
        result: list[Entry] = []
        for number, arrival in self.rows:
            if number <= lsn:
                continue
            entry = arrival.entry
            if entry.feed not in self.proven and not_from not in (arrival.sender, entry.device):
                max_bytes -= len(entry.body) + SIGNATURE_BYTES
                if result and max_bytes < 0:
                    break
                result.append(entry)
            lsn = number
        return result, lsn

    def settle(self, feed: bytes, floor: int, tip: Entry | None) -> None:
        self.settled[feed] = (floor, tip or self.settled.get(feed, (0, None))[1])
        mine = self.held.get(feed, {})
        for seq in [seq for seq in mine if seq <= floor]:
            del mine[seq]
        self.rows = [(lsn, a) for lsn, a in self.rows if a.entry.feed != feed or a.entry.seq > floor]

    def freeze(self, feed: bytes, proof: tuple[Entry, Entry]) -> None:
        self.proven[feed] = proof

    def proofs(self) -> dict[bytes, tuple[Entry, Entry]]:
        return dict(self.proven)

    def verified(self, feed: bytes, seqs: Sequence[int]) -> None:
        mine = set(seqs)
        self.rows = [
            (lsn, Arrival(a.entry, a.sender, verified=True) if a.entry.feed == feed and a.entry.seq in mine else a) for lsn, a in self.rows
        ]


DAY = 86_400_000
MakeReplica = Callable[..., Replica]


@pytest.fixture
def memory_log() -> type[MemoryLog]:
    return MemoryLog


@pytest.fixture
def make_replica() -> MakeReplica:
    def make(log: MemoryLog, retention: int = 30 * DAY, refusal: Callable[[Entry], str | None] = lambda entry: None) -> Replica:
        return Replica(
            store=log,
            public_key=log.key,
            sign=fake_sign(log.key),
            verify=fake_verify,
            team="t",
            refusal=refusal,
            retention_ms=retention,
            rng=log.rng,
        )

    return make
