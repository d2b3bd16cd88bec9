"""The locks of an executor; part of deploy.sqlite, so that no crash loses or leaks one."""

from __future__ import annotations

import sqlite3

from devstream_desktop.deploy.database import Database
from devstream_desktop.deploy.locks import Lock
from devstream_desktop.deploy.run import COLUMNS, Run, first_run, insert
from devstream_desktop.stream.event import fact_key
from devstream_desktop.stream.text import clean, short_revision
from devstream_desktop.stream.words import Kind

_LOCK = "id, target, environment, person, reason, since, until, reminded"


class LockTable:
    """The sticky locks. Calls are synchronous and raise `RunsError`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Lock, ...]:
        """Return every lock, the oldest first."""
        with self._database.connection() as connection:
            rows = connection.execute(f"SELECT {_LOCK} FROM locks ORDER BY since, id")
            return tuple(Lock(*row) for row in rows)

    def put(self, row: Run, lock: Lock) -> bool:
        """Take a lock, for the request in `row`; false when that has a row already.

        A lock that the person has in that scope is replaced.
        """
        with self._database.transaction() as connection:
            if not insert(connection, row):
                return False
            _put(connection, lock, row.started)
            return True

    def drop(self, row: Run, lock: Lock, reason: str) -> bool:
        """Break a lock, for the request in `row`; false when that has a row already."""
        with self._database.transaction() as connection:
            if not insert(connection, row):
                return False
            _unlock(connection, lock.id, reason, row.started)
            return True

    def expire(self, now: int) -> bool:
        """End the locks whose time is over; true when there were some."""
        with self._database.transaction() as connection:
            over = connection.execute(
                "SELECT id FROM locks WHERE until > 0 AND until <= ?", (now,)
            ).fetchall()
            for (lock,) in over:
                _unlock(connection, lock, "its time is over", now)
            return bool(over)

    def reminded(self, lock: str, count: int) -> None:
        """Note that so many reminders of a lock were given."""
        with self._database.transaction() as connection:
            connection.execute("UPDATE locks SET reminded = ? WHERE id = ?", (count, lock))


def lock_after(connection: sqlite3.Connection, request: str, now: int) -> None:
    """Lock an environment after a rollback that should; an existing lock stays as it is."""
    columns = ", ".join(f"runs.{name}" for name in COLUMNS.split(", "))
    run = first_run(
        connection.execute(
            f"SELECT {columns} FROM runs LEFT JOIN locks USING (target, environment)"
            " WHERE request = ? AND runs.locks = 1 AND locks.id IS NULL",
            (request,),
        )
    )
    if run is None:
        return
    key = fact_key("deploy", Kind.DEPLOY, "lock after", request)
    reason = clean(f"rolled back to {short_revision(run.sha)} by {run.person}", 200)
    row = Run(
        request=key,
        target=run.target,
        environment=run.environment,
        ref="",
        sha="",
        title="",
        person=run.person,
        state="locked",
        published="",
        started=now,
        finished=0,
        exit=None,
        reason=reason,
        previous="",
        action="lock",
        policy=run.policy,
    )
    if insert(connection, row):
        lock = Lock(key, run.target, run.environment, run.person, reason, now)
        _put(connection, lock, now)


def _put(connection: sqlite3.Connection, lock: Lock, now: int) -> None:
    old = connection.execute(
        "SELECT id FROM locks WHERE target = ? AND environment = ?",
        (lock.target, lock.environment),
    ).fetchone()
    if old:
        _unlock(connection, old[0], "another lock took its place", now)
    connection.execute(
        f"INSERT INTO locks ({_LOCK}) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
        (
            lock.id,
            lock.target,
            lock.environment,
            lock.person,
            lock.reason,
            lock.since,
            lock.until,
        ),
    )


def _unlock(connection: sqlite3.Connection, lock: str, reason: str, now: int) -> None:
    connection.execute("DELETE FROM locks WHERE id = ?", (lock,))
    connection.execute(
        "UPDATE runs SET state = 'unlocked', reason = ?, finished = ? WHERE request = ?"
        " AND state = 'locked'",
        (reason, now, lock),
    )
