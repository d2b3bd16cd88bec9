"""Small SQLite databases of a home, whose files may be damaged.

Each is looked over before it is opened, and set aside under a name with a date.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.language import _

LOOK_S = 2.0
"""A start waits no longer for the check."""
_MAGIC = b"SQLite format 3\0"
_COMING = 100
"""Versions that a newer devstream may have written; what is beyond was never written by any."""
_STEPS = 10_000
"""Of SQLite's machine between two looks at the clock: about a millisecond."""
_PARTS = ("-wal", "-shm", "")
"""The files of a database; itself last, so that a stop in between finds it again."""


def damage(path: Path, version: int, tables: frozenset[str]) -> str:
    """Find the damage of a database; empty when there is none, or it cannot be told.

    One of this `version` or an earlier one has these `tables`. A file without content is damaged:
    `create` never leaves one.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError:
        return ""  # whoever opens it is told why
    if not head:
        return _("it is empty")
    if head != _MAGIC:
        return _("its first bytes are not those of a database")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.text_factory = lambda content: content.decode("utf-8", "replace")
            end = time.monotonic() + LOOK_S
            # A whole check of a large file takes minutes; a start must not.
            connection.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)
            return _look(connection, version, tables)
    except sqlite3.Error as error:
        return str(error) if machine.is_damage(error) else ""


def create(path: Path, version: int, schema: str) -> None:
    """Make a database (0600) where there is none, in one step.

    Raises:
        OSError, sqlite3.Error: it cannot be written.

    """
    if path.exists():
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        whole = f"{schema} PRAGMA user_version = {version};"
        connection.executescript(f"BEGIN IMMEDIATE; {whole} COMMIT;")
    # What belonged to a database that is gone must not be taken for this one's.
    for part in _PARTS[:-1]:
        path.with_name(path.name + part).unlink(missing_ok=True)
    new.replace(path)


def set_aside(path: Path) -> Path:
    """Rename a damaged database and what belongs to it; returns its new name.

    Raises:
        OSError: the folder cannot be written.

    """
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    move(path, aside)
    return aside


def move(path: Path, aside: Path) -> None:
    """Rename a database and what belongs to it.

    Raises:
        OSError: the folder cannot be written.

    """
    for part in _PARTS:
        file = path.with_name(path.name + part)
        if file.exists():
            file.replace(aside.with_name(aside.name + part))


def asides(path: Path) -> list[Path]:
    """List the files that were set aside of a database, oldest first."""
    found = path.parent.glob(f"{path.name}.damaged-*")
    return sorted(file for file in found if not file.name.endswith(_PARTS[:-1]))


def remove(path: Path) -> None:
    """Delete a database and what belongs to it."""
    for part in _PARTS:
        path.with_name(path.name + part).unlink(missing_ok=True)


def make_private(path: Path) -> None:
    """Close an existing file to others, and open it to its owner.

    Raises:
        OSError: it is somebody else's.

    """
    if sys.platform != "win32" and path.exists() and path.stat().st_mode & 0o777 != 0o600:
        path.chmod(0o600)


def _look(connection: sqlite3.Connection, version: int, tables: frozenset[str]) -> str:
    connection.execute("PRAGMA cell_size_check = ON")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    # A damaged header may say any version, and a newer devstream only the next ones.
    if not 0 < found <= version + _COMING:
        return _("its header is damaged")
    told = [text for (text,) in connection.execute("PRAGMA integrity_check(1)")]
    if told != ["ok"]:
        return str(told[0]) if told else _("its check fails")
    query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    held = {name for (name,) in connection.execute(query)}
    return "" if found > version or tables <= held else _("its tables are gone")
