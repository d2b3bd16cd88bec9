"""The database of runs: opened, damaged or lost, and every call in a transaction."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstream_desktop import machine, sqlite_file
from devstream_desktop.errors import DevstreamError
from devstream_desktop.language import _

_FIRST = """
CREATE TABLE runs (
    request TEXT PRIMARY KEY,
    target TEXT NOT NULL,
    environment TEXT NOT NULL,
    ref TEXT NOT NULL,
    sha TEXT NOT NULL,
    title TEXT NOT NULL,
    person TEXT NOT NULL,
    state TEXT NOT NULL,
    published TEXT NOT NULL DEFAULT '',
    started INTEGER NOT NULL,
    finished INTEGER NOT NULL DEFAULT 0,
    exit INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    previous TEXT NOT NULL DEFAULT '',
    left_running INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX one_run ON runs (target, environment)
    WHERE state IN ('dispatching', 'in_progress');
CREATE INDEX unpublished ON runs (started) WHERE published <> state;
CREATE TABLE offers (
    target TEXT NOT NULL,
    environment TEXT NOT NULL,
    said TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (target, environment)
) STRICT;
CREATE TABLE earlier (request TEXT PRIMARY KEY) STRICT;
"""
_LATER = (
    """
CREATE TABLE starts (
    request TEXT PRIMARY KEY,
    definition TEXT NOT NULL,
    handle TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '',
    cancelled_by TEXT NOT NULL DEFAULT ''
) STRICT;
""",
    """
ALTER TABLE runs ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN about TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN parameters TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN override INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN policy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN locks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN event BLOB;
ALTER TABLE runs ADD COLUMN current TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN ahead TEXT NOT NULL DEFAULT '';
CREATE INDEX pending ON runs (target, environment, taken) WHERE state IN ('queued', 'waiting');
CREATE TABLE locks (
    id TEXT NOT NULL,
    target TEXT NOT NULL,
    environment TEXT NOT NULL,
    person TEXT NOT NULL,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    reminded INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (target, environment)
) STRICT;
CREATE TABLE approvals (
    request TEXT NOT NULL,
    person TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (request, person)
) STRICT;
""",
)
"""The additions of each version after the first. New ones go to the end, none is ever changed."""
VERSION = 1 + len(_LATER)
_SCHEMA = _FIRST + "".join(_LATER)
LOGS = "deploy-logs"
"""The folder beside the database with each run's output, by request."""
TABLES = frozenset({"runs", "offers"})

_log = logging.getLogger(__name__)


class RunsError(DevstreamError):
    """deploy.sqlite cannot be used; the message says what to do."""


class Database:
    """deploy.sqlite, open or not.

    Every method raises `RunsError` when the disk refuses, or between `close` and `open`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Open the file; make it, or bring it to this schema, when need be.

        Raises:
            RunsError: also when it is damaged or was: nobody knows any more what ran, so nothing
                runs until the operator has removed the file that was set aside.

        """
        with self._lock, _explained(self._path):
            # A record that lies could run a deploy twice.
            if damage := sqlite_file.damage(self._path, VERSION, TABLES):
                _log.error("%s is damaged: %s", self._path, damage)
                sqlite_file.set_aside(self._path)
            if damaged := sqlite_file.asides(self._path):
                raise RunsError(lost(damaged[-1]))
            sqlite_file.make_private(self._path)
            # A new record knows nothing of output that is already there.
            begun = not self._path.exists()
            sqlite_file.create(self._path, VERSION, _SCHEMA)
            connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(connection, begun=begun)
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection, to one thread at a time."""
        with self._lock, _explained(self._path):
            if self._connection is None:
                raise RunsError(f"{self._path.name} is not open: the executor does not run")
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection inside a transaction, which an error rolls back."""
        with self.connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite may have ended it already, as on a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def _prepare(self, connection: sqlite3.Connection, *, begun: bool) -> None:
        """Bring an open file to this schema, and look for lost runs."""
        # What is no UTF-8 spoils its own value alone.
        connection.text_factory = lambda content: content.decode("utf-8", "replace")
        connection.execute("PRAGMA journal_mode = WAL")
        # A row must survive a power cut before its process starts.
        connection.execute("PRAGMA synchronous = FULL")
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        # A newer devstream may have rows that this one would misread.
        if version > VERSION:
            raise RunsError(
                f"{self._path.name} was written by a newer devstream (version {version}); "
                "install that one again"
            )
        for number in range(version, VERSION):
            step = f"{_LATER[number - 1]} PRAGMA user_version = {number + 1};"
            connection.executescript(f"BEGIN IMMEDIATE; {step} COMMIT;")
        if self._lacks_runs(connection, begun=begun):
            # Its last changes go from the journal into the file that is set aside.
            connection.close()
            raise RunsError(lost(sqlite_file.set_aside(self._path)))

    def _lacks_runs(self, connection: sqlite3.Connection, *, begun: bool) -> bool:
        """Tell whether output is kept of runs without a row: then the newest rows were lost.

        A row is on disk before its run prints anything. What was printed before this record was
        begun is remembered as such.
        """
        printed = {path.stem for path in (self._path.parent / LOGS).glob("*.log")}
        if (
            begun
            or not connection.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'earlier'"
            ).fetchone()
        ):
            # At once, so that no two writers read first and then both write.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS earlier (request TEXT PRIMARY KEY) STRICT"
            )
            connection.executemany(
                "INSERT OR IGNORE INTO earlier VALUES (?)", [(request,) for request in printed]
            )
            connection.execute("COMMIT")
        known = "SELECT request FROM runs UNION SELECT request FROM earlier"
        return bool(printed - {request for (request,) in connection.execute(known)})


def lost(damaged: Path) -> str:
    """Return the sentence for a database that was set aside as `damaged`."""
    return _(
        "the record of what was deployed from here was damaged: what ran, and whether anything"
        " still runs, is not known any more. See that nothing of it still runs (what it printed is"
        " in {folder}), then remove {file}, and deploys go on within a minute"
    ).format(folder=damaged.parent / LOGS, file=damaged)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if isinstance(error, sqlite3.Error) and machine.is_corrupt(error):
            said = (
                f"{path.name} is damaged ({error}); nothing is deployed any more: start the node "
                "again: its message names what to do"
            )
            raise RunsError(said) from error
        raise RunsError(
            f"{path.name} cannot be used, and nothing is deployed until it can: "
            f"{machine.reason(error, path)}"
        ) from error
