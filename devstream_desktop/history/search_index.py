"""Full-text index of the lines, filled in groups.

A row put in alone costs ten times its share of a group.

Rows that arrived after the number `indexed` (in meta) still wait for their group; a reader looks at
those few itself (`UnindexedRows`). Merging what the groups left behind is asked for in bounded
steps and never left to SQLite, whose own merges stall a writer for a quarter of a second
(tests/bench, row cpu).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from operator import itemgetter

from devstream_desktop.history.quarantine import stored_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.search_text import index_text

GROUP = 64
"""Rows that wait at most; a search indexes them in memory in 2 ms."""
PORTION = 1_000
"""Rows put in at once of a large group."""
MERGE_PAGES = 128
"""Of 4 KiB, written in one step of merging: about 20 ms.

Each step has a cost of its own, so smaller ones cost more in all. A step goes on to the end of its
word: one of a million rows takes 80 ms.
"""
WEED = 4096
"""Rows taken out before the whole index is merged anew.

It is at least so many, and a quarter of those left: until then they lie in it as holes.
"""
MANY = 128
"""Groups that are merged in idle time, until a quarter is left; a search looks into each.

In a history of 100,000 events with 100 of them its p99 is a quarter longer, and merging them costs
as much again as it cost to put them in.
"""
HASH_BYTES = 4 << 20
"""Words of one transaction in memory."""
_CROWD = 256
"""Unmerged groups that owe one more step of merging each time. So they never become many."""

UNINDEXED = "lines.lsn > (SELECT COALESCE(MAX(value), 0) FROM meta WHERE name = 'indexed')"
"""Condition of the rows that are not in the index yet."""
_SIGNED = (
    "SELECT lines.id, log.lsn, log.body, log.signature FROM lines JOIN log ON log.lsn = lines.lsn"
)
WAITING = f"{_SIGNED} WHERE {UNINDEXED}"
"""The rows that are not in the index yet."""

SEGMENTS = (
    "WITH RECURSIVE one (id) AS (SELECT MIN(segid) FROM words_idx UNION ALL"
    " SELECT (SELECT MIN(segid) FROM words_idx WHERE segid > id) FROM one WHERE id IS NOT NULL)"
    " SELECT COUNT(id) FROM one"
)
"""Separate parts of the index, counted by seeks."""

TOKENIZE = 'tokenize = "unicode61 remove_diacritics 2"'


class SearchIndex:
    """Writes the index; every call but `merge` is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._waiting: dict[int, str] = {
            row_id: index_text(event)
            for row_id, _, body, signature in connection.execute(WAITING)
            if (event := stored_event(body, signature)) is not None
        }
        self._unmerged: int = connection.execute(SEGMENTS).fetchone()[0]
        """Parts of the index that a merge has not joined yet."""
        self._merging = False
        self._whole = False
        """The merging goes on until one part is left."""
        self._owed = False
        self.begun = False
        """A part of what waits is in: the rest follows in the same transaction."""

    def wait(self, rows: Iterable[tuple[int, Event]]) -> None:
        """Let rows wait for `put_some`."""
        self._waiting.update((row_id, index_text(event)) for row_id, event in rows)

    def add(self, rows: Iterable[tuple[int, Event]]) -> None:
        """Add rows by ascending id; they are in the table of lines already."""
        self.wait(rows)
        if len(self._waiting) >= GROUP:
            self.flush()

    def put(self, rows: Iterable[tuple[int, Event]]) -> None:
        """Put in rows that do not wait."""
        self._put((row_id, index_text(event)) for row_id, event in rows)

    def _put(self, texts: Iterable[tuple[int, str]]) -> None:
        # Ascending row ids: the index is filled several times faster (docs/architecture.md,
        # Search).
        self._connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", sorted(texts))
        self._unmerged += 1
        self._owed = True

    @property
    def waiting(self) -> int:
        """Rows that are not in the index yet."""
        return len(self._waiting)

    def flush(self) -> None:
        """Put in what waits."""
        self._put(self._waiting.items())
        # Lines come in the order of their arrival numbers: all up to the last are in now.
        self._connection.execute(
            "INSERT OR REPLACE INTO meta SELECT 'indexed', COALESCE(MAX(lsn), 0) FROM lines"
        )
        self._waiting.clear()
        self.begun = False

    def put_some(self) -> None:
        """Put in a portion of what waits, in about 10 ms."""
        if len(self._waiting) <= PORTION:
            self.flush()
            return
        portion = sorted(self._waiting)[:PORTION]
        self._put([(row_id, self._waiting.pop(row_id)) for row_id in portion])
        self.begun = True

    def finish(self) -> None:
        """Put in the rest of what was begun, before a commit."""
        if self.begun:
            self.flush()

    def remove(self, rows: Iterable[tuple[int, Event]]) -> None:
        """Take rows out, by the very texts they went in with."""
        # Ascending, as when they were put in: the other way round each is a segment of its own.
        gone = [
            (row_id, index_text(event))
            for row_id, event in sorted(rows, key=itemgetter(0))
            if self._waiting.pop(row_id, None) is None
        ]
        self._connection.executemany(
            "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)", gone
        )
        self._connection.execute(
            "INSERT INTO meta VALUES ('removed', ?) ON CONFLICT (name) DO UPDATE SET value ="
            " value + excluded.value",
            (len(gone),),
        )

    def weed(self, *, tight: bool) -> bool:
        """Begin to merge the whole index where that would shrink it; `merge` does the rest.

        `tight`: the history is too large, so any hole goes before somebody's events do.
        """
        removed = self._connection.execute(
            "SELECT value FROM meta WHERE name = 'removed'"
        ).fetchone()
        if removed is None or not removed[0]:
            return False
        # A few holes cost less than writing the whole index anew.
        if removed[0] < WEED and not tight:
            return False
        # About how many are left, without counting them.
        (left,) = self._connection.execute(
            "SELECT (SELECT MAX(lsn) FROM lines) - (SELECT MIN(lsn) FROM lines)"
        ).fetchone()
        if removed[0] * 4 < (left or 0) and not tight:
            return False
        self._connection.execute("DELETE FROM meta WHERE name = 'removed'")
        self._connection.execute(
            "INSERT INTO words (words, rank) VALUES ('merge', ?)", (-MERGE_PAGES,)
        )
        self._merging = self._whole = True
        return True

    def clear(self) -> None:
        """Empty the index."""
        self._connection.execute("DELETE FROM meta WHERE name = 'removed'")
        self._waiting.clear()
        self._connection.execute("INSERT INTO words (words) VALUES ('delete-all')")

    def merge(self) -> bool:
        """Take one bounded step, outside a transaction; tells whether there was one to take."""
        if not self._merging and self._unmerged >= MANY:
            # Groups of one transaction are one part.
            self._merging = self._count() >= MANY
        if not self._merging:
            return False
        before = self._connection.total_changes
        self._connection.execute(
            "INSERT INTO words (words, rank) VALUES ('merge', ?)", (MERGE_PAGES,)
        )
        # SQLite's documentation: less than two changes say that nothing was left to merge.
        over = self._connection.total_changes - before < 2
        # To join the last ones too would write the whole index once more.
        if over or (self._count() <= MANY // 4 and not self._whole):
            self._merging = self._whole = False
        return True

    def _count(self) -> int:
        (self._unmerged,) = self._connection.execute(SEGMENTS).fetchone()
        return self._unmerged

    def keep_up(self) -> None:
        """Do the merging that a writer owes after a group.

        None while groups are few, more the more there are.
        """
        steps = self._unmerged // _CROWD if self._owed else 0
        self._owed = False
        for _ in range(steps):
            if not self.merge():
                return


class FewRows:
    """An index in memory of a few rows; made anew when they are others."""

    def __init__(self) -> None:
        self._index: sqlite3.Connection | None = None
        self._rows: list[tuple[int, int]] = []

    def find(self, history: sqlite3.Connection, which: str, match: str) -> list[int]:
        """Find those that answer among the rows of the condition `which`."""
        rows = history.execute(f"SELECT id, lsn FROM lines WHERE {which}").fetchall()
        if not rows:
            return []
        # The same few rows are asked for with each key that is typed.
        if self._index is None or rows != self._rows:
            self.close()
            self._index = sqlite3.connect(":memory:", isolation_level=None)
            self._index.execute(
                f"CREATE VIRTUAL TABLE words USING fts5 (text, content = '', {TOKENIZE})"
            )
            events = (
                (row_id, stored_event(body, signature))
                for row_id, _, body, signature in history.execute(f"{_SIGNED} WHERE {which}")
            )
            texts = [(row_id, index_text(event)) for row_id, event in events if event is not None]
            self._index.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", texts)
            self._rows = rows
        query = "SELECT rowid FROM words WHERE words MATCH ?"
        return [row_id for (row_id,) in self._index.execute(query, (match,))]

    def close(self) -> None:
        """Let the memory go; the next question makes it again."""
        if self._index is not None:
            self._index.close()
            self._index = None
