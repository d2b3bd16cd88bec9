"""The requests that wait, for their turn or for an approval; part of deploy.sqlite.

Each is a row of `runs` with everything that is needed to judge it again, so a crash loses neither
a place nor an approval. What waits becomes a run in one step, like a new request.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

from devstream_desktop.deploy.approvals import Approval
from devstream_desktop.deploy.database import Database
from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.run import COLUMNS, Run, insert
from devstream_desktop.deploy.runs import DISPATCHING, Claim, replace_own, row_of
from devstream_desktop.deploy.world import Pending, Taken, Wait

QUEUE_MS = 3_600_000
"""Milliseconds for which a request keeps its place in the queue."""
WAIT_MS = 3_600_000
"""Milliseconds for which a request waits for approval."""
_PENDING = "state IN ('queued', 'waiting')"


@dataclass(frozen=True)
class Waiting:
    """A request that waits, as it was signed and by whom."""

    run: Run
    device: str
    event: bytes
    taken: Taken

    @property
    def pending(self) -> Pending:
        """Its short form."""
        run = self.run
        return Pending(run.request, run.target, run.environment, run.person, run.sha, run.state)


class Queue:
    """The waiting requests of one executor. Calls are synchronous and raise `RunsError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(
        self,
        wait: Wait,
        person: str,
        device: str,
        event: bytes,
        now: int,
        *,
        policy: int,
        current: str,
        ahead: tuple[str, ...],
    ) -> bool:
        """Keep a new request until its turn; false when it has a row already."""
        request = wait.request
        run = row_of(request, person, wait.state, now, policy)
        kept = _until(run, wait, now)
        with self._database.transaction() as connection:
            taken = insert(
                connection,
                kept,
                device=device,
                event=event,
                current=current,
                ahead=" ".join(ahead),
                locks=wait.request.action == "rollback" and wait.target.rollback_locks,
            )
            if taken:
                replace_own(connection, request, person, now)
            return taken

    def move(self, wait: Wait, now: int) -> None:
        """Note the new state or place of a waiting request."""
        until = now + QUEUE_MS
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE runs SET until = CASE WHEN state = :state THEN until ELSE :until END,"
                " state = :state, reason = :reason"
                f" WHERE request = :request AND {_PENDING}",
                {
                    "state": wait.state,
                    "until": until,
                    "reason": wait.reason,
                    "request": wait.request.id,
                },
            )

    def begin(self, request: str, now: int) -> Claim:
        """Become the one who runs a request that waited; on disk when this returns `TAKEN`."""
        with self._database.transaction() as connection:
            try:
                begun = connection.execute(
                    "UPDATE runs SET state = ?, started = ?, reason = '' WHERE request = ? AND"
                    f" {_PENDING}",
                    (DISPATCHING, now, request),
                )
            # The index lets one run at a time have a target and environment.
            except sqlite3.IntegrityError:
                return Claim.BUSY
            return Claim.TAKEN if begun.rowcount else Claim.KNOWN

    def end(self, request: str, state: str, reason: str, now: int) -> bool:
        """End a request that waits; false when it does not wait any more."""
        with self._database.transaction() as connection:
            return ended(connection, request, state, reason, now)

    def all(self) -> list[Waiting]:
        """Return what waits, in the order in which it came."""
        with self._database.connection() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS}, device, event, current, ahead FROM runs WHERE {_PENDING}"
                " ORDER BY taken, rowid"
            ).fetchall()
        return [_waiting(row) for row in rows]

    def approvals(self, request: str) -> tuple[Approval, ...]:
        """Return the approvals that were given for a request."""
        with self._database.connection() as connection:
            rows = connection.execute(
                "SELECT person, at FROM approvals WHERE request = ? ORDER BY at", (request,)
            )
            return tuple(Approval(str(person), int(at)) for person, at in rows)

    def approve(self, command: DeployRequest, person: str, now: int, policy: int) -> bool:
        """Record an approval and its command; false when the command has a row already."""
        row = row_of(command, person, "approved", now, policy)
        with self._database.transaction() as connection:
            if not insert(connection, row):
                return False
            connection.execute("UPDATE runs SET finished = ? WHERE request = ?", (now, command.id))
            connection.execute(
                "INSERT INTO approvals VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
                (command.about, person, now),
            )
            return True

    def withdraw(self, command: DeployRequest, person: str, now: int, policy: int) -> bool:
        """End the request that a command is about; false when the command has a row already."""
        row = row_of(command, person, "accepted", now, policy)
        why = f": {command.reason}" if command.reason else ""
        with self._database.transaction() as connection:
            if not insert(connection, row):
                return False
            connection.execute("UPDATE runs SET finished = ? WHERE request = ?", (now, command.id))
            ended(connection, command.about, "cancelled", f"withdrawn by {person}{why}", now)
            return True


def ended(connection: sqlite3.Connection, request: str, state: str, reason: str, now: int) -> bool:
    """End a request that waits; false when it does not."""
    cursor = connection.execute(
        f"UPDATE runs SET state = ?, reason = ?, finished = ? WHERE request = ? AND {_PENDING}",
        (state, reason, now, request),
    )
    return bool(cursor.rowcount)


def _until(run: Run, wait: Wait, now: int) -> Run:
    kept = QUEUE_MS if wait.state == "queued" else WAIT_MS
    return replace(run, reason=wait.reason, until=now + kept)


def _waiting(row: tuple[object, ...]) -> Waiting:
    *columns, device, event, current, ahead = row
    run = Run(*columns)  # type: ignore[arg-type]
    state = "queued" if run.state == "queued" else "waiting"
    taken = Taken(state, run.until, run.policy, str(current), tuple(str(ahead).split()))  # type: ignore[arg-type]
    payload = event if isinstance(event, bytes) else b""
    return Waiting(run, str(device), payload, taken)
