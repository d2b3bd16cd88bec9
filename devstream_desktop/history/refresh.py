"""Rows of an earlier version, read again: newest first, a few at a time.

A new version may keep more of each row, or other words. Until all rows are read again, those that
are not are shown as they were; they are found by no search.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from devstream_desktop.history.search_index import SearchIndex
from devstream_desktop.history.telling import Telling

STEP = 200
"""Rows in one step: some 15 ms."""
FIRST = 2_000
"""Rows that are read again before a node starts: the pages that a person opens."""
PROGRESS = "SELECT value FROM meta WHERE name = 'refresh'"
"""The arrival number below which rows wait; no row of meta when none do."""

ReadTelling = Callable[[int, bytes, bytes], Telling | None]
"""Reads `(lsn, body, signature)` of a row."""
Rewrite = Callable[[Sequence[tuple[int, Telling]]], None]
"""Writes the columns of rows `(id, telling)` again."""


class Refresh:
    """Goes through the rows; every call is inside the caller's transaction."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        index: SearchIndex,
        read: ReadTelling,
        rewrite: Rewrite,
    ) -> None:
        self._connection = connection
        self._index = index
        self._read = read
        self._rewrite = rewrite
        found = connection.execute(PROGRESS).fetchone()
        self.below: int = found[0] if found else 0
        """The arrival number below which rows wait."""

    def begin(self) -> None:
        """Let every row wait."""
        (newest,) = self._connection.execute("SELECT COALESCE(MAX(lsn), 0) FROM log").fetchone()
        self._index.clear()
        self._index.flush()
        self._wait(newest + 1)

    def step(self, rows: int) -> bool:
        """Read some rows again; tells whether more wait."""
        if not self.below:
            return False
        found = self._connection.execute(
            "SELECT lines.id, log.lsn, log.body, log.signature FROM lines"
            " JOIN log ON log.lsn = lines.lsn WHERE lines.lsn < ? ORDER BY lines.lsn DESC LIMIT ?",
            (self.below, rows),
        ).fetchall()
        read = ((row_id, self._read(lsn, body, signed)) for row_id, lsn, body, signed in found)
        tellings = [(row_id, one) for row_id, one in read if one is not None]
        self._rewrite(tellings)
        self._index.put((row_id, telling.event) for row_id, telling in tellings)
        self._wait(found[-1][1] if len(found) == rows else 0)
        return bool(self.below)

    def _wait(self, below: int) -> None:
        self.below = below
        if below:
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('refresh', ?)", (below,))
        else:
            self._connection.execute("DELETE FROM meta WHERE name = 'refresh'")
