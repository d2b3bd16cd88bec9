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
from dataclasses import replace
from enum import Enum
from pathlib import Path

from devstream_desktop.deploy.database import Database
from devstream_desktop.deploy.lock_table import lock_after
from devstream_desktop.deploy.parameters import as_text
from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.run import COLUMNS, Run, all_runs, first_run, insert
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
        self.database = Database(path)
        self.starts = Starts(self.database)

    def open(self) -> None:
        """Open the file; make it, or bring it to this schema, when need be.

        Raises:
            RunsError: also when it is damaged or was: nobody knows any more what ran, so nothing
                runs until the operator has removed the file that was set aside.

        """
        self.database.open()

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def judged(self, request: str) -> bool:
        """Return true when this request has a row, in any state."""
        with self.database.connection() as connection:
            known = (
                "SELECT 1 FROM runs WHERE request = :request"
                " UNION SELECT 1 FROM earlier WHERE request = :request"
            )
            return connection.execute(known, {"request": request}).fetchone() is not None

    def refuse(
        self, request: DeployRequest, person: str, reason: str, now: int, policy: int = 0
    ) -> bool:
        """Record a refusal; false when the request has a row already."""
        with self.database.transaction() as connection:
            row = replace(row_of(request, person, "refused", now, policy), reason=reason)
            return insert(connection, replace(row, finished=now))

    def claim(
        self,
        request: DeployRequest,
        person: str,
        now: int,
        policy: int = 0,
        *,
        locks: bool = False,
    ) -> Claim:
        """Become the one who runs `request`; on disk when this returns `TAKEN`.

        `locks`: its success locks the environment.
        """
        with self.database.transaction() as connection:
            row = row_of(request, person, DISPATCHING, now, policy)
            try:
                inserted = insert(connection, row, locks=locks)
            # The index lets one run at a time have a target and environment.
            except sqlite3.IntegrityError:
                return Claim.BUSY
            if not inserted:
                return Claim.KNOWN
            replace_own(connection, request, person, now)
            return Claim.TAKEN

    def note(self, run: Run) -> bool:
        """Add a row that runs nothing; false when its request has one already."""
        with self.database.transaction() as connection:
            return insert(connection, run)

    def started(self, request: str, now: int) -> None:
        """Note that the process is there."""
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = 'in_progress', started = ? WHERE request = ? AND state "
                "= ?",
                (now, request, DISPATCHING),
            )

    def finished(
        self, request: str, state: str, now: int, exit_code: int | None, reason: str
    ) -> None:
        """Note that the process ended, or never began.

        A success remembers which commit it replaced, and one of a rollback locks the environment.
        """
        with self.database.transaction() as connection:
            changed = connection.execute(
                "UPDATE runs SET state = CASE WHEN :state = 'success' AND action = 'dry_run' THEN "
                "'dry_run' ELSE :state END, finished = :now, exit = :exit, reason = :reason, "
                "previous = "
                "CASE WHEN :state = 'success' THEN coalesce("
                "(SELECT sha FROM runs old WHERE old.target = runs.target AND old.environment = "
                "runs.environment AND old.state = 'success'"
                " ORDER BY old.finished DESC LIMIT 1), '') ELSE '' END"
                " WHERE request = :request AND state IN ('dispatching', 'in_progress')",
                {
                    "state": state,
                    "now": now,
                    "exit": exit_code,
                    "reason": reason,
                    "request": request,
                },
            )
            if changed.rowcount and state == "success":
                lock_after(connection, request, now)

    def holder(self, target: str, environment: str) -> Run | None:
        """Return the run that keeps others from this target and environment.

        One under way, or one that an earlier node left running.
        """
        with self.database.connection() as connection:
            return first_run(
                connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE target = ? AND environment = ?"
                    " AND (state IN ('dispatching', 'in_progress') OR left_running = 1) ORDER BY "
                    "started DESC LIMIT 1",
                    (target, environment),
                )
            )

    def left(self) -> list[Run]:
        """Return the lost runs that may still be alive."""
        with self.database.connection() as connection:
            return all_runs(
                connection.execute(f"SELECT {COLUMNS} FROM runs WHERE left_running = 1")
            )

    def unfinished(self) -> list[Run]:
        """At start: the runs that an earlier node did not see end."""
        with self.database.connection() as connection:
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
        with self.database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET state = 'unknown', finished = ?, reason = ?, left_running = 1"
                " WHERE request = ? AND state IN ('dispatching', 'in_progress')",
                (now, reason, request),
            )

    def of(self, request: str) -> Run | None:
        """Return the run of a request."""
        with self.database.connection() as connection:
            return first_run(
                connection.execute(f"SELECT {COLUMNS} FROM runs WHERE request = ?", (request,))
            )

    def released(self, request: str) -> None:
        """Nothing of an abandoned run is left."""
        with self.database.transaction() as connection:
            connection.execute("UPDATE runs SET left_running = 0 WHERE request = ?", (request,))

    def unpublished(self) -> list[Run]:
        """Return the runs whose last state nobody has been told, oldest first."""
        with self.database.connection() as connection:
            return all_runs(
                connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE published <> state AND state <> ? ORDER "
                    "BY started LIMIT 200",
                    (DISPATCHING,),
                )
            )

    def published(self, runs: list[Run]) -> None:
        """Note that these states are in the history."""
        with self.database.transaction() as connection:
            connection.executemany(
                "UPDATE runs SET published = ? WHERE request = ?",
                [(run.state, run.request) for run in runs],
            )

    def forget_refused(self, before: int) -> None:
        """Drop refusals older than `before` that everybody has been told."""
        with self.database.transaction() as connection:
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
        with self.database.transaction() as connection:
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
        with self.database.transaction() as connection:
            connection.executemany(
                "DELETE FROM offers WHERE target = ? AND environment = ?", sorted(places)
            )

    def current(self, target: str, environment: str) -> tuple[str, int]:
        """Return the commit that was deployed last with success, and when; empty for none."""
        run = self.last_success(target, environment)
        return (run.sha, run.finished) if run is not None else ("", 0)

    def last_success(self, target: str, environment: str) -> Run | None:
        """Return the last run there that succeeded; None for none."""
        with self.database.connection() as connection:
            return first_run(
                connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE target = ? AND environment = ?"
                    " AND state = 'success' ORDER BY finished DESC, rowid DESC LIMIT 1",
                    (target, environment),
                )
            )

    def last_good(self, target: str, environment: str) -> Run | None:
        """Return the run to roll back to; None where there is none.

        After a failed run that is the last success, else the one before with another commit.
        """
        with self.database.connection() as connection:
            ended = all_runs(
                connection.execute(
                    f"SELECT {COLUMNS} FROM runs WHERE target = ? AND environment = ? AND "
                    "action IN ('', 'rollback') AND (state IN ('success', 'failure', 'unknown')"
                    # Cancelled or failed before it began changed nothing.
                    " OR state IN ('cancelled', 'error') AND request IN"
                    " (SELECT request FROM starts WHERE handle <> ''))"
                    " ORDER BY finished DESC, rowid DESC LIMIT 200",
                    (target, environment),
                )
            )
        if not ended:
            return None
        bad = ended[0].sha
        return next((run for run in ended if run.state == "success" and run.sha != bad), None)

    def succeeded(self, target: str, sha: str) -> frozenset[str]:
        """Return the environments to which a commit was deployed with success."""
        with self.database.connection() as connection:
            rows = connection.execute(
                "SELECT DISTINCT environment FROM runs WHERE target = ? AND sha = ?"
                " AND state = 'success'",
                (target, sha),
            )
            return frozenset(str(environment) for (environment,) in rows)


def replace_own(
    connection: sqlite3.Connection, request: DeployRequest, person: str, now: int
) -> None:
    """End the person's waiting request that a new one replaces."""
    if request.about:
        connection.execute(
            "UPDATE runs SET state = 'cancelled', reason = ?, finished = ? WHERE request = ?"
            " AND person = ? AND target = ? AND environment = ? AND state IN ('queued', 'waiting')",
            (
                f"replaced by {person}'s newer request {request.id[:8]}",
                now,
                request.about,
                person,
                request.target,
                request.environment,
            ),
        )


def row_of(request: DeployRequest, person: str, state: str, now: int, policy: int) -> Run:
    """Return the row that a request begins with."""
    return Run(
        request=request.id,
        target=request.target,
        environment=request.environment,
        ref=request.ref,
        sha=request.sha,
        title=request.title,
        person=person,
        state=state,
        published="",
        started=now,
        finished=0,
        exit=None,
        # Whoever is told that the glass was broken reads why.
        reason=request.reason if request.override else "",
        previous="",
        action=request.action.value,
        about=request.about,
        parameters=as_text(request.parameters),
        override=int(request.override),
        policy=policy,
    )
