"""The floor of storing.

Ready rows put into the tables of a history with `executemany`, and nothing else.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from devstream_desktop.history.database import open_reader, open_writer
from devstream_desktop.stream.entry import parse_entry
from devstream_desktop.stream.event import decode_event
from devstream_desktop.stream.search_text import index_text

_TABLES = ("log", "lines")

Values = tuple[object, ...]


@dataclass(frozen=True)
class Rows:
    """Everything that a filled history has in its large tables, by ascending row id.

    And the small tables they refer to.
    """

    log: list[Values]
    lines: list[Values]
    words: list[tuple[int, str]]
    feeds: list[Values]
    senders: list[Values]


def ready_rows(path: Path) -> Rows:
    """The rows of the history at `path`.

    The log in the order of the lines, which is the cheapest to index.
    """
    with closing(open_reader(path)) as connection:
        log = connection.execute(
            "SELECT log.* FROM lines JOIN log ON log.lsn = lines.lsn ORDER BY lines.id"
        ).fetchall()
        lines = connection.execute("SELECT * FROM lines ORDER BY id").fetchall()
        bodies = connection.execute(
            "SELECT lines.id, body, signature FROM lines JOIN log ON log.lsn = lines.lsn ORDER BY "
            "lines.id"
        ).fetchall()
        feeds = connection.execute("SELECT id, feed, floor FROM feeds").fetchall()
        senders = connection.execute("SELECT * FROM senders").fetchall()
    words = [
        (row_id, index_text(decode_event(parse_entry(body, signature).payload)))
        for row_id, body, signature in bodies
    ]
    return Rows(log, lines, words, feeds, senders)


class Bare:
    """An empty history's tables, opened as a history opens them, that take ready rows."""

    def __init__(self, path: Path, rows: Rows, *, durable: bool = False) -> None:
        self._rows = rows
        self._connection = open_writer(path)
        if durable:
            self._connection.execute("PRAGMA synchronous = FULL")
        self._log = f"INSERT INTO log VALUES ({_marks(rows.log)})"
        self._lines = f"INSERT INTO lines VALUES ({_marks(rows.lines)})"
        with self._connection:
            self._connection.executemany(
                "INSERT INTO feeds (id, feed, floor) VALUES (?, ?, ?)", rows.feeds
            )
            self._connection.executemany("INSERT INTO senders VALUES (?, ?)", rows.senders)

    def put(self, first: int, last: int) -> None:
        """The rows from place `first` up to `last`, in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany(self._log, self._rows.log[first:last])
        self._connection.executemany(self._lines, self._rows.lines[first:last])
        self._connection.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", self._rows.words[first:last]
        )
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def _marks(rows: Sequence[Values]) -> str:
    return ", ".join("?" * len(rows[0]))


def fill(path: Path, rows: Rows, batch: int) -> None:
    """All rows, in transactions of `batch`."""
    bare = Bare(path, rows)
    for first in range(0, len(rows.log), batch):
        bare.put(first, first + batch)
    bare.close()


def count(path: Path, tables: Iterable[str] = _TABLES) -> set[int]:
    """The numbers of rows in the tables: a single one when they agree."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables
        }
