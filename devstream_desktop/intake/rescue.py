"""The rescue of a damaged intake.sqlite.

Deliveries that wait and the places of pollers go into a new one, as far as they can be read.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from devstream_desktop import sqlite_file

_HEADER_BYTES = 100
_SIZE_AT = 28
"""The place of the number of pages, of four bytes.

https://www.sqlite.org/fileformat2.html#the_database_header
"""
_MODES_AT = 18
_WAL_MODES = b"\x02\x02"
_PAGE = 4096
_KEPT = 2
"""Damaged files that are kept."""
_TABLES = (
    # `+` leaves out the index, which may be what is damaged.
    ("note", "name, value", "name", "1"),
    ("delivery", "source, id, received", "source, id", "1"),
    ("raw", "id, source, headers, body, received, done", "id", "+done = 0"),
)
_LOG = logging.getLogger(__name__)


def rescue(path: Path, damage: str, version: int, schema: str) -> None:
    """Put a new database in the place of a damaged one.

    Raises:
        OSError, sqlite3.Error: there is no room for it; the damaged one is still there.

    """
    new, repaired = (
        path.with_name(f".{path.name}.rescued"),
        path.with_name(f".{path.name}.repaired"),
    )
    for file in (new, repaired):
        sqlite_file.remove(file)
    sqlite_file.create(new, version, schema)
    with closing(sqlite3.connect(new)) as into, into:
        kept, whole = _copy(path, into)
        # The first bytes may be what is damaged: those of a sound file make the rest readable.
        if not whole:
            _with_header_of(new, path, repaired)
            kept += _copy(repaired, into)[0]
            sqlite_file.remove(repaired)
    aside = sqlite_file.set_aside(path)
    sqlite_file.move(new, path)
    for old in sqlite_file.asides(path)[:-_KEPT]:
        sqlite_file.remove(old)
    _LOG.error(
        "%s is damaged (%s): %d rows of it are kept, and it is set aside as %s",
        path,
        damage,
        kept,
        aside.name,
    )


def _copy(damaged: Path, into: sqlite3.Connection) -> tuple[int, bool]:
    """Copy each table from both ends to a bad place in between.

    Returns how many new rows there are, and whether that is all.
    """
    kept, whole = 0, True
    with closing(sqlite3.connect(damaged, isolation_level=None)) as old:
        old.text_factory = lambda content: content.decode("utf-8", "replace")
        for table, columns, order, where in _TABLES:
            marks = ",".join("?" * len(columns.split(",")))
            insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"
            # From both ends: the rows behind a bad page are as good as those before it.
            for direction in ("ASC", "DESC"):
                by = ", ".join(f"{column} {direction}" for column in order.split(", "))
                rows = _Readable(old, f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {by}")
                for row in rows:
                    with suppress(sqlite3.IntegrityError):  # of another type than its column
                        kept += into.execute(insert, row).rowcount
                whole = whole and not rows.error
    return kept, whole


class _Readable:
    """The rows of a query, up to the first unreadable one."""

    def __init__(self, old: sqlite3.Connection, query: str) -> None:
        self._old = old
        self._query = query
        self.error = ""

    def __iter__(self) -> Iterator[tuple[object, ...]]:
        try:
            yield from self._old.execute(self._query)
        except sqlite3.DatabaseError as error:
            self.error = str(error)


def _with_header_of(sound: Path, damaged: Path, to: Path) -> None:
    """Copy a database, its first bytes from one with the same tables."""
    shutil.copyfile(damaged, to)
    log = damaged.with_name(f"{damaged.name}-wal")
    if log.exists():
        shutil.copyfile(log, to.with_name(f"{to.name}-wal"))
    header = bytearray(sound.read_bytes()[:_HEADER_BYTES])
    header[_SIZE_AT : _SIZE_AT + 4] = (damaged.stat().st_size // _PAGE).to_bytes(4, "big")
    if log.exists():
        header[_MODES_AT : _MODES_AT + 2] = _WAL_MODES
    with to.open("r+b") as file:
        file.write(header)
