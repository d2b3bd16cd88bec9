"""The questions of a person on duty, each through the reader that screens and commands use.

The times are the thread's own, so that a busy machine says little else. The floor is a bare
statement that finds the rows of the answer, or its main part, in the same index: ids and nothing
about them.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from figures import Row, percentile
from long_history import long_history
from party import now_ms

from devstream_desktop.history.database import open_reader
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line

GOAL_MS = 10.0
FILTERS = ("is:red", "env:production", "kind:deploy", "kind:change", "state:failed", "actor:ana")
"""Saved searches, whose hits a side bar counts."""
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Asked:
    """A question with its floor: two functions of a number that varies what is asked for."""

    name: str
    ask: Callable[[int], object]
    sql: str
    values: Callable[[int], tuple[object, ...]]


def questions(reader: Reader, connection: sqlite3.Connection) -> list[Asked]:
    """The questions, about things that are spread over the history."""
    rng = random.Random(5)
    (newest,) = connection.execute("SELECT MAX(lsn) FROM lines").fetchone()

    def chosen(where: str) -> list[tuple[int, int, bytes, str]]:
        found = connection.execute(
            f"SELECT id, subject, place, revision FROM lines WHERE {where} ORDER BY id DESC"
            " LIMIT 20000"
        ).fetchall()
        return [rng.choice(found) for _ in range(50)]

    def line(row: tuple[int, int, bytes, str]) -> Line:
        return reader.around(row[0], Query(), each=0)[0]

    any_row, changes = chosen("terminal"), chosen("kind = 'change'")
    firing = chosen("kind = 'incident' AND state = 'firing'")
    lines, alerts = [line(row) for row in any_row], [line(row) for row in firing]
    places = [(one.service, one.environment) for one in reader.running()]
    saved = [parse_query(text) for text in FILTERS]
    now = now_ms()
    first = "LIMIT 100"
    shown = frozenset(one.id for one in reader.page(Query(), limit=200))
    return [
        Asked("first page", lambda _: reader.page(Query(), limit=100),
              f"SELECT id FROM lines ORDER BY id DESC {first}", lambda _: ()),
        Asked("red now", lambda _: reader.red_now(),
              "SELECT line FROM subjects WHERE tone = 2 AND kind != 'ticket'"
              f" ORDER BY severity {first}",
              lambda _: ()),
        Asked("counts of six searches", lambda _: [reader.hits(one) for one in saved],
              f"SELECT COUNT(*) FROM (SELECT 1 FROM words WHERE words MATCH ? {first})",
              lambda n: (saved[1 + n % (len(saved) - 1)].match(),)),
        Asked("board", lambda _: reader.board(mine={"ana"}, now=now),
              "SELECT line FROM running", lambda _: ()),
        Asked("open tickets", lambda _: reader.open_tickets(),
              f"SELECT line FROM subjects WHERE tone = 2 AND kind = 'ticket' {first}",
              lambda _: ()),
        Asked("state of a thing", lambda n: reader.thing(lines[n % 50].event),
              "SELECT line FROM subjects WHERE id = ?", lambda n: (any_row[n % 50][1],)),
        Asked("steps of a thing", lambda n: reader.subject(lines[n % 50].event),
              "SELECT id FROM lines WHERE subject = ? ORDER BY place DESC LIMIT 50",
              lambda n: (any_row[n % 50][1],)),
        Asked("page around a line", lambda n: reader.around(any_row[n % 50][0], Query()),
              "SELECT id FROM lines WHERE id > ? ORDER BY id LIMIT 100",
              lambda n: (any_row[n % 50][0],)),
        Asked("trail of a commit", lambda n: reader.trail(changes[n % 50][3]),
              "SELECT id FROM lines WHERE revision = ? AND revision != ''",
              lambda n: (changes[n % 50][3],)),
        Asked("where a commit is", lambda n: reader.where(changes[n % 50][3]),
              "SELECT id FROM lines WHERE revision = ? AND revision != ''",
              lambda n: (changes[n % 50][3],)),
        Asked("suspects of an incident", lambda n: reader.suspects(alerts[n % 50]),
              "SELECT id FROM lines WHERE subject = ? AND place < ? ORDER BY place DESC LIMIT 3",
              lambda n: firing[n % 50][1:3]),
        Asked("changes that wait", lambda n: reader.waiting(*places[n % len(places)]),
              "SELECT id FROM lines WHERE subject = ? AND place > ? ORDER BY place LIMIT 99",
              lambda n: changes[n % 50][1:3]),
        Asked("hand-over of 8 hours", lambda _: reader.hand_over(now - 8 * HOUR_MS, now=now),
              f"SELECT line FROM subjects WHERE tone = 2 {first}", lambda _: ()),
        Asked("what of a page answers a search",
              lambda n: reader.among(saved[1 + n % (len(saved) - 1)], shown),
              "SELECT 1 FROM words WHERE words MATCH ? AND rowid BETWEEN ? AND ?",
              lambda n: (saved[1 + n % (len(saved) - 1)].match(), min(shown), max(shown))),
        Asked("values to filter by", lambda _: reader.facets(),
              "SELECT name, value FROM facets", lambda _: ()),
        Asked("recent", lambda _: reader.recent(),
              f"SELECT id FROM lines ORDER BY id DESC {first}", lambda _: ()),
        Asked("unseen", lambda _: reader.unseen(Seen(newest - 10_000)),
              f"SELECT id FROM lines WHERE lsn > ? ORDER BY lsn DESC {first}",
              lambda _: (newest - 10_000,)),
    ]  # fmt: skip


def measure(folder: Path, *, rows: int, quick: bool) -> list[Row]:
    """Rounds of each question and its floor, in turn; the medians over the rounds."""
    rounds, times = (1, 5) if quick else (3, 100)
    path = long_history(folder, rows).path
    found = []
    with Reader(path) as reader, closing(open_reader(path)) as connection:
        for one in questions(reader, connection):
            ours: list[list[float]] = []
            bare: list[list[float]] = []
            for _ in range(rounds):
                bare.append(
                    _times(
                        lambda n, one=one: connection.execute(one.sql, one.values(n)).fetchall(),  # type: ignore[misc]
                        times,
                    )
                )
                ours.append(_times(one.ask, times))
            p50, p99 = (median(percentile(each, share) for each in ours) for share in (0.5, 0.99))
            least = median(percentile(each, 0.5) for each in bare)
            found.append(
                Row(
                    f"{one.name}, {rows:,} events",
                    f"p50 {p50:.1f} p99 {p99:.1f} ms",
                    f"p50 {least:.2f} ms",
                    p50 / least,
                    f"p99 < {GOAL_MS:.0f} ms",
                    p99 < GOAL_MS,
                )
            )
    return found


def _times(ask: Callable[[int], object], count: int) -> list[float]:
    times = []
    for number in range(count):
        began = time.thread_time_ns()
        ask(number)
        times.append((time.thread_time_ns() - began) / 1e6)
    return times
