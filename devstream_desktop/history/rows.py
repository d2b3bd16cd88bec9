"""Rows of a history as lines: the ground of every question to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import msgspec

from devstream_desktop.history.database import friendly, open_reader
from devstream_desktop.history.quarantine import stored_entry
from devstream_desktop.history.search_index import FewRows
from devstream_desktop.stream.entry import COUNTER_BITS, MAX_HLC, hlc_time
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.fact import event_of
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Transition

LATER = (
    "SELECT 1 FROM lines AS next WHERE next.run = lines.run"
    " AND (next.rank, next.work, next.place) > (lines.rank, lines.work, lines.place)"
)
"""A later event of the run has the place of a row."""
COLUMNS = (
    "SELECT lines.id, lines.lsn, log.body, log.signature, lines.transition,"
    f" EXISTS ({LATER}),"
    " lines.run < 0"
    " FROM lines JOIN log ON log.lsn = lines.lsn"
)
CURRENT = f" AND NOT EXISTS ({LATER})"
NOT_STRUCK = " AND lines.run >= 0"
LISTED = " AND lines.state != 'seen'"
"""Leaves out sightings, which are no news: they are counted with their thing (`Thing.seen_by`)."""
_MEANINGS = {meaning.value: meaning for meaning in Transition}

# A screen asks for the same rows with each piece of news; about 3 MB.
_entry = lru_cache(maxsize=1024)(stored_entry)


def beginning(ms: int) -> int:
    """Return the first row id not older than a UTC millisecond."""
    return min(max(0, ms) << COUNTER_BITS, MAX_HLC)


def numbers(ids: Iterable[int]) -> str:
    """Return row ids as `json_each` takes them: one value, however many there are."""
    return msgspec.json.encode(list(ids)).decode()


class Rows:
    """A read-only connection of its own, opened when first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: sqlite3.Connection | None = None
        self._unindexed, self._few = FewRows(), dict[str, FewRows]()
        self._people: dict[str, str] = {}

    def close(self) -> None:
        """Let the database go; the next question opens it again."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None
        self._unindexed.close()
        for few in self._few.values():
            few.close()
        self._few.clear()

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
        """Ask several questions about one moment; within another one, about that.

        No row moves from the waiting ones into the index in between, and none of the questions
        takes a lock of its own.
        """
        with friendly(self._path):
            connection = self._connection()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    def _ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with friendly(self._path):
            found: list[tuple[Any, ...]] = self._connection().execute(sql, values).fetchall()
        return found

    def _by_id(self, ids: Iterable[int]) -> dict[int, Line]:
        """Return the lines of these row ids; those that cannot be read are left out."""
        wanted = numbers(row_id for row_id in set(ids) if row_id)
        where = "lines.id IN (SELECT value FROM json_each(?))"
        return {line.id: line for line in self._lines(f"{COLUMNS} WHERE {where}", (wanted,))}

    def _in_order(self, ids: Iterable[int]) -> list[Line]:
        wanted = list(ids)
        found = self._by_id(wanted)
        return [found[row_id] for row_id in wanted if row_id in found]

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
        entry = _entry(body, signature)
        try:
            event = event_of(entry) if entry is not None else None
        except InvalidEventError:
            event = None
        if entry is None or event is None:
            return None  # the node sets it aside
        device = entry.device
        return Line(
            id=row_id,
            arrival=lsn,
            event=event,
            entry=entry.id,
            received=hlc_time(entry.hlc),
            device=device,
            author=self._people.get(device, device[:8]),
            transition=_MEANINGS.get(transition, Transition.NONE),
            superseded=bool(superseded),
            struck=bool(struck),
        )
