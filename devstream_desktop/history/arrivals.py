"""Entries in order of arrival: each has one number, and numbers have no gaps."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice

from devstream_desktop.history.feeds import Feeds, ReadEntry
from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.log import Arrival

_READ_AHEAD = 4096
_RECENT = 512
"""Newest arrivals kept in memory too.

With seven links each event is looked for some fifteen times, by whoever passes it on.
"""


class Arrivals:
    """Numbers what comes in, and tells what came after a number."""

    def __init__(self, connection: sqlite3.Connection, feeds: Feeds) -> None:
        self._connection = connection
        self._feeds = feeds
        self._recent: deque[tuple[int, int, int, Entry]] = deque(maxlen=_RECENT)
        self._senders: dict[str, int] = {}
        self.read_senders()
        self.newest: int = connection.execute(
            "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'log'"
        ).fetchone()[0]
        """The newest number ever given; 0 for an empty log."""

    def read_senders(self) -> None:
        """Read the row ids again: those that a rolled-back transaction gave out are no more."""
        self._senders = {
            device: row_id
            for row_id, device in self._connection.execute("SELECT id, device FROM senders")
        }

    def insert(self, arrivals: Sequence[Arrival]) -> list[tuple[int, Arrival]]:
        """Insert the entries that are new, inside the caller's transaction.

        Returns them with their arrival numbers; `stored` follows when that is committed.
        """
        numbered = list(enumerate(arrivals, self.newest + 1))
        done = self._connection.executemany(
            "INSERT INTO log (lsn, feed, seq, sender, verified, body, signature) VALUES (?, ?, ?,"
            " ?, ?, ?, ?)"
            " ON CONFLICT (feed, seq) DO NOTHING",
            [
                (
                    lsn,
                    self._feeds.id(a.entry.feed),
                    a.entry.seq,
                    self._sender_id(a.sender),
                    a.verified,
                    a.entry.body,
                    a.entry.signature,
                )
                for lsn, a in numbered
            ],
        )
        # Nearly always all are new.
        if not numbered or done.rowcount == len(numbered):
            return numbered
        # Once more without those that are held, because arrival numbers have no gaps.
        new = {
            lsn
            for (lsn,) in self._connection.execute(
                "SELECT lsn FROM log WHERE lsn > ?", (self.newest,)
            )
        }
        self._connection.execute("DELETE FROM log WHERE lsn > ?", (self.newest,))
        return self.insert([arrival for lsn, arrival in numbered if lsn in new])

    def stored(self, numbered: Sequence[tuple[int, Arrival]]) -> None:
        """Count what `insert` returned, only after the commit: a failed one gave out no numbers."""
        self.newest += len(numbered)
        self._recent.extend(
            (lsn, self._feeds.id(a.entry.feed), self._sender_id(a.sender), a.entry)
            for lsn, a in numbered
        )

    def forget_recent(self) -> None:
        """Read all from the disk again: rows of the log were taken out."""
        self._recent.clear()

    def after(
        self, lsn: int, read: ReadEntry, *, max_bytes: int, not_from: str, but: bytes
    ) -> tuple[list[Entry], int]:
        """List the arrivals after `lsn`, and where to go on from (`History.after`)."""
        # Own entries have the empty sender: they are news to everybody.
        sender = self._senders.get(not_from, -1) if not_from else -1
        # Frozen feeds travel as their proofs.
        passed_over = {*self._feeds.frozen, self._feeds.known_id(but)}
        found: list[Entry] = []
        size, position = 0, lsn

        def goes(feed: int, row_sender: int) -> bool:
            return row_sender != sender and feed not in passed_over

        for number, entry in self._since(lsn, read, goes):
            if entry is not None:
                # At least one, or a large entry would end a stream for good.
                if found and size + len(entry.body) + len(entry.signature) > max_bytes:
                    break
                size += len(entry.body) + len(entry.signature)
                found.append(entry)
            position = number
        return found, position

    def _since(
        self, lsn: int, read: ReadEntry, goes: Callable[[int, int], bool]
    ) -> Iterator[tuple[int, Entry | None]]:
        """Yield `(number, entry)` of arrivals after `lsn`, some thousands at most.

        Without entry where it cannot be read, or its feed and sender do not go.
        """
        if self._recent and self._recent[0][0] <= lsn + 1:
            for number, feed, sender, entry in islice(
                self._recent, lsn + 1 - self._recent[0][0], None
            ):
                yield number, entry if goes(feed, sender) else None
            return
        query = (
            "SELECT lsn, feed, sender, body, signature FROM log WHERE lsn > ? ORDER BY lsn LIMIT ?"
        )
        with closing(self._connection.execute(query, (lsn, _READ_AHEAD))) as cursor:
            # A catch-up passes over thousands, and only what goes is worth reading.
            for number, feed, sender, body, signature in cursor:
                yield number, read(number, body, signature) if goes(feed, sender) else None

    def _sender_id(self, device: str) -> int:
        if device not in self._senders:
            self._senders[device] = self._connection.execute(
                "INSERT INTO senders (device) VALUES (?) RETURNING id", (device,)
            ).fetchone()[0]
        return self._senders[device]
