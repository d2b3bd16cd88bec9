"""Search as one types: the first page, newest first, with and without filters, through the reader
that the window uses.

The floor is the bare full-text lookup of the same words in the same index: fifty row ids and
nothing about them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median

from figures import Row, percentile
from long_history import long_history
from sample import vocabulary

from devstream_desktop.history.database import open_reader
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.query import Query, parse_query

GOAL_MS = 15.0
UPKEEP_US = 10.0
PAGE = 50
QUERIES = 2_000
_FILTERS = (
    "",
    "",
    "",
    "kind:build",
    "kind:deploy",
    "env:production",
    "kind:incident env:staging",
    "service:shop",
)


def questions(count: int) -> list[Query]:
    """One to three words, each typed as far as 1 to 10 letters, half of them with a filter."""
    rng = random.Random(3)
    words = vocabulary()
    typed = (
        " ".join(rng.choice(words)[: rng.randint(1, 10)] for _ in range(rng.randint(1, 3)))
        for _ in range(count)
    )
    return [parse_query(f"{text} {rng.choice(_FILTERS)}") for text in typed]


def _times(ask: Callable[[Query], object], queries: list[Query]) -> list[float]:
    times: list[float] = []
    for query in queries:
        began = time.perf_counter_ns()
        ask(query)
        times.append((time.perf_counter_ns() - began) / 1e6)
    return times


def measure(folder: Path, *, rows: int, quick: bool) -> list[Row]:
    """Rounds of both over the same queries; the medians over the rounds."""
    rounds, queries = (1, questions(100)) if quick else (3, questions(QUERIES))
    long = long_history(folder, rows)
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    with Reader(long.path) as reader, closing(open_reader(long.path)) as connection:
        lookup = f"SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT {PAGE}"
        reader.page(Query(words=("a",)), limit=PAGE)
        for _ in range(rounds):
            bare.append(
                _times(
                    lambda query: connection.execute(lookup, (query.match(),)).fetchall(), queries
                )
            )
            ours.append(_times(lambda query: reader.page(query, limit=PAGE), queries))
    p50, p99 = (median(percentile(times, share) for times in ours) for share in (0.50, 0.99))
    bare50, bare99 = (median(percentile(times, share) for times in bare) for share in (0.50, 0.99))
    figure, least = f"p50 {p50:.1f} p99 {p99:.1f} ms", f"p50 {bare50:.1f} p99 {bare99:.1f} ms"
    return [
        Row(
            f"search, {rows:,} events",
            figure,
            least,
            p99 / bare99,
            f"p99 < {GOAL_MS:.0f} ms",
            p99 < GOAL_MS,
        ),
        Row(
            "idle upkeep after it came, CPU an event",
            f"{long.upkeep_us:.1f} us",
            "",
            None,
            f"< {UPKEEP_US:.0f} us",
            long.upkeep_us < UPKEEP_US,
        ),
    ]
