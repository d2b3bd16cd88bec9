"""The durable record of requests and runs.

No crash can make a deploy run twice or end without an answer.

A row is committed, with synchronous=FULL, before its process starts. Two constraints carry the
promises: the request is the primary key (one run a request, ever), and a partial unique index lets
one run at a time hold a target and environment. `published` lags behind `state` until the answer is
in the history, so an answer that a crash swallowed is given at the next start.

Calls are synchronous and take milliseconds of disk: the node makes them in a thread.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from devstream_desktop import machine, sqlite_file
from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.errors import DevstreamError

DISPATCHING = "dispatching"
"""Claimed, and maybe started: only its start or its failure tells."""
KEEP_REFUSED_MS = 32 * 86_400_000
"""Milliseconds for which a refusal is kept.

Histories keep the request for less, so a refusal is never repeated. Runs are kept for good: they
are few, and they are the audit.
"""

VERSION = 1
_SCHEMA = """
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
LOGS = "deploy-logs"
"""The folder beside the database with each run's output, by request."""
TABLES = frozenset({"runs", "offers"})
_COLUMNS = (
    "request, target, environment, ref, sha, title, person, state, published, started, finished, "
    "exit, reason, previous"
)


_log = logging.getLogger(__name__)


class RunsError(DevstreamError):
    """deploy.sqlite cannot be used; the message says what to do."""


class Claim(Enum):
    """Result of the attempt to claim a request."""

    TAKEN = "taken"
    KNOWN = "known"
    BUSY = "busy"


@dataclass(frozen=True)
class Run:
    """One row.

    Times are UTC milliseconds, `exit` the exit code where there was one (negative: a signal).
    """

    request: str
    target: str
    environment: str
    ref: str
    sha: str
    title: str
    person: str
    state: str
    published: str
    started: int
    finished: int
    exit: int | None
    reason: str
    previous: str


class Runs:
    """deploy.sqlite.

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
            # What is no UTF-8 spoils its own value alone.
            connection.text_factory = lambda content: content.decode("utf-8", "replace")
            connection.execute("PRAGMA journal_mode = WAL")
            # A row must survive a power cut before its process starts.
            connection.execute("PRAGMA synchronous = FULL")
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
            # A newer devstream may have rows that this one would misread.
            if version > VERSION:
                connection.close()
                raise RunsError(
                    f"{self._path.name} was written by a newer devstream (version {version}); "
                    "install that one again"
                )
            if self._lacks_runs(connection, begun=begun):
                connection.close()
                raise RunsError(lost(sqlite_file.set_aside(self._path)))
            self._connection = connection

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def judged(self, request: str) -> bool:
        """Return true when this request has a row, in any state."""
        with self._open() as connection:
            known = (
                "SELECT 1 FROM runs WHERE request = ?1"
                " UNION SELECT 1 FROM earlier WHERE request = ?1"
            )
            return connection.execute(known, (request,)).fetchone() is not None

    def refuse(self, request: DeployRequest, person: str, reason: str, now: int) -> bool:
        """Record a refusal; false when the request has a row already."""
        with self._transaction() as connection:
            inserted = self._insert(connection, request, person, "refused", now)
            if inserted:
                connection.execute(
                    "UPDATE runs SET finished = ?, reason = ? WHERE request = ?",
                    (now, reason, request.id),
                )
            return inserted

    def claim(self, request: DeployRequest, person: str, now: int) -> Claim:
        """Become the one who runs `request`; on disk when this returns `TAKEN`."""
        with self._transaction() as connection:
            try:
                inserted = self._insert(connection, request, person, DISPATCHING, now)
            # The index lets one run at a time have a target and environment.
            except sqlite3.IntegrityError:
                return Claim.BUSY
            return Claim.TAKEN if inserted else Claim.KNOWN

    def started(self, request: str, now: int) -> None:
        """Note that the process is there."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = 'in_progress', started = ? WHERE request = ? AND state "
                "= ?",
                (now, request, DISPATCHING),
            )

    def finished(
        self, request: str, state: str, now: int, exit_code: int | None, reason: str
    ) -> None:
        """Note that the process ended, or never began.

        A success remembers which commit it replaced.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = ?1, finished = ?2, exit = ?3, reason = ?4, previous = "
                "CASE WHEN ?1 = 'success' THEN coalesce("
                "(SELECT sha FROM runs old WHERE old.target = runs.target AND old.environment = "
                "runs.environment AND old.state = 'success'"
                " ORDER BY old.finished DESC LIMIT 1), '') ELSE '' END WHERE request = ?5 AND "
                "state IN ('dispatching', 'in_progress')",
                (state, now, exit_code, reason, request),
            )

    def holder(self, target: str, environment: str) -> Run | None:
        """Return the run that keeps others from this target and environment.

        One under way, or one that an earlier node left running.
        """
        with self._open() as connection:
            return _first(
                connection.execute(
                    f"SELECT {_COLUMNS} FROM runs WHERE target = ? AND environment = ?"
                    " AND (state IN ('dispatching', 'in_progress') OR left_running = 1) ORDER BY "
                    "started DESC LIMIT 1",
                    (target, environment),
                )
            )

    def unfinished(self) -> list[Run]:
        """At start: the runs that an earlier node did not see end."""
        with self._open() as connection:
            return _all(
                connection.execute(
                    f"SELECT {_COLUMNS} FROM runs WHERE state IN ('dispatching', 'in_progress') "
                    "ORDER BY started"
                )
            )

    def abandon(self, request: str, now: int, reason: str) -> None:
        """Its end will never be known.

        It holds its target until `released` says that nothing of it runs any more.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = 'unknown', finished = ?, reason = ?, left_running = 1"
                " WHERE request = ? AND state IN ('dispatching', 'in_progress')",
                (now, reason, request),
            )

    def released(self, request: str) -> None:
        """Nothing of an abandoned run is left."""
        with self._transaction() as connection:
            connection.execute("UPDATE runs SET left_running = 0 WHERE request = ?", (request,))

    def unpublished(self) -> list[Run]:
        """Return the runs whose last state nobody has been told, oldest first."""
        with self._open() as connection:
            return _all(
                connection.execute(
                    f"SELECT {_COLUMNS} FROM runs WHERE published <> state AND state <> ? ORDER "
                    "BY started LIMIT 200",
                    (DISPATCHING,),
                )
            )

    def published(self, runs: list[Run]) -> None:
        """Note that these states are in the history."""
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE runs SET published = ? WHERE request = ?",
                [(run.state, run.request) for run in runs],
            )

    def forget_refused(self, before: int) -> None:
        """Drop refusals older than `before` that everybody has been told."""
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM runs WHERE state = 'refused' AND published = state AND finished < ?",
                (before,),
            )

    def offer(self, said: dict[tuple[str, str], str], now: int) -> dict[tuple[str, str], int]:
        """Record offers before peers learn of them.

        So a removal is never forgotten.

        Returns since when each target that peers know, also one that is not in `said`, is offered
        in these words.
        """
        with self._transaction() as connection:
            connection.executemany(
                "INSERT INTO offers VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET said = "
                "excluded.said, since = excluded.since"
                " WHERE said <> excluded.said",
                [(*place, words, now) for place, words in said.items()],
            )
            rows = connection.execute("SELECT target, environment, since FROM offers")
            return {
                (str(target), str(environment)): int(since) for target, environment, since in rows
            }

    def withdraw(self, places: set[tuple[str, str]]) -> None:
        """Peers have been told that these are gone."""
        with self._transaction() as connection:
            connection.executemany(
                "DELETE FROM offers WHERE target = ? AND environment = ?", sorted(places)
            )

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

    @staticmethod
    def _insert(
        connection: sqlite3.Connection, request: DeployRequest, person: str, state: str, now: int
    ) -> bool:
        cursor = connection.execute(
            "INSERT INTO runs (request, target, environment, ref, sha, title, person, state, "
            "started)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request) DO NOTHING",
            (
                request.id,
                request.target,
                request.environment,
                request.ref,
                request.sha,
                request.title,
                person,
                state,
                now,
            ),
        )
        return cursor.rowcount == 1

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _explained(self._path):
            if self._connection is None:
                raise RunsError(f"{self._path.name} is not open: the executor does not run")
            yield self._connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                # SQLite may have ended it already, as on a full disk.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def lost(damaged: Path) -> str:
    """Return the sentence for a database that was set aside as `damaged`."""
    return (
        "the record of what was deployed from here was damaged: what ran, and whether anything "
        "still runs, is not known any more."
        f" See that nothing of it still runs (what it printed is in {damaged.parent / LOGS}), "
        f"then remove {damaged},"
        " and deploys go on within a minute"
    )


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


def _all(cursor: sqlite3.Cursor) -> list[Run]:
    return [Run(*row) for row in cursor]


def _first(cursor: sqlite3.Cursor) -> Run | None:
    row = cursor.fetchone()
    return None if row is None else Run(*row)
