"""The same by a broker's stream and by links: an event to the last desk, and a catch-up.

The floor of live is the same processes with a bare client of JetStream, which store nothing; of
catching up, a consumer that stores into the same tables and checks nothing (peers.py). The server
is one on loopback, without TLS: what it costs is its own affair.
"""

from __future__ import annotations

import asyncio
import shutil
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import catch_up
import live
from figures import Row
from floors import Rows
from live import MESSAGE_BYTES, WARM, Plan, Round, to_the_last
from messages import Publish, Ready, Report, StreamJob, Until
from party import Party
from peers import PEERS, consume, running
from processes import worker

PROGRAM = "nats-server"
FULL = Plan(desks=4, count=100, every=0.1, settle=3.0)
QUICK = Plan(desks=2, count=5, every=0.05, settle=0.2)
NAMES = (
    "live by NATS, last of {desks} desks",
    "  by links",
    "  CPU an event by NATS",
    "  CPU an event by links",
    "catch-up by NATS, {events:,} events",
    "  by links",
    "  in the stream, KB an event",
)


@dataclass(frozen=True)
class CaughtUp:
    """Seconds that each way took, and bytes of an event in the stream and by itself."""

    stream: float
    links: float
    bare: float
    kept: float
    signed: float


async def live_by_stream(folder: Path, plan: Plan, url: str) -> Round:
    """One run of real nodes that have no link to each other."""
    party = Party(plan.desks)
    async with AsyncExitStack() as stack:
        source, *desks = [
            await stack.enter_async_context(
                worker("node_process.py", party.job(member, folder / str(number), carrier=url))
            )
            for number, member in enumerate((party.collector, *party.desks))
        ]
        for node in (source, *desks):
            await node.hear(Ready, 60)
            await node.ask(Until(carried=True))
        return await live.told_and_heard(source, desks, plan)


async def live_bare(plan: Plan, url: str) -> Round:
    """One run of bare clients."""
    count = WARM + plan.count
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(
            worker("stream_process.py", StreamJob(url, size=MESSAGE_BYTES))
        )
        await source.hear(Ready, 30)
        desks = [
            await stack.enter_async_context(worker("stream_process.py", StreamJob(url, count)))
            for _ in range(plan.desks)
        ]
        for desk in desks:
            await desk.hear(Ready, 30)
        told = await source.ask(Publish(count, plan.every), count * plan.every * 3 + 60)
        heard = await asyncio.gather(*(desk.hear(Report, 60) for desk in desks))
    cpu = median(report.cpu * 1000 / report.events for report in heard)
    return Round(to_the_last(told, heard)[WARM:], cpu)


async def caught_up(folder: Path, events: int, url: str, data: Path) -> CaughtUp:
    """A fresh desk by each way, and the bare consumer of the same entries."""
    by_links, rows = await catch_up.product(folder / "links", events, 1)
    party, patience = Party(1), 60 + events / 200
    before = _size(data)
    async with worker(
        "node_process.py", party.job(party.collector, folder / "from", fill=events, carrier=url)
    ) as source:
        await source.hear(Ready, 60 + events / 500)
        await source.ask(Until(carried=True, seconds=patience), patience + 10)
        kept = _size(data) - before
        async with worker(
            "node_process.py", party.job(party.desks[0], folder / "to", carrier=url)
        ) as desk:
            await desk.hear(Ready, 60)
            done = await desk.ask(Until(events=events, seconds=patience), patience + 10)
    signed = _signed(rows)
    bare = await asyncio.to_thread(consume, PEERS[0], folder / "bare", signed)
    assert bare is not None
    return CaughtUp(
        (max(done.times.values()) - done.began) / 1e9,
        by_links[0].seconds,
        bare.seconds,
        kept / events,
        sum(map(len, signed)) / events,
    )


def _signed(rows: Rows) -> list[bytes]:
    return [bytes(row[-2]) + bytes(row[-1]) for row in rows.log]  # type: ignore[arg-type]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


async def measure(folder: Path, *, events: int, quick: bool) -> list[Row]:
    """Rounds of each way in turn, and the medians over the rounds; one catch-up of each."""
    rounds, plan = (1, QUICK) if quick else (3, FULL)
    names = [name.format(desks=plan.desks, events=events) for name in NAMES]
    program = shutil.which(PROGRAM)
    if program is None:
        absent = f"not measured: no {PROGRAM} (apt install {PROGRAM})"
        return [Row(name, "", "", None, "", None, absent) for name in names]
    streams, links, bare = [], [], []
    for number in range(rounds):
        data = folder / f"data{number}"
        data.mkdir()
        with running(program, data) as port:
            url = f"nats://127.0.0.1:{port}"
            bare.append(await live_bare(plan, url))
            streams.append(await live_by_stream(folder / f"stream{number}", plan, url))
            links.append(await live.product(folder / f"links{number}", plan))
    data = folder / "data"
    data.mkdir()
    with running(program, data) as port:
        found = await caught_up(folder, events, f"nats://127.0.0.1:{port}", data)
    lives = [_live(ours, bare) for ours in (streams, links)]
    cpus = [_cpu(ours, bare) for ours in (streams, links)]
    seconds = [
        (f"{took:.1f} s", f"{found.bare:.1f} s", took / found.bare)
        for took in (found.stream, found.links)
    ]
    size = (
        f"{found.kept / 1000:.2f} KB",
        f"{found.signed / 1000:.2f} KB",
        found.kept / found.signed,
    )
    figures = [*lives, *cpus, *seconds, size]
    return [
        Row(name, figure, floor, ratio, "", None)
        for name, (figure, floor, ratio) in zip(names, figures, strict=True)
    ]


def _live(ours: list[Round], bare: list[Round]) -> tuple[str, str, float]:
    p50, p99 = (median(getattr(one, name) for one in ours) for name in ("p50", "p99"))
    bare50, bare99 = (median(getattr(one, name) for one in bare) for name in ("p50", "p99"))
    return f"p50 {p50:.1f} p99 {p99:.1f} ms", f"p50 {bare50:.1f} p99 {bare99:.1f} ms", p50 / bare50


def _cpu(ours: list[Round], bare: list[Round]) -> tuple[str, str, float]:
    cpu, least = median(one.cpu for one in ours), median(one.cpu for one in bare)
    return f"{cpu:.2f} ms", f"{least:.2f} ms", cpu / least
