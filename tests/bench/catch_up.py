"""A fresh desk obtains everything that another node has, over TLS, until the last event is stored
and searchable.

The floor is the same finished rows put into the same tables on this machine, in ascending order and
large transactions. The peers are brokers whose consumer stores the same (peers.py).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from figures import Row
from floors import Rows, count, fill, ready_rows
from memory import written_bytes
from messages import Ready, Until
from party import Party
from peers import PEERS, Consumed, Peer, consume
from processes import BenchError, worker

from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.words import Kind

GOAL, LOG_GOAL = 2.0, 1.3
NEWEST, NEWEST_MS = 200, 100.0
BLOCK_MS = 50.0
FLOOR_BATCH = 10_000


@dataclass(frozen=True)
class Round:
    """Seconds of the clock, CPU seconds, and bytes written an event."""

    seconds: float
    cpu: float
    written: float
    newest: float = 0.0
    """Milliseconds from the dial until the newest lines are stored."""
    block: float = 0.0
    """Milliseconds of processor time of the longest turn of the loop."""
    log: float = 0.0
    """Seconds of the clock until the log is whole, and nothing can be lost any more."""


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
                newest = max(done.times[seq] for seq in range(events, max(0, events - NEWEST), -1))
                results.append(
                    Round(
                        (done.seen - done.began) / 1e9,
                        done.cpu,
                        done.written / events,
                        (newest - done.began) / 1e6,
                        done.block,
                        (max(done.times.values()) - done.began) / 1e9,
                    )
                )
    return results, ready_rows(home / "history.sqlite")


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
        began, cpu, before = time.monotonic(), time.process_time(), written_bytes()
        fill(path, rows, FLOOR_BATCH)
        results.append(
            Round(
                time.monotonic() - began,
                time.process_time() - cpu,
                (written_bytes() - before) / len(rows.log),
            )
        )
        path.unlink()
    return results


def peers(folder: Path, rows: Rows) -> list[tuple[Peer, Consumed | None]]:
    """One run of each peer with the same entries."""
    signed = [bytes(row[-2]) + bytes(row[-1]) for row in rows.log]  # type: ignore[arg-type]
    return [(peer, consume(peer, folder / peer.program, signed)) for peer in PEERS]


async def measure(folder: Path, *, events: int, quick: bool) -> list[Row]:
    """The medians of some rounds of both."""
    rounds = 1 if quick else 3
    ours, rows = await product(folder / "desks", events, rounds)
    bare = floor(folder / "floor", rows, rounds)
    others = await asyncio.to_thread(peers, folder, rows)
    seconds, least = median(one.seconds for one in ours), median(one.seconds for one in bare)
    cpu, least_cpu = median(one.cpu for one in ours), median(one.cpu for one in bare)
    newest, block = median(one.newest for one in ours), max(one.block for one in ours)
    written = median(one.written for one in ours)
    least_written = median(one.written for one in bare)
    whole = median(one.log for one in ours)
    ratio = seconds / least
    return [
        Row(
            f"newest {NEWEST} of {events:,} events, from the dial",
            f"{newest:.0f} ms",
            "",
            None,
            f"< {NEWEST_MS:.0f} ms",
            newest < NEWEST_MS,
        ),
        Row(
            f"catch-up, {events:,} events",
            f"{seconds:.1f} s",
            f"{least:.1f} s",
            ratio,
            f"<= {GOAL}x",
            ratio <= GOAL,
        ),
        Row(
            "  its log whole",
            f"{whole:.1f} s",
            f"{least:.1f} s",
            whole / least,
            f"<= {LOG_GOAL}x",
            whole / least <= LOG_GOAL,
        ),
        Row("  CPU of it", f"{cpu:.1f} s", f"{least_cpu:.1f} s", cpu / least_cpu, "", None),
        *(_beside(peer, found, seconds) for peer, found in others),
        Row(
            "  longest turn of the loop",
            f"{block:.0f} ms",
            "",
            None,
            f"< {BLOCK_MS:.0f} ms",
            block < BLOCK_MS,
        ),
        Row(
            "  written, KB an event",
            f"{written / 1000:.1f}",
            f"{least_written / 1000:.1f}",
            written / least_written,
            "",
            None,
        ),
    ]


def _beside(peer: Peer, found: Consumed | None, seconds: float) -> Row:
    name = f"  beside {peer.name} that stores"
    if found is None:
        absent = f"not measured: no {peer.program} (apt install {peer.package})"
        return Row(name, f"{seconds:.1f} s", "", None, "", None, absent)
    ratio = seconds / found.seconds
    theirs = f"{found.seconds:.1f} s, {found.cpu:.1f} s CPU"
    return Row(name, f"{seconds:.1f} s", "", ratio, "< 1x", ratio < 1, theirs)
