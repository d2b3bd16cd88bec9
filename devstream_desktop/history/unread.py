"""Entries of the log that have no lines yet.

A catch-up puts its entries into the log first, where nothing can be lost any more, and their lines
are made afterwards, in large groups: a row costs half as much there. Lines come in the order of the
arrival numbers and without a gap, so one number says where they go on, and whoever remembers the
last line that he has seen misses none.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from devstream_desktop.history.lines import Lines
from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.fact import event_of, fact_id
from devstream_desktop.stream.log import Arrival

STEP = 300
"""Entries that are read in one step: about 15 ms."""
UNSETTLED = 5_000
"""Work of settling that stops the reading, in rows (`things.THING`); about 50 ms.

A thing of many rows is judged once for all of them; but a write between has to do it at once.
"""
GROUP = 10_000
"""Entries whose lines are committed together."""
WORDS = 2_000
"""Rows whose words wait at most; a search indexes them in memory in 80 ms."""


class Unread:
    """Makes their lines; every call but `__bool__` is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, lines: Lines) -> None:
        self._connection = connection
        self._own: set[bytes] = set()
        self.begin_again(lines)

    def begin_again(self, lines: Lines) -> None:
        """Go on from the last commit: a group was rolled back."""
        self._lines = lines
        found = self._connection.execute("SELECT value FROM meta WHERE name = 'unread'").fetchone()
        self.first: int = found[0] if found else 0
        """The first arrival number whose line nobody sees yet; 0 when all are seen."""
        self._next = self.first
        """The first one that this group has not read; 0 when it has read all."""
        self.read = 0
        """Entries that were read in this group."""

    def __bool__(self) -> bool:
        return bool(self.first)

    def begin(self, stored: Sequence[tuple[int, Arrival]], device: bytes) -> None:
        """Let these `(lsn, arrival)` pairs wait; they are the newest of the log.

        `device` is this device's public key.
        """
        if stored and not self.first:
            # Not earlier: the commit of the last group could have failed.
            self._own.clear()
            self._write(stored[0][0])
        self._own.update(
            fact
            for _, arrival in stored
            if arrival.entry.feed.startswith(device) and (fact := _fact(arrival.entry)) is not None
        )

    def tells(self, fact: bytes) -> bool:
        """Tell whether this device told a fact in an entry that waits.

        An executor that does not know its own answer would deploy a second time.
        """
        return fact in self._own

    def step(self, *, on: bool) -> bool:
        """Take a step, about 15 ms, towards the end of a group; tells whether it is reached.

        With `on` it makes the lines of some more entries, up to a full group; at the end it gives
        the things their states and the index its words.
        """
        index = self._lines.index
        reading = on and self._next and self.read < GROUP
        if index.begun or index.waiting >= WORDS:
            index.put_some()
        elif self._lines.unsettled > (UNSETTLED if reading else 0):
            self._lines.settle_some()
        elif reading:
            self._read()
        elif index.waiting and not self._next:
            index.put_some()
        else:
            return True
        return False

    def _read(self) -> None:
        rows = self._connection.execute(
            "SELECT lsn, body, signature FROM log WHERE lsn >= ? ORDER BY lsn LIMIT ?",
            (self._next, STEP),
        ).fetchall()
        if rows:
            self._lines.add_some(rows)
        self.read += len(rows)
        self._next = rows[-1][0] + 1 if len(rows) == STEP else 0

    def finish(self) -> None:
        """Write how far the lines go, before a commit."""
        self._lines.settle()
        self._write(self._next)
        self.read = 0

    def _write(self, first: int) -> None:
        self.first = self._next = first
        if first:
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('unread', ?)", (first,))
        else:
            self._connection.execute("DELETE FROM meta WHERE name = 'unread'")


def _fact(entry: Entry) -> bytes | None:
    try:
        return fact_id(event_of(entry), entry.device)
    except InvalidEventError:
        return None
