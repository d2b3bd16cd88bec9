"""Questions about lines: pages of a search, how much it finds, what is new."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from devstream_desktop.history.rows import (
    COLUMNS,
    CURRENT,
    LISTED,
    NOT_STRUCK,
    Rows,
    beginning,
    numbers,
)
from devstream_desktop.history.search import MAX_ID, conditions, few_rows, span
from devstream_desktop.history.search_index import UNINDEXED, FewRows
from devstream_desktop.stream.query import Is, Query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line

_MATTERS = (
    "(lines.run >= 0 AND (lines.transition IN ('new', 'failed', 'regressed', 'fixed')"
    " OR lines.kind = 'deploy' AND lines.terminal))"
)
"""Something changed what is true now, or was deployed."""
_UNDER_WAY = "lines.run >= 0 AND lines.kind = 'deploy' AND lines.state = 'in_progress'"
_RECENT = 2_000
_AT_ONCE = 500
_MANY_UNSEEN = 20_000
"""Unseen rows of which the first is looked for, in 2 ms."""
_FEW = 500
"""Rows that are indexed in memory: once in 15 ms, and then until they change."""
_KINDS_OF_FEW = 4
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
        struck: bool = True,
    ) -> list[Line]:
        """Rows that answer `query`, newest first; at most `limit`.

        They are older than the row id `before`. With `after` they are newer than that one instead,
        and the next ones to it. Rows whose place a later event of the same subject and number took
        are left out unless `superseded`; those that are struck out, unless `struck`.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        within = (0, MAX_ID) if before is None else (0, before)
        order = "DESC"
        if after is not None:
            within, order = (after + 1, MAX_ID), "ASC"
        current = f"{'' if superseded else CURRENT}{'' if struck else NOT_STRUCK}"
        found: set[int] = set()
        with self._moment() as connection:
            for one in query.either():
                found.update(
                    self._ids(connection, one, within, limit, order=order, current=current)
                )
            ids = sorted(found)
            kept = ids[:limit] if after is not None else ids[-limit:] if limit else []
            return self._in_order(reversed(kept))

    def every(
        self,
        query: Query,
        *,
        at_once: int = _AT_ONCE,
        superseded: bool = True,
        struck: bool = True,
    ) -> Iterator[Line]:
        """Rows that answer `query`, newest first; the rest is as `page` has it.

        They are read `at_once` at a time.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        before: int | None = None
        while page := self.page(
            query, before=before, limit=at_once, superseded=superseded, struck=struck
        ):
            yield from page
            before = page[-1].id

    def _ids(
        self,
        connection: sqlite3.Connection,
        query: Query,
        within: tuple[int, int],
        limit: int,
        *,
        order: str = "DESC",
        current: str = CURRENT,
    ) -> list[int]:
        """Return the rows of a query without alternatives, in any order.

        They are the first `limit` in `order` from the first row id of `within` up to the second.
        """
        if query.impossible:
            return []
        # One pair of bounds: of several conditions SQLite seeks by the first.
        first, beyond = span(query)
        first, beyond = max(first, within[0]), min(beyond, within[1])
        if Is.UNSEEN in query.now:
            first = max(first, self._first_unseen(connection, query.seen))
        more, values = conditions(query)
        rest = f"{more}{current} ORDER BY lines.id {order} LIMIT ?"
        bounds = "lines.id >= ? AND lines.id < ?"
        match = query.match()
        if not match:
            rows = connection.execute(
                f"SELECT id FROM lines WHERE {bounds}{rest}", (first, beyond, *values, limit)
            ).fetchall()
            return [row_id for (row_id,) in rows]
        found = self._among_few(connection, query, match)
        if found is None:
            # The index gives row ids in order by itself, and stops at the limit or at a bound.
            rows = connection.execute(
                "SELECT lines.id FROM words CROSS JOIN lines ON lines.id = words.rowid"
                f" WHERE words MATCH ? AND words.rowid >= ? AND words.rowid < ?{more}{current}"
                f" ORDER BY words.rowid {order} LIMIT ?",
                (match, first, beyond, *values, limit),
            ).fetchall()
            found = self._unindexed.find(connection, UNINDEXED, match)
        else:
            rows = []
        if found:
            rows += connection.execute(
                f"SELECT id FROM lines WHERE id IN (SELECT value FROM json_each(?)) AND {bounds}"
                f"{rest}",
                (numbers(found), first, beyond, *values, limit),
            ).fetchall()
        return [row_id for (row_id,) in rows]

    def _among_few(
        self, connection: sqlite3.Connection, query: Query, match: str
    ) -> list[int] | None:
        """Return those that the words find of rows that are few; None where they are not.

        Few rows are indexed anew sooner than the index is walked for them.
        """
        which = few_rows(query)
        if not which:
            return None
        (count,) = connection.execute(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM lines WHERE {which} LIMIT {_FEW + 1})"
        ).fetchone()
        if count > _FEW:
            return None
        if which not in self._few and len(self._few) >= _KINDS_OF_FEW:
            self._few.pop(next(iter(self._few))).close()
        return self._few.setdefault(which, FewRows()).find(connection, which, match)

    @staticmethod
    def _first_unseen(connection: sqlite3.Connection, seen: Seen) -> int:
        """Return the first row id that may be unseen; a search need not look below."""
        began = beginning(seen.began)
        count, first = connection.execute(
            "SELECT COUNT(*), MIN(id) FROM"
            " (SELECT id FROM lines WHERE lsn > ? AND id >= ? LIMIT ?)",
            (seen.arrival, began, _MANY_UNSEEN),
        ).fetchone()
        if seen.arrival < 0 or not count:
            return MAX_ID
        # Of so many there are enough wherever a search begins.
        return first if count < _MANY_UNSEEN else began

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
                found.update(self._ids(connection, one, (0, MAX_ID), most))
        return min(most, len(found))

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
        if query.impossible:
            return []
        more, values = conditions(query)
        match = query.match()
        first, beyond = span(query)
        answering = {row_id for row_id in ids if first <= row_id < beyond}
        if match and answering:
            # One walk through the index over their span: one for each row costs far more.
            rows = connection.execute(
                "SELECT rowid FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?"
                " AND +rowid IN (SELECT value FROM json_each(?))",
                (match, min(answering), max(answering), numbers(sorted(answering))),
            ).fetchall()
            waiting = answering.intersection(self._unindexed.find(connection, UNINDEXED, match))
            answering = waiting.union(row_id for (row_id,) in rows)
        rows = connection.execute(
            f"SELECT id FROM lines WHERE id IN (SELECT value FROM json_each(?)){more}{CURRENT}",
            (numbers(sorted(answering)), *values),
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
