"""The log as the rules need it: a database, or memory.

The log is the queue: nothing is kept in memory for a slow peer. Calls are synchronous and short (a
catch-up batch up to about 50 ms). They are made on the loop's thread, and a write is committed when
it returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.log import Arrival, FeedRecord


class LogStore(Protocol):
    """A log of signed entries, `(feed, seq)` unique.

    Arrival numbers (`lsn`) grow and are never used again.
    """

    @property
    def index(self) -> bytes:
        """16 random bytes that name this numbering of arrivals.

        They are new for a new or uncleanly stopped database.
        """

    @property
    def epoch(self) -> bytes:
        """The epoch, 8 bytes, of the feed this device appends to."""

    def renew_epoch(self) -> bytes:
        """Begin a new feed of this device; returns its epoch.

        Durable on return, also in the mirror outside the database.
        """

    def feeds(self) -> Sequence[FeedRecord]:
        """Every feed of the log, frozen ones too."""

    def newest(self) -> int:
        """Return the newest arrival number ever given, 0 for an empty log."""

    @property
    def unread(self) -> int:
        """Held entries, about, that nobody can see yet."""

    def add(
        self, arrivals: Sequence[Arrival], *, durable: bool = False, later: bool = False
    ) -> int:
        """Store in this order, in one transaction; returns the newest arrival number.

        It is committed on return. A number that is already held is skipped. With `durable` the disk
        has it too: for own entries, before anybody else sees them. With `later` it stays `unread`
        until `keep_up` makes it seen.
        """

    def keep_up(self, *, but: int = 0) -> bool:
        """Take one step of the work that additions left; tells whether there was any.

        Up to `but` entries may stay unread.
        """

    def show(self) -> bool:
        """Take a step to make seen what `keep_up` has begun; tells whether there was any."""

    @property
    def should_fold(self) -> bool:
        """A long write-ahead log should be folded in (`checkpoint`)."""

    def checkpoint(self) -> None:
        """Fold it in; in a thread, because it waits for the disk."""

    def entry(self, feed: bytes, seq: int) -> Entry | None:
        """One held entry, or the tip when `seq` is its number."""

    def entries(
        self, feed: bytes, first: int, last: int, *, newest_first: bool, max_bytes: int
    ) -> list[Entry]:
        """Held entries numbered `first` to `last`, as many as fit `max_bytes`.

        At least one when there is any.
        """

    def after(
        self, lsn: int, *, max_bytes: int, not_from: str, but: bytes = b""
    ) -> tuple[list[Entry], int]:
        """Entries of unfrozen feeds that arrived after `lsn`, in that order.

        Those that the device `not_from` sent, and those of the feed `but`, are passed over. The
        second value is the arrival number of the last row looked at (`lsn` when there is none), so
        that rows passed over are not looked at again. Only rows whose whole bytes (body and
        signature) fit `max_bytes` together are returned, but at least one when there is any.
        """

    def settle(self, feed: bytes, floor: int, tip: Entry | None) -> None:
        """Delete the rows of numbers up to `floor`, and keep `tip`.

        None leaves the tip there is. The feed may be a new one.
        """

    def drop(self, feed: bytes) -> None:
        """Forget a feed of which no rows are left: its floor, its tip and its proof."""

    def freeze(self, feed: bytes, proof: tuple[Entry, Entry]) -> None:
        """Keep the two entries that cannot both be honest.

        The feed's rows stay for display. The feed may be a new one.
        """

    def proofs(self) -> dict[bytes, tuple[Entry, Entry]]:
        """Return the proof of each frozen feed."""

    def verified(self, feed: bytes, seqs: Sequence[int]) -> None:
        """Note that the signatures of these entries were checked."""
