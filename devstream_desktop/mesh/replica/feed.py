"""The state of one feed: its floor, the held numbers, the refused ones and those held back."""

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
"""Steps remembered of entries stamped in the future.

Entries beyond are only asked for a little more often.
"""
_encoder = msgspec.msgpack.Encoder()


@dataclass
class FeedState:
    """Derived from the log at start and kept in step with it.

    Only `refused`, `holds` and `heard_floor` live in memory alone.
    """

    feed: bytes
    floor: int = 0
    runs: Ranges = field(default_factory=list)
    tip: Entry | None = None
    frozen: bool = False
    head_entry: Entry | None = None
    """The entry numbered `head`, where one is known."""
    refused: Ranges = field(default_factory=list)
    """Refused numbers, not asked for until the policy changes."""
    holds: list[tuple[int, int]] = field(default_factory=list)
    """`(number, until)`, both ascending: from the number on, entries are stamped in the future.

    They are not asked for before `until` (ms).
    """
    heard_floor: int = -1
    """The highest floor that a peer has shown, -1 before the first.

    Numbers up to there, below everything held, have expired and are not missing.
    """

    @classmethod
    def of(cls, record: FeedRecord) -> FeedState:
        """Return the state of a feed as the log has it."""
        return cls(record.feed, record.floor, list(record.runs), record.tip, record.frozen)

    @property
    def author(self) -> bytes:
        """The public key of the device that writes it."""
        return self.feed[:KEY_BYTES]

    @property
    def bucket(self) -> int:
        """Its bucket in a digest. Epochs are random, so their last byte spreads evenly."""
        return self.feed[-1] % BUCKETS

    @property
    def head(self) -> int:
        """The largest number held or settled."""
        return self.runs[-1][1] if self.runs else self.floor

    def fingerprint(self) -> int:
        """64 bits over the held entries, without floors: retention differs between nodes."""
        # Frozen feeds are equal everywhere, whatever part of them a node has.
        if self.frozen:
            content: list[object] = [self.feed, "frozen"]
        elif not self.head:
            return 0
        else:
            head = self.head_entry.hash if self.head_entry else b""
            content = [self.feed, self.head, head, intervals.gaps(self.runs, self.floor)]
        digest = hashlib.blake2b(_encoder.encode(content), digest_size=8).digest()
        return int.from_bytes(digest, "big")

    def record(self) -> Record:
        """Return the record to show to peers.

        With very many gaps it covers the newest part only, as if the rest had expired.
        """
        gaps = intervals.gaps(self.runs, self.floor)
        floor = self.floor
        # A message has at most so many; the rest is offered once these are filled.
        if len(gaps) > MAX_GAPS:
            floor = gaps[-MAX_GAPS - 1][1]
            gaps = gaps[-MAX_GAPS:]
        head = self.head_entry
        head_hash, head_hlc = (head.hash, head.hlc) if head else (b"", 0)
        return Record(self.feed, floor, self.head, head_hash, head_hlc, gaps)

    def missing(self, record: Record, now: int) -> Ranges:
        """Return the lacking numbers that a peer with this record can give."""
        self.heard_floor = max(self.heard_floor, record.floor)
        floor = max(self.floor, record.floor)
        if self.frozen or record.head <= floor:
            return []
        # The two usual cases first, without any set: nothing is held, or everything is.
        if not self.runs and not record.gaps and not self.refused and not self.holds:
            return [(floor + 1, record.head)]
        if self.runs and self.runs[0][0] <= floor + 1 and record.head <= self.runs[0][1]:
            return []
        # Refused numbers count as held: they are not asked for until the policy changes.
        held = intervals.union([*self.runs, *self.refused])
        # With as many holes as there may be, those are filled before the feed grows.
        head = record.head if len(self.runs) <= MAX_GAPS else min(record.head, self.head)
        mine = intervals.subtract([(self.floor + 1, head)], held)
        gaps = [(first, last) for first, last in record.gaps if first <= last]
        offered = intervals.subtract([(record.floor + 1, record.head)], intervals.union(gaps))
        wanted = intervals.intersect(mine, offered)
        if wanted and self.held_back(now):
            return intervals.subtract(wanted, [(self.holds[0][0], record.head)])
        return wanted

    def gaps(self, now: int) -> Ranges:
        """Return the numbers below the head that lack for no known reason.

        That is: not expired, not refused, not held back.
        """
        # Numbers below everything held may have expired before this node came, so they count only
        # once a peer has shown its floor. Numbers above a held one cannot have expired, whatever a
        # peer says: stamps grow with numbers.
        lowest = self.runs[0][0] if self.runs else 0
        floor = max(self.floor, min(self.heard_floor, lowest - 1))
        lacking = intervals.gaps(self.runs, floor)
        # Before any peer has shown its floor, everything below the held ones may have expired.
        if not self.floor and self.heard_floor < 0 and lacking and lacking[0][0] == 1:
            lacking = lacking[1:]
        if self.held_back(now) and self.holds[0][0] <= self.head:
            lacking = intervals.subtract(lacking, [(self.holds[0][0], self.head)])
        return intervals.subtract(lacking, self.refused)

    def refuse(self, seq: int) -> None:
        """Do not ask for `seq` until the policy changes."""
        self.refused = intervals.add(self.refused, seq, seq)
        # The author chooses the numbers, so the memory for them is bounded: from here on the
        # numbers between the refused ones are not asked for either.
        if len(self.refused) > MAX_GAPS:
            self.refused = [(self.refused[0][0], self.refused[-1][1])]

    def held_back(self, now: int) -> bool:
        """Return True while entries stamped in the future wait for their time."""
        while self.holds and self.holds[0][1] <= now:
            del self.holds[0]
        return bool(self.holds)

    def doubt(self, record: Record) -> bool:
        """Return True when a peer's head contradicts the entries here."""
        if self.frozen or not record.head_hash:
            return False
        # The same number with another hash: one of both entries is a second use.
        if record.head == self.head and self.head_entry is not None:
            return record.head_hash != self.head_entry.hash
        if self.tip is None or record.head > min(self.floor, self.tip.seq):
            return False
        # An expired number of the peer is stamped later than our last expired entry.
        return record.head_hlc > self.tip.hlc

    def hold(self, seq: int, until: int) -> None:
        """Do not ask for `seq` and later before `until` (ms)."""
        # Steps that another one covers are left out, so numbers and times both grow.
        before = [item for item in self.holds if item[0] < seq and item[1] < until][:MAX_HOLDS]
        after = [item for item in self.holds if item[0] > seq and item[1] > until]
        hidden = any(first <= seq and due >= until for first, due in self.holds)
        if not hidden:
            self.holds = [*before, (seq, until), *after][:MAX_HOLDS]

    def settle(self, floor: int, tip: Entry) -> None:
        """Raise the floor: numbers up to it have expired, and `tip` was the newest of them."""
        self.floor = max(self.floor, floor)
        if self.tip is None or tip.seq > self.tip.seq:
            self.tip = tip
        settled: Ranges = [(1, self.floor)]
        self.runs = intervals.subtract(self.runs, settled)
        self.refused = intervals.subtract(self.refused, settled)
        # Nothing is left, so the tip is the head now.
        if not self.runs:
            self.head_entry = self.tip if self.tip.seq == self.floor else None

    def extend(self, entries: list[Entry]) -> None:
        """Note that these entries, ascending, are held now."""
        first = last = entries[0].seq
        # Runs and not numbers, so that a full batch is one change of the set.
        for entry in entries[1:]:
            if entry.seq != last + 1:
                self.runs = intervals.add(self.runs, first, last)
                first = entry.seq
            last = entry.seq
        self.runs = intervals.add(self.runs, first, last)
        if entries[-1].seq == self.head:
            self.head_entry = entries[-1]
