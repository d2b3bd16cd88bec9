"""One run as the database has it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

COLUMNS = (
    "request, target, environment, ref, sha, title, person, state, published, started, finished, "
    "exit, reason, previous, action, about, parameters, override, policy, until"
)
"""Of a row, in the order of `Run`."""
OPEN_STATES = frozenset({"queued", "waiting", "dispatching", "in_progress", "locked"})
"""States that are no end."""


@dataclass(frozen=True)
class Run:
    """One row: a run, or a command and its effect.

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
    action: str = ""
    about: str = ""
    parameters: str = ""
    override: int = 0
    policy: int = 0
    until: int = 0
    """End of a wait or a lock; 0: never."""


def all_runs(cursor: sqlite3.Cursor) -> list[Run]:
    """Return the runs of a question for `COLUMNS`."""
    return [Run(*row) for row in cursor]


def first_run(cursor: sqlite3.Cursor) -> Run | None:
    """Return the first run of a question for `COLUMNS`; None for no row."""
    row = cursor.fetchone()
    return None if row is None else Run(*row)


def insert(
    connection: sqlite3.Connection,
    run: Run,
    *,
    device: str = "",
    event: bytes | None = None,
    current: str = "",
    ahead: str = "",
    locks: bool = False,
) -> bool:
    """Add a row; false when the request has one already.

    Raises:
        sqlite3.IntegrityError: another run holds its target and environment.

    """
    names = f"{COLUMNS}, taken, device, event, current, ahead, locks"
    values = (
        run.request,
        run.target,
        run.environment,
        run.ref,
        run.sha,
        run.title,
        run.person,
        run.state,
        run.published,
        run.started,
        run.finished,
        run.exit,
        run.reason,
        run.previous,
        run.action,
        run.about,
        run.parameters,
        run.override,
        run.policy,
        run.until,
        run.started,
        device,
        event,
        current,
        ahead,
        int(locks),
    )
    places = ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO runs ({names}) VALUES ({places}) ON CONFLICT (request) DO NOTHING", values
    )
    return cursor.rowcount == 1
