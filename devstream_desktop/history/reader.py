"""Reading half of a history, for screens and scripts.

Its connection is its own and can only read.

Queries are a few milliseconds even at a million rows (tests/bench), so a screen may ask on its own
thread.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from devstream_desktop.history import quarantine
from devstream_desktop.history.database import HistoryError, friendly, open_reader
from devstream_desktop.history.quarantine import stored_entry
from devstream_desktop.history.search_index import UnindexedRows
from devstream_desktop.history.telling import claims_of, subject_hash
from devstream_desktop.history.things import LATER
from devstream_desktop.stream.entry import hlc_time
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.fact import event_of, topic_of
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Transition

HistoryUnavailableError = HistoryError

_COLUMNS = (
    "SELECT lines.id, lines.lsn, log.body, log.signature, lines.transition,"
    f" EXISTS ({LATER}),"
    " lines.run < 0"
    " FROM lines JOIN log ON log.lsn = lines.lsn"
)
_CURRENT = f" AND NOT EXISTS ({LATER})"
_MEANINGS = {meaning.value: meaning for meaning in Transition}
_MAX_ID = (1 << 63) - 1


@dataclass(frozen=True)
class Facets:
    """Values to filter by, in order."""

    services: tuple[str, ...]
    environments: tuple[str, ...]


class Reader:
    """Reads a history that a node writes.

    It is opened when first asked, so that it can exist before the history does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None
        self._unindexed = UnindexedRows()
        self._people: dict[str, str] = {}

    def page(
        self, query: Query, *, before: int | None = None, limit: int = 50, superseded: bool = False
    ) -> list[Line]:
        """Rows that answer `query`, newest first, older than the row id `before`; at most `limit`.

        Rows whose place a later event of the same subject and number took are left out unless
        `superseded`.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        end = _MAX_ID if before is None else before
        current = "" if superseded else _CURRENT
        if query.everything:
            return self._lines(
                f"{_COLUMNS} WHERE lines.id < ?{current} ORDER BY lines.id DESC LIMIT ?",
                (end, limit),
            )
        match = query.match()
        with self._moment() as connection:
            # The index gives row ids newest first by itself, and stops at the limit.
            found = " JOIN words ON words.rowid = lines.id WHERE words MATCH ? AND words.rowid < ?"
            lines = self._lines(
                f"{_COLUMNS}{found}{current} ORDER BY words.rowid DESC LIMIT ?", (match, end, limit)
            )
            ids = self._unindexed.find(connection, match, end)
            if ids:
                lines += self._lines(
                    f"{_COLUMNS} WHERE lines.id IN (SELECT value FROM json_each(?)){current}",
                    (json.dumps(ids),),
                )
        return sorted(lines, key=lambda line: line.id, reverse=True)[:limit]

    def since(self, arrival: int, *, limit: int = 500) -> list[Line]:
        """List the rows that came after `arrival`, in order of arrival.

        Also those already superseded.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        return self._lines(
            f"{_COLUMNS} WHERE lines.lsn > ? ORDER BY lines.lsn LIMIT ?", (arrival, limit)
        )

    def all_since(self, arrival: int) -> Iterator[Line]:
        """As `since`, however many there are.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        while lines := self.since(arrival):
            yield from lines
            arrival = lines[-1].arrival

    def subject(self, of: Event, *, limit: int = 50) -> list[Line]:
        """Return the past of the event's subject, newest first, with its claims.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        topic = topic_of(of)
        things = (subject_hash(topic), subject_hash(of.subject))
        asked = (*things, *map(claims_of, things), limit)
        where = "lines.subject IN (?, ?, ?, ?) ORDER BY lines.place DESC LIMIT ?"
        found = self._lines(f"{_COLUMNS} WHERE {where}", asked)
        return [line for line in found if topic_of(line.event) in (topic, of.subject)]

    def newest(self) -> int:
        """Return the newest arrival number that has a row.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        return self._number("SELECT COALESCE(MAX(lsn), 0) FROM lines")

    def count(self) -> int:
        """Return the number of rows.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        return self._number("SELECT COUNT(*) FROM lines")

    def span(self) -> tuple[int, int]:
        """Return the times of the oldest and newest row.

        UTC milliseconds; zeros when there is none.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        first = self._number("SELECT COALESCE(MIN(id), 0) FROM lines")
        last = self._number("SELECT COALESCE(MAX(id), 0) FROM lines")
        return hlc_time(first), hlc_time(last)

    def troubles(self, seconds: float) -> list[str]:
        """Name what cannot be read and what was set aside.

        After `seconds` what was not looked at counts as readable.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        end = time.monotonic() + seconds
        with friendly(self._path):
            connection = self._connection()
            found = [
                quarantine.unreadable(connection, lambda: time.monotonic() < end),
                quarantine.told(connection),
            ]
        return [sentence for sentence in found if sentence]

    def last_words(self) -> dict[str, int]:
        """Return when each device wrote its newest entry here, UTC milliseconds.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        newest = (
            "SELECT body, signature FROM log WHERE lsn IN (SELECT (SELECT lsn FROM log WHERE"
            " log.feed = feeds.id ORDER BY seq DESC LIMIT 1) FROM feeds)"
        )
        with friendly(self._path):
            rows = self._connection().execute(newest).fetchall()
        found: dict[str, int] = {}
        for entry in (stored_entry(*row) for row in rows):
            if entry is not None:
                found[entry.device] = max(hlc_time(entry.hlc), found.get(entry.device, 0))
        return found

    def facets(self) -> Facets:
        """Return the services and environments that the history has seen.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        with friendly(self._path):
            rows = (
                self._connection()
                .execute("SELECT name, value FROM facets ORDER BY value COLLATE NOCASE")
                .fetchall()
            )
        return Facets(
            services=tuple(value for name, value in rows if name == "service"),
            environments=tuple(value for name, value in rows if name == "environment"),
        )

    def close(self) -> None:
        """Let the database go; the next question opens it again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        self._unindexed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connection(self) -> sqlite3.Connection:
        if self._opened is None:
            self._opened = open_reader(self._path)
        return self._opened

    @contextmanager
    def _moment(self) -> Iterator[sqlite3.Connection]:
        """Ask several questions about one moment.

        No row moves from the waiting ones into the index in between.
        """
        with friendly(self._path):
            connection = self._connection()
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def _number(self, sql: str) -> int:
        with friendly(self._path):
            number: int = self._connection().execute(sql).fetchone()[0]
        return number

    def _lines(self, sql: str, values: tuple[object, ...]) -> list[Line]:
        with friendly(self._path):
            connection = self._connection()
            rows = connection.execute(sql, values).fetchall()
            if rows:
                self._people = dict(
                    connection.execute("SELECT device, person FROM people").fetchall()
                )
        return [line for row in rows if (line := self._line(*row)) is not None]

    def _line(
        self,
        row_id: int,
        lsn: int,
        body: bytes,
        signature: bytes,
        transition: str,
        superseded: int,
        struck: int,
    ) -> Line | None:
        entry = stored_entry(body, signature)
        try:
            event = event_of(entry) if entry is not None else None
        except InvalidEventError:
            event = None
        if entry is None or event is None:
            return None  # the node sets it aside
        return Line(
            id=row_id,
            arrival=lsn,
            event=event,
            entry=entry.id,
            received=hlc_time(entry.hlc),
            device=entry.device,
            author=self._people.get(entry.device, entry.device[:8]),
            transition=_MEANINGS.get(transition, Transition.NONE),
            superseded=bool(superseded),
            struck=bool(struck),
        )
