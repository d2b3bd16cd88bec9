"""A log in memory, and the disk below it.

What is not forced to it may be lost, it can be copied, and the mirror lies beside it.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from devstream_desktop.stream.entry import SIGNATURE_BYTES, Entry
from devstream_desktop.stream.log import Arrival, FeedRecord


@dataclass
class MemoryLog:
    """`LogStore` in memory.

    `mirror` is the part of a real store that lives outside its database: (epoch, last own number).
    """

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
    unsynced: list[Callable[[], None]] = field(default_factory=list)
    """Undoings of the commits that a power cut may lose, oldest first."""
    old_mirror: tuple[bytes, int] | None = None
    """The mirror as it was at the last commit that reached the disk.

    It is not forced to the disk either.
    """

    def __post_init__(self) -> None:
        self.open()

    def open(self, *, clean: bool = False) -> None:
        """As at a start.

        A new index after an unclean stop, and a new epoch where mirror and database do not agree.
        """
        if not clean or not self.index:
            self.index = self.rng.randbytes(16)
        own = self.key + self.known_epoch
        last = max(max(self.held.get(own, ()), default=0), self.settled.get(own, (0, None))[0])
        described = (
            self.mirror is not None
            and self.mirror[0] == self.known_epoch
            and self.mirror[1] <= last
        )
        if not self.known_epoch or not described or own in self.proven:
            self.renew_epoch()

    def stop(self) -> None:
        """A clean stop: everything reaches the disk."""
        self._synced()

    def cut_power(self, lose: int) -> None:
        """Lose the last `lose` commits, as far as they were not forced to the disk, and what the
        mirror was told since.
        """
        for _ in range(min(lose, len(self.unsynced))):
            self.unsynced.pop()()
        if lose:
            self.mirror = self.old_mirror
        self._synced()

    def copy(self) -> MemoryLog:
        """An image of the disk, the mirror included."""
        twin = MemoryLog.__new__(MemoryLog)
        twin.__dict__.update(self.__dict__)
        twin.rows, twin.unsynced = list(self.rows), []
        twin.held = {feed: dict(entries) for feed, entries in self.held.items()}
        twin.settled, twin.proven = dict(self.settled), dict(self.proven)
        return twin

    @property
    def epoch(self) -> bytes:
        return self.known_epoch

    def renew_epoch(self) -> bytes:
        old = self.known_epoch
        self.unsynced.append(lambda: setattr(self, "known_epoch", old))
        self.known_epoch = self.rng.randbytes(8)
        self.mirror = (self.known_epoch, 0)
        return self.known_epoch

    def feeds(self) -> list[FeedRecord]:
        records = []
        for feed in {
            *(feed for feed, mine in self.held.items() if mine),
            *self.settled,
            *self.proven,
        }:
            floor, tip = self.settled.get(feed, (0, None))
            runs: list[tuple[int, int]] = []
            for seq in sorted(self.held.get(feed, ())):
                if runs and runs[-1][1] == seq - 1:
                    runs[-1] = (runs[-1][0], seq)
                else:
                    runs.append((seq, seq))
            records.append(FeedRecord(feed, floor, tip, feed in self.proven, tuple(runs)))
        records.sort(key=lambda record: record.feed)
        return records

    def newest(self) -> int:
        return self.lsn

    def checkpoint(self) -> None:
        pass

    def show(self) -> bool:
        return False

    def keep_up(self, *, but: int = 0) -> bool:
        return False

    unread = 0
    should_fold = False

    def add(
        self, arrivals: Sequence[Arrival], *, durable: bool = False, later: bool = False
    ) -> int:
        if self.fail_next:
            self.fail_next = False
            raise OSError(28, "No space left on device")
        lsn, length, added = self.lsn, len(self.rows), []
        for arrival in arrivals:
            entry = arrival.entry
            mine = self.held.setdefault(entry.feed, {})
            if entry.seq in mine:
                continue
            self.lsn += 1
            mine[entry.seq] = entry
            added.append((mine, entry.seq))
            self.rows.append((self.lsn, arrival))
            if entry.feed == self.key + self.known_epoch:
                self.mirror = (self.known_epoch, entry.seq)
        rows = self.rows

        def undo() -> None:
            for mine, seq in added:
                del mine[seq]
            del rows[length:]
            self.rows, self.lsn = rows, lsn

        self.unsynced.append(undo)
        if durable:
            self._synced()
        return self.lsn

    def entry(self, feed: bytes, seq: int) -> Entry | None:
        found = self.held.get(feed, {}).get(seq)
        if found is not None:
            return found
        tip = self.settled.get(feed, (0, None))[1]
        return tip if tip is not None and tip.seq == seq else None

    def entries(
        self, feed: bytes, first: int, last: int, *, newest_first: bool, max_bytes: int
    ) -> list[Entry]:
        mine = self.held.get(feed, {})
        result: list[Entry] = []
        for seq in sorted((seq for seq in mine if first <= seq <= last), reverse=newest_first):
            entry = mine[seq]
            max_bytes -= len(entry.body) + SIGNATURE_BYTES
            if result and max_bytes < 0:
                break
            result.append(entry)
        return result

    def after(
        self, lsn: int, *, max_bytes: int, not_from: str, but: bytes = b""
    ) -> tuple[list[Entry], int]:
        result: list[Entry] = []
        for at in range(bisect_right(self.rows, lsn, key=lambda row: row[0]), len(self.rows)):
            number, arrival = self.rows[at]
            entry = arrival.entry
            # Own entries have the empty sender: they are news to everybody.
            passed_over = bool(not_from) and arrival.sender == not_from
            if entry.feed not in self.proven and entry.feed != but and not passed_over:
                max_bytes -= len(entry.body) + SIGNATURE_BYTES
                if result and max_bytes < 0:
                    break
                result.append(entry)
            lsn = number
        return result, lsn

    def settle(self, feed: bytes, floor: int, tip: Entry | None) -> None:
        before = self.settled.get(feed)
        self.settled[feed] = (floor, tip or (before or (0, None))[1])
        mine, rows = self.held.get(feed, {}), self.rows
        gone = {seq: mine.pop(seq) for seq in [seq for seq in mine if seq <= floor]}
        if gone:
            self.rows = [(lsn, a) for lsn, a in rows if a.entry.feed != feed or a.entry.seq > floor]

        def undo() -> None:
            mine.update(gone)
            self.rows = rows
            if before is None:
                del self.settled[feed]
            else:
                self.settled[feed] = before

        self.unsynced.append(undo)

    def drop(self, feed: bytes) -> None:
        settled, proof = self.settled.pop(feed, None), self.proven.pop(feed, None)

        def undo() -> None:
            if settled is not None:
                self.settled[feed] = settled
            if proof is not None:
                self.proven[feed] = proof

        self.unsynced.append(undo)

    def freeze(self, feed: bytes, proof: tuple[Entry, Entry]) -> None:
        self.proven[feed] = proof
        self.unsynced.append(lambda: self.proven.pop(feed) and None)

    def proofs(self) -> dict[bytes, tuple[Entry, Entry]]:
        return dict(self.proven)

    def verified(self, feed: bytes, seqs: Sequence[int]) -> None:
        mine = set(seqs)
        self.rows[:] = [
            (
                lsn,
                Arrival(a.entry, a.sender, verified=True)
                if a.entry.feed == feed and a.entry.seq in mine
                else a,
            )
            for lsn, a in self.rows
        ]

    def _synced(self) -> None:
        self.unsynced.clear()
        self.old_mirror = self.mirror
