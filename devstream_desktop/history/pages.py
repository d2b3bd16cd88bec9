"""Questions about lines: pages of a search, how much it finds, what is new."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from devstream_desktop.history.rows import COLUMNS, CURRENT, LISTED, Rows, beginning, numbers
from devstream_desktop.history.search import conditions, earliest
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line

_MAX_ID = (1 << 63) - 1
_MATTERS = (
    "(lines.run >= 0 AND (lines.transition IN ('new', 'failed', 'regressed', 'fixed')"
    " OR lines.kind = 'deploy' AND lines.terminal))"
)
"""Something changed what is true now, or was deployed."""
_UNDER_WAY = "lines.run >= 0 AND lines.kind = 'deploy' AND lines.state = 'in_progress'"
_RECENT = 2_000
_AT_ONCE = 500
_UNSEEN = 5_000
"""Newest arrivals that are looked at: beyond that, nobody counts."""


class Pages(Rows):
    """The questions of a list."""

    def page(
        self,
        query: Query,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
        superseded: bool = False,
    ) -> list[Line]:
        """Rows that answer `query`, newest first; at most `limit`.

        They are older than the row id `before`. With `after` they are newer than that one instead,
        and the next ones to it. Rows whose place a later event of the same subject and number took
        are left out unless `superseded`.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        found: dict[int, Line] = {}
        with self._moment() as connection:
            for one in query.either():
                for line in self._page(
                    connection, one, before, after, limit, "" if superseded else CURRENT
                ):
                    found[line.id] = line
        ids = sorted(found)
        kept = ids[:limit] if after is not None else ids[-limit:] if limit else []
        return [found[row_id] for row_id in reversed(kept)]

    def every(self, query: Query, *, at_once: int = _AT_ONCE) -> Iterator[Line]:
        """Rows that answer `query`, newest first, superseded ones too.

        They are read `at_once` at a time.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        before: int | None = None
        while page := self.page(query, before=before, limit=at_once, superseded=True):
            yield from page
            before = page[-1].id

    def _page(
        self,
        connection: sqlite3.Connection,
        query: Query,
        before: int | None,
        after: int | None,
        limit: int,
        current: str,
    ) -> list[Line]:
        """Return the rows of a query without alternatives, in any order."""
        end = after if after is not None else _MAX_ID if before is None else before
        beyond, order = (">", "ASC") if after is not None else ("<", "DESC")
        more, values = conditions(query)
        match = query.match()
        if not match:
            return self._lines(
                f"{COLUMNS} WHERE lines.id {beyond} ?{more}{current}"
                f" ORDER BY lines.id {order} LIMIT ?",
                (end, *values, limit),
            )
        # The index gives row ids in order by itself, and stops at the limit; or at the first row
        # of `since:`, which it would otherwise look for to its end.
        lines = self._lines(
            f"{COLUMNS} JOIN words ON words.rowid = lines.id"
            f" WHERE words MATCH ? AND words.rowid {beyond} ? AND words.rowid >= ?{more}{current}"
            f" ORDER BY words.rowid {order} LIMIT ?",
            (match, end, earliest(query), *values, limit),
        )
        ids = self._unindexed.find(connection, match)
        if ids:
            lines += self._lines(
                f"{COLUMNS} WHERE lines.id IN (SELECT value FROM json_each(?))"
                f" AND lines.id {beyond} ?{more}{current}",
                (numbers(ids), end, *values),
            )
        return lines

    def around(self, row_id: int, query: Query, *, each: int = 50) -> list[Line]:
        """Return row `row_id` and up to `each` matches of `query` either side.

        Newest first. The row is there whether it answers or not, unless it is gone.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        newer = self.page(query, after=row_id, limit=each)
        older = self.page(query, before=row_id, limit=each)
        return [*newer, *self._by_id([row_id]).values(), *older]

    def hits(self, query: Query, *, most: int = 100) -> int:
        """Count the rows that answer, up to `most`.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        found: set[int] = set()
        with self._moment() as connection:
            for one in query.either():
                found.update(self._hits(connection, one, most))
        return min(most, len(found))

    def _hits(self, connection: sqlite3.Connection, query: Query, most: int) -> list[int]:
        more, values = conditions(query)
        match = query.match()
        if not match:
            rows = connection.execute(
                f"SELECT id FROM lines WHERE id > 0{more}{CURRENT} ORDER BY id DESC LIMIT ?",
                (*values, most),
            ).fetchall()
            return [row_id for (row_id,) in rows]
        rows = connection.execute(
            "SELECT lines.id FROM words JOIN lines ON lines.id = words.rowid"
            f" WHERE words MATCH ? AND words.rowid >= ?{more}{CURRENT}"
            " ORDER BY words.rowid DESC LIMIT ?",
            (match, earliest(query), *values, most),
        ).fetchall()
        ids = numbers(self._unindexed.find(connection, match))
        rows += connection.execute(
            f"SELECT id FROM lines WHERE id IN (SELECT value FROM json_each(?)){more}{CURRENT}",
            (ids, *values),
        ).fetchall()
        return [row_id for (row_id,) in rows]

    def among(self, query: Query, ids: frozenset[int]) -> frozenset[int]:
        """Return those of the row ids that answer `query`.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        if not ids:
            return ids
        found: set[int] = set()
        with self._moment() as connection:
            for one in query.either():
                found.update(self._among(connection, one, ids))
        return frozenset(found)

    def _among(
        self, connection: sqlite3.Connection, query: Query, ids: frozenset[int]
    ) -> list[int]:
        more, values = conditions(query)
        match = query.match()
        wanted = numbers(sorted(ids))
        if match:
            # One walk through the index over their span: one for each row costs far more.
            rows = connection.execute(
                "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?"
                " AND +rowid IN (SELECT value FROM json_each(?))",
                (match, min(ids), max(ids), wanted),
            ).fetchall()
            answering = {row_id for (row_id,) in rows}
            answering |= ids.intersection(self._unindexed.find(connection, match))
            wanted = numbers(sorted(answering))
        rows = connection.execute(
            f"SELECT id FROM lines WHERE id IN (SELECT value FROM json_each(?)){more}{CURRENT}",
            (wanted, *values),
        ).fetchall()
        return [row_id for (row_id,) in rows]

    def recent(self, *, limit: int = 8) -> list[Line]:
        """List the newest rows that matter, and deploys under way, newest first.

        They are looked for among the newest 2,000 rows.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        lowest = f"SELECT id FROM lines ORDER BY id DESC LIMIT 1 OFFSET {_RECENT}"
        return self._lines(
            f"{COLUMNS} WHERE lines.id > COALESCE(({lowest}), 0)"
            f" AND ({_MATTERS} OR {_UNDER_WAY}){CURRENT} ORDER BY lines.id DESC LIMIT ?",
            (limit,),
        )

    def unseen(self, seen: Seen, *, limit: int = 100) -> list[Line]:
        """List the rows new to a person that matter, newest first.

        Those are changes of what is true now, and deploys. Of more than 5,000 arrivals the newest
        are looked at.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        return self._lines(
            f"{COLUMNS} WHERE lines.lsn > MAX(?, (SELECT MAX(lsn) FROM lines) - {_UNSEEN})"
            f" AND lines.id >= ? AND {_MATTERS}{CURRENT} ORDER BY lines.lsn DESC LIMIT ?",
            (seen.arrival, beginning(seen.began), limit),
        )

    def newest(self) -> int:
        """Return the newest arrival number that has a row.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        return self._number("SELECT COALESCE(MAX(lsn), 0) FROM lines")

    def since(self, arrival: int, *, limit: int = 500) -> list[Line]:
        """List the rows that came after `arrival`, in order of arrival.

        Also those already superseded.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        return self._lines(
            f"{COLUMNS} WHERE lines.lsn > ?{LISTED} ORDER BY lines.lsn LIMIT ?", (arrival, limit)
        )

    def all_since(self, arrival: int) -> Iterator[Line]:
        """As `since`, however many there are.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        while lines := self.since(arrival):
            yield from lines
            arrival = lines[-1].arrival
