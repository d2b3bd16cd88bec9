"""Search as one types: the first page, newest first, through the reader that the window uses.

The time is the thread's own. The floor is the bare full-text lookup of the same words in the same
index: fifty row ids and nothing about them.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from figures import Row, percentile
from long_history import long_history
from search_questions import alone, meeting, typed

from devstream_desktop.history.database import open_reader
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.query import Query

GOAL_MS = 15.0
UPKEEP_US = 10.0
PAGE = 50
_WORDS = f"SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT {PAGE}"
_NEWEST = f"SELECT id FROM lines ORDER BY id DESC LIMIT {PAGE}"


def _times(ask: Callable[[Query], object], queries: list[Query]) -> list[float]:
    times: list[float] = []
    for query in queries:
        began = time.thread_time_ns()
        ask(query)
        times.append((time.thread_time_ns() - began) / 1e6)
    return times


def _bare(connection: sqlite3.Connection, query: Query) -> object:
    match = query.match()
    return connection.execute(_WORDS if match else _NEWEST, (match,) if match else ()).fetchall()


def measure(folder: Path, *, rows: int, quick: bool) -> list[Row]:
    """Rounds of both over the same queries; the medians over the rounds."""
    rounds, some = (1, 50) if quick else (3, 2_000)
    long = long_history(folder, rows)
    found: list[Row] = []
    with Reader(long.path) as reader, closing(open_reader(long.path)) as connection:
        newest = reader.newest()
        asked = {
            f"search, {rows:,} events": typed(some, newest),
            "  each filter, alone and with a frequent letter": alone(newest),
            "  frequent words that seldom meet": meeting(some // 4, newest),
        }
        for name, queries in asked.items():
            ours: list[list[float]] = []
            bare: list[list[float]] = []
            for _ in range(rounds):
                bare.append(_times(lambda query: _bare(connection, query), queries))
                ours.append(_times(lambda query: reader.page(query, limit=PAGE), queries))
            p50, p99 = (median(percentile(each, share) for each in ours) for share in (0.5, 0.99))
            least50, least99 = (
                median(percentile(each, share) for each in bare) for share in (0.5, 0.99)
            )
            found.append(
                Row(
                    name,
                    f"p50 {p50:.1f} p99 {p99:.1f} ms",
                    f"p50 {least50:.1f} p99 {least99:.1f} ms",
                    p99 / least99,
                    f"p99 < {GOAL_MS:.0f} ms",
                    p99 < GOAL_MS,
                )
            )
    upkeep = long.upkeep_us
    found.append(
        Row(
            "idle upkeep after it came, CPU an event",
            f"{upkeep:.1f} us",
            "",
            None,
            f"<= {UPKEEP_US:.0f} us",
            upkeep <= UPKEEP_US,
        )
    )
    return found
