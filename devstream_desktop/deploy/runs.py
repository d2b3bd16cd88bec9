"""The durable record of requests and runs.

No crash can make a deploy run twice or end without an answer.

A row is committed, with synchronous=FULL, before its process starts. Two constraints carry the
promises: the request is the primary key (one run a request, ever), and a partial unique index lets
one run at a time hold a target and environment. `published` lags behind `state` until the answer is
in the history, so an answer that a crash swallowed is given at the next start.

Calls are synchronous and take milliseconds of disk: the node makes them in a thread.
"""

from __future__ import annotations

import sqlite3
from enum import Enum
from pathlib import Path

from devstream_desktop.deploy.database import Database
from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.run import COLUMNS, Run, all_runs, first_run
from devstream_desktop.deploy.starts import Starts

DISPATCHING = "dispatching"
"""Claimed, and maybe started: only its start or its failure tells."""
KEEP_REFUSED_MS = 32 * 86_400_000
"""Milliseconds for which a refusal is kept.

Histories keep the request for less, so a refusal is never repeated. Runs are kept for good: they
are few, and they are the audit.
"""


class Claim(Enum):
    """Result of the attempt to claim a request."""

    TAKEN = "taken"
    KNOWN = "known"
    BUSY = "busy"


class Runs:
    """deploy.sqlite.

    Every method raises `RunsError` when the disk refuses, or between `close` and `open`.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path)
        self.starts = Starts(self._database)

    def open(self) -> None:
        """Open the file; make it, or bring it to this schema, when need be.

        Raises:
            RunsError: also when it is damaged or was: nobody knows any more what ran, so nothing
                runs until the operator has removed the file that was set aside.

        """
        self._database.open()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def judged(self, request: str) -> bool:
        """Return true when this request has a row, in any state."""
        with self._database.connection() as connection:
            known = (
                "SELECT 1 FROM runs WHERE request = ?1"
                " UNION SELECT 1 FROM earlier WHERE request = ?1"
            )
            return connection.execute(known, (request,)).fetchone() is not None

    def refuse(self, request: DeployRequest, person: str, reason: str, now: int) -> bool:
        """Record a refusal; false when the request has a row already."""
        with self._database.transaction() as connection:
            inserted = self._insert(connection, request, person, "refused", now)
            if inserted:
                connection.execute(
                    "UPDATE runs SET finished = ?, reason = ? WHERE request = ?",
                    (now, reason, request.id),
                )
            return inserted

    def claim(self, request: DeployRequest, person: str, now: int) -> Claim:
        """Become the one who runs `request`; on disk when this returns `TAKEN`."""
        with self._database.transaction() as connection:
            try:
                inserted = self._insert(connection, request, person, DISPATCHING, now)
            # The index lets one run at a time have a target and environment.
            except sqlite3.IntegrityError:
                return Claim.BUSY
            return Claim.TAKEN if inserted else Claim.KNOWN

    def started(self, request: str, now: int) -> None:
        """Note that the process is there."""
        with self._database.transaction() as connection:
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
        with self._database.transaction() as connection:
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
        with self._database.connection() as connection:
            return first_run(
                connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE target = ? AND environment = ?"
                    " AND (state IN ('dispatching', 'in_progress') OR left_running = 1) ORDER BY "
                    "started DESC LIMIT 1",
                    (target, environment),
                )
            )

    def unfinished(self) -> list[Run]:
        """At start: the runs that an earlier node did not see end."""
        with self._database.connection() as connection:
            return all_runs(
                connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE state IN ('dispatching', 'in_progress') "
                    "ORDER BY started"
                )
            )

    def abandon(self, request: str, now: int, reason: str) -> None:
        """Its end will never be known.

        It holds its target until `released` says that nothing of it runs any more.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = 'unknown', finished = ?, reason = ?, left_running = 1"
                " WHERE request = ? AND state IN ('dispatching', 'in_progress')",
                (now, reason, request),
            )

    def of(self, request: str) -> Run | None:
        """Return the run of a request."""
        with self._database.connection() as connection:
            return first_run(
                connection.execute(f"SELECT {COLUMNS} FROM runs WHERE request = ?", (request,))
            )

    def released(self, request: str) -> None:
        """Nothing of an abandoned run is left."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE runs SET left_running = 0 WHERE request = ?", (request,))

    def unpublished(self) -> list[Run]:
        """Return the runs whose last state nobody has been told, oldest first."""
        with self._database.connection() as connection:
            return all_runs(
                connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE published <> state AND state <> ? ORDER "
                    "BY started LIMIT 200",
                    (DISPATCHING,),
                )
            )

    def published(self, runs: list[Run]) -> None:
        """Note that these states are in the history."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE runs SET published = ? WHERE request = ?",
                [(run.state, run.request) for run in runs],
            )

    def forget_refused(self, before: int) -> None:
        """Drop refusals older than `before` that everybody has been told."""
        with self._database.transaction() as connection:
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
        with self._database.transaction() as connection:
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
        with self._database.transaction() as connection:
            connection.executemany(
                "DELETE FROM offers WHERE target = ? AND environment = ?", sorted(places)
            )

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
