"""What a node knows of one feed beside its rows: floor, held runs, what it refused and what it waits for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import msgspec

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.wire import BUCKETS, MAX_GAPS, Record
from devstream_desktop.stream.entry import KEY_BYTES, Entry
from devstream_desktop.stream.log import FeedRecord

MAX_HOLDS = 100
"""Steps remembered of what is stamped in the future; what lies beyond is only asked for a little oftener."""
_encoder = msgspec.msgpack.Encoder()


@dataclass
class FeedState:
    """Derived from the log at start and kept in step with it; only `refused` and the hold live in memory alone."""

    feed: bytes
    floor: int = 0
    runs: Ranges = field(default_factory=list)
    tip: Entry | None = None
    frozen: bool = False
    head_entry: Entry | None = None
    """The entry numbered `head`, where one is known."""
    refused: Ranges = field(default_factory=list)
    """Numbers that the author table refused: not asked for again until the policy changes."""
    holds: list[tuple[int, int]] = field(default_factory=list)
    """`(number, until)`, both ascending: from the number on entries are stamped in the future and not asked for before `until` (ms)."""
    heard_floor: int = -1
    """The highest number that a peer told to be settled: what is lacking up to there, below all that is held, has expired and is not
    missing. -1: none told yet."""

    @classmethod
    def of(cls, record: FeedRecord) -> FeedState:
        """The state of a feed as the log has it."""
        return cls(record.feed, record.floor, list(record.runs), record.tip, record.frozen)

    @property
    def author(self) -> bytes:
        """The public key of the device that writes it."""
        return self.feed[:KEY_BYTES]

    @property
    def bucket(self) -> int:
        """Its place in a digest: epochs are random, so the last byte spreads evenly."""
        return self.feed[-1] % BUCKETS

    @property
    def head(self) -> int:
        """The largest number held or settled."""
        return self.runs[-1][1] if self.runs else self.floor

    def fingerprint(self) -> int:
        """64 bits over what is held. Floors are left out: nodes keep their history for different times."""
        if self.frozen:
            content: list[object] = [self.feed, "frozen"]
        elif not self.head:
            return 0
        else:
            content = [self.feed, self.head, self.head_entry.hash if self.head_entry else b"", intervals.gaps(self.runs, self.floor)]
        return int.from_bytes(hashlib.blake2b(_encoder.encode(content), digest_size=8).digest(), "big")

    def record(self) -> Record:
        """What a peer is told. With very many gaps only the newest part is offered, as if the rest were settled."""
        gaps = intervals.gaps(self.runs, self.floor)
        floor = self.floor
        if len(gaps) > MAX_GAPS:
            floor = gaps[-MAX_GAPS - 1][1]
            gaps = gaps[-MAX_GAPS:]
        head = self.head_entry
        return Record(self.feed, floor, self.head, head.hash if head else b"", head.hlc if head else 0, gaps)

    def missing(self, record: Record, now: int) -> Ranges:
        """The numbers that a peer with this record can give and that are wanted here."""
        self.heard_floor = max(self.heard_floor, record.floor)
        floor = max(self.floor, record.floor)
        if self.frozen or record.head <= floor:
            return []
        if not self.runs and not record.gaps and not self.refused and not self.holds:  # the usual two cases first: nothing is held,
            return [(floor + 1, record.head)]
        if self.runs and self.runs[0][0] <= floor + 1 and record.head <= self.runs[0][1]:  # or all
            return []
        held = intervals.union([*self.runs, *self.refused])
        # With as many holes as there may be those are filled first.
        head = record.head if len(self.runs) <= MAX_GAPS else min(record.head, self.head)
        mine = intervals.subtract([(self.floor + 1, head)], held)
        offered = intervals.subtract([(record.floor + 1, record.head)], intervals.union(_valid(record)))
        wanted = intervals.intersect(mine, offered)
        return intervals.subtract(wanted, [(self.holds[0][0], record.head)]) if self.held_back(now) and wanted else wanted

    def gaps(self, now: int) -> Ranges:
        """The numbers below the head that are lacking for no reason known here: not expired, refused or held back.

        What lies below everything that is held may have expired before this node came, so it counts only once a peer told its floor.
        What lies above something that is held cannot have expired, whatever a peer says: numbers grow with the clock.
        """
        lowest = self.runs[0][0] if self.runs else 0
        lacking = intervals.gaps(self.runs, max(self.floor, min(self.heard_floor, lowest - 1)))
        if not self.floor and self.heard_floor < 0 and lacking and lacking[0][0] == 1:
            lacking = lacking[1:]
        if self.held_back(now) and self.holds[0][0] <= self.head:
            lacking = intervals.subtract(lacking, [(self.holds[0][0], self.head)])
        return intervals.subtract(lacking, self.refused)

    def refuse(self, seq: int) -> None:
        """Do not ask for `seq` until the policy changes; where there are very many, nor for what lies between them."""
        self.refused = intervals.add(self.refused, seq, seq)
        if len(self.refused) > MAX_GAPS:
            self.refused = [(self.refused[0][0], self.refused[-1][1])]

    def held_back(self, now: int) -> bool:
        """Whether entries stamped in the future wait for their time."""
        while self.holds and self.holds[0][1] <= now:
            del self.holds[0]
        return bool(self.holds)

    def doubt(self, record: Record) -> bool:
        """Whether the peer's head contradicts what is held here, so that fetching it may prove a number used twice."""
        if self.frozen or not record.head_hash:
            return False
        if record.head == self.head and self.head_entry is not None:
            return record.head_hash != self.head_entry.hash
        return self.tip is not None and record.head <= min(self.floor, self.tip.seq) and record.head_hlc > self.tip.hlc

    def hold(self, seq: int, until: int) -> None:
        """Do not ask for `seq` and later before `until` (ms)."""
        before = [item for item in self.holds if item[0] < seq and item[1] < until][:MAX_HOLDS]
        after = [item for item in self.holds if item[0] > seq and item[1] > until]
        hidden = any(first <= seq and due >= until for first, due in self.holds)
        self.holds = [*before, (seq, until), *after][:MAX_HOLDS] if not hidden else self.holds

    def settle(self, floor: int, tip: Entry) -> None:
        """Numbers up to `floor` are settled and `tip` was the newest of them."""
        self.floor = max(self.floor, floor)
        if self.tip is None or tip.seq > self.tip.seq:
            self.tip = tip
        settled: Ranges = [(1, self.floor)]
        self.runs = intervals.subtract(self.runs, settled)
        self.refused = intervals.subtract(self.refused, settled)
        if not self.runs:
            self.head_entry = self.tip if self.tip.seq == self.floor else None

    def extend(self, entries: list[Entry]) -> None:
        """These, ascending, are held now."""
        first = last = entries[0].seq
        for entry in entries[1:]:
            if entry.seq != last + 1:
                self.runs = intervals.add(self.runs, first, last)
                first = entry.seq
            last = entry.seq
        self.runs = intervals.add(self.runs, first, last)
        if entries[-1].seq == self.head:
            self.head_entry = entries[-1]


def _valid(record: Record) -> Ranges:
    return [(first, last) for first, last in record.gaps if first <= last]
