"""One run as the database has it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

COLUMNS = (
    "request, target, environment, ref, sha, title, person, state, published, started, finished, "
    "exit, reason, previous"
)
"""Of a row, in the order of `Run`."""


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


def all_runs(cursor: sqlite3.Cursor) -> list[Run]:
    """Return the runs of a question for `COLUMNS`."""
    return [Run(*row) for row in cursor]


def first_run(cursor: sqlite3.Cursor) -> Run | None:
    """Return the first run of a question for `COLUMNS`; None for no row."""
    row = cursor.fetchone()
    return None if row is None else Run(*row)
