"""Opening of a history: private files, pragmas, migrations.

And the errors that a full or damaged disk gives.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import _

SCHEMA_VERSION = 11
"""The number of migrations (schema.py)."""
_BUSY_MS = 5_000
LONG_WAL = 64 << 20
"""Bytes of write-ahead log that a catch-up folds in, in 40 ms.

With a quarter of it a catch-up took half as long again: each fold waits for the disk, and writes
the same pages of the indexes once more.
"""
_WAL_PAGES = 24_000
"""Of 4 KiB, after which a commit folds it in itself."""
_KEPT_BYTES = 16 << 20
"""The write-ahead log is cut to this after a burst."""


class HistoryError(DevstreamError):
    """The history cannot be read or written; the sentence says what it means and what to do."""


class HistoryFullError(HistoryError):
    """The disk is full: nothing was stored, so nothing may be acknowledged."""


class HistoryDamagedError(HistoryError):
    """The file is not what was written; a start sets it aside and fills a new one (repair.py)."""


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the one writing connection of the database at `path`.

    It is made and migrated when needed, and readable by its owner alone.

    Raises:
        HistoryError: it is damaged, from a newer version, or the disk is full.
    """
    try:
        # SQLite makes -wal and -shm with the mode of the database, so that is set before SQLite
        # sees it.
        # Not by umask: the history says what a team ships.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform != "win32":
                os.fchmod(
                    descriptor, 0o600
                )  # one that was put there from elsewhere may be open to all
        finally:
            os.close(descriptor)
        # Opened in a worker thread (a migration takes time), then used by the node's loop alone.
        connection = sqlite3.connect(
            path, isolation_level=None, timeout=_BUSY_MS / 1000, check_same_thread=False
        )
    except (OSError, sqlite3.Error) as error:
        raise _unopened(path, error) from error
    try:
        connection.text_factory = _text
        with friendly(path):
            # Before the first page is written: what retention frees goes back to the disk in steps.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA cache_size = -16384")
            # The node folds the log in when it is idle and in a thread; this is for a long burst,
            # which must not wait for it often.
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {_KEPT_BYTES}")
            _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a read-only connection, for screens and scripts.

    It never blocks the writer and never waits for it.

    Raises:
        HistoryError: there is no history yet, or it is damaged.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=_BUSY_MS / 1000,
        )
    except sqlite3.Error as error:
        if not path.exists():
            said = _("there is no history at {path} yet; start the node first")
            raise HistoryError(said.format(path=path)) from error
        raise _unopened(path, error) from error
    try:
        connection.text_factory = _text
        with friendly(path):
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA query_only = ON")
            # SQLite's own lower() knows the letters of English.
            connection.create_function("casefold", 1, _casefold, deterministic=True)
            _check_version(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _text(content: bytes) -> str:
    """Return a text column; what is no UTF-8 in it spoils the one value and stops nobody."""
    return content.decode("utf-8", "replace")


def _casefold(value: object) -> str:
    return value.casefold() if isinstance(value, str) else ""


@contextmanager
def friendly(path: Path) -> Iterator[None]:
    """Turn errors about the file into sentences for a person."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        if machine.is_full(error, path):
            said = _(
                "the disk of {folder} is full: the event was not stored; free some space and try"
                " again"
            )
            raise HistoryFullError(said.format(folder=path.parent)) from error
        if isinstance(error, OSError) or machine.of_machine(error):
            said = _("the history {path} cannot be used, and the event was not stored: {reason}")
            why = machine.reason(error, path)
            raise HistoryError(said.format(path=path, reason=why)) from error
        if machine.is_corrupt(error):
            said = _(
                "the history {path} is damaged ({error}); start the node again: it keeps what can"
                " be read, and its peers give the rest"
            )
            raise HistoryDamagedError(said.format(path=path, error=error)) from error
        said = _("the history {path} cannot be used: {error}")
        raise HistoryError(said.format(path=path, error=error)) from error


def is_damage(error: HistoryError) -> bool:
    """Tell whether the file is damaged.

    It is not where the machine refuses, or a newer devstream wrote it.
    """
    cause = error.__cause__
    return isinstance(error, HistoryDamagedError) or (
        isinstance(cause, sqlite3.Error) and machine.is_damage(cause)
    )


def damage_mark(path: Path) -> Path:
    """Name the mark that says that the database at `path` is damaged.

    A short look may not find that.
    """
    return path.with_name(f"{path.name}.doubt")


def mark_damaged(path: Path) -> None:
    """Leave word for the next start.

    A disk too full for it leaves the finding to that start's own check.
    """
    with suppress(OSError):
        damage_mark(path).touch()


def team_of(path: Path) -> str:
    """Read the id of the team whose history is at `path`.

    Empty when there is none yet, or it is damaged.

    Raises:
        HistoryError: it cannot be read.
    """
    if not path.exists():
        return ""
    try:
        # Only reading: whoever writes and closes folds in what a kill left in the -wal file.
        address = f"{path.absolute().as_uri()}?mode=ro"
        with friendly(path), closing(sqlite3.connect(address, uri=True)) as connection:
            # A first start may have been killed before it made any table.
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                return ""
            found = connection.execute("SELECT value FROM meta WHERE name = 'team'").fetchone()
        return found[0].decode() if found else ""
    except HistoryError as error:
        if not is_damage(error):
            raise
    except (ValueError, TypeError, AttributeError):
        pass
    return ""


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise _newer(path)
    if version < SCHEMA_VERSION:
        said = _(
            "the history {path} was written by an older devstream; start the node, which takes it"
            " over"
        )
        raise HistoryError(said.format(path=path))


def _unopened(path: Path, error: OSError | sqlite3.Error) -> HistoryError:
    said = _("the history {path} cannot be opened: {reason}")
    return HistoryError(said.format(path=path, reason=machine.reason(error, path)))


def _newer(path: Path) -> HistoryError:
    said = _(
        "the history {path} was written by a newer devstream; start that one, or use another"
        " {option}"
    )
    return HistoryError(said.format(path=path, option="--home"))


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        # A newer devstream has made more steps; a damaged header has not.
        (steps,) = connection.execute("SELECT COUNT(*) FROM _sqlite_migrations").fetchone()
        raise (
            _newer(path)
            if steps > SCHEMA_VERSION
            else HistoryDamagedError(_("the header of {path} is damaged").format(path=path))
        )
    # Late, because a start that has nothing to migrate need not pay for these imports.
    from sqlite_utils import Database

    from devstream_desktop.history.schema import migrations

    migrations.apply(Database(connection))
    (vacuum,) = connection.execute("PRAGMA auto_vacuum").fetchone()
    if not vacuum:
        connection.execute(
            "VACUUM"
        )  # the first version had no automatic one, and takes it up by writing itself anew
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
