"""Row 3: a fresh desk obtains everything that another node has, over TLS, until the last event is
stored and searchable.

The floor is the same finished rows put into the same tables on this machine, in ascending order and
large transactions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from figures import Row
from floors import Rows, count, fill, ready_rows
from messages import Ready, Report, Until
from party import Party
from processes import BenchError, worker

from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.words import Kind

GOAL = 1.5
FLOOR_BATCH = 10_000


@dataclass(frozen=True)
class Round:
    """Seconds of the clock, CPU seconds, and bytes on the disk an event."""

    seconds: float
    cpu: float
    size: float


async def product(folder: Path, events: int, rounds: int) -> tuple[list[Round], Rows]:
    """One source that is filled once, and a fresh desk a round.

    Also the rows that the last one ended with.
    """
    party = Party(rounds)
    results: list[Round] = []
    async with worker(
        "node_process.py", party.job(party.collector, folder / "source", fill=events)
    ) as source:
        address = (await source.hear(Ready, 60 + events / 500)).address
        for number, member in enumerate(party.desks):
            home = folder / f"desk{number}"
            async with worker("node_process.py", party.job(member, home, peers=[address])) as desk:
                await desk.hear(Ready, 60)
                patience = 60 + events / 200
                done = await desk.ask(Until(events=events, seconds=patience), patience + 10)
                _check(home / "history.sqlite", events)
                results.append(Round(_seconds(done), done.cpu, _size(home, events)))
    return results, ready_rows(home / "history.sqlite")


def _seconds(report: Report) -> float:
    return (max(report.times.values()) - report.began) / 1e9


def _size(home: Path, events: int) -> float:
    return (home / "history.sqlite").stat().st_size / events


def _check(path: Path, events: int) -> None:
    """Everything is there, and search finds it.

    Raises:
        BenchError: it is not.

    """
    with Reader(path) as reader:
        found = sum(
            len(reader.page(Query(kind=kind), limit=events, superseded=True)) for kind in Kind
        )
    if count(path) != {events} or found != events:
        raise BenchError(f"the desk stored {count(path)} and finds {found} of {events} events")


def floor(folder: Path, rows: Rows, rounds: int) -> list[Round]:
    """The rows into fresh databases."""
    folder.mkdir()
    results: list[Round] = []
    for number in range(rounds):
        path = folder / f"{number}.sqlite"
        began, cpu = time.monotonic(), time.process_time()
        fill(path, rows, FLOOR_BATCH)
        results.append(
            Round(
                time.monotonic() - began,
                time.process_time() - cpu,
                path.stat().st_size / len(rows.log),
            )
        )
        path.unlink()
    return results


async def measure(folder: Path, *, events: int, quick: bool) -> list[Row]:
    """The medians of some rounds of both."""
    rounds = 1 if quick else 3
    ours, rows = await product(folder / "catch-up", events, rounds)
    bare = floor(folder / "catch-up-floor", rows, rounds)
    seconds, least = median(one.seconds for one in ours), median(one.seconds for one in bare)
    cpu, least_cpu = median(one.cpu for one in ours), median(one.cpu for one in bare)
    ratio = seconds / least
    return [
        Row(
            f"catch-up, {events:,} events",
            f"{seconds:.1f} s",
            f"{least:.1f} s",
            ratio,
            f"<= {GOAL}x",
            ratio <= GOAL,
        ),
        Row("  CPU of it", f"{cpu:.1f} s", f"{least_cpu:.1f} s", cpu / least_cpu, "", None),
        Row(
            "  database, bytes an event",
            f"{ours[-1].size:.0f}",
            f"{bare[-1].size:.0f}",
            ours[-1].size / bare[-1].size,
            "",
            None,
        ),
    ]
