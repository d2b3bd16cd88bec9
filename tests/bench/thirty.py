"""A team of thirty real processes that choose their neighbours themselves, as at work: five events
a second for three minutes.

Each knows the addresses of those who came before it, as it would from announcements; nobody is
named by hand. The floor is bare nng requests and replies over TLS from one source to as many
receivers, which store nothing and pass nothing on.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import fmean

from figures import Row
from live import WARM, Plan, Round, floor, to_the_last
from messages import Publish, Ready, Until
from party import Party
from processes import worker

FULL = Plan(desks=29, count=900, every=0.2, settle=90.0)
"""The rest before is so long that those who came first, and linked with everybody, have let some
neighbours go.
"""
QUICK = Plan(desks=2, count=5, every=0.05, settle=0.2)
FLOOR_COUNT = 300
GOAL_MS = 1000.0
"""docs/architecture.md, Goals: on every screen of a team of thirty within a second (p99)."""


async def product(folder: Path, plan: Plan) -> Round:
    """One run of real nodes; CPU in milliseconds a second."""
    party, count = Party(plan.desks), plan.count
    async with AsyncExitStack() as stack:
        nodes, addresses = [], []
        for number, member in enumerate((party.collector, *party.desks)):
            job = party.job(member, folder / f"node{number}", hints=addresses)
            node = await stack.enter_async_context(worker("node_process.py", job))
            addresses = [*addresses, (await node.hear(Ready, 60)).address]
            nodes.append(node)
        source, *desks = nodes
        await source.ask(Until(links=1), 90)
        await asyncio.sleep(plan.settle)
        await source.ask(Publish(WARM, plan.every))
        before = await asyncio.gather(*(desk.ask(Until(events=WARM)) for desk in desks))
        told = await source.ask(Publish(count, plan.every), count * plan.every * 3 + 60)
        heard = await asyncio.gather(*(desk.ask(Until(events=WARM + count)) for desk in desks))
        sizes = await asyncio.gather(*(desk.ask(Until(memory=True)) for desk in desks))
    seconds = (max(told.times.values()) - min(told.times.values())) / 1e9
    pairs = list(zip(before, heard, strict=True))
    return Round(
        latency=to_the_last(told, heard),
        cpu=fmean(after.cpu - earlier.cpu for earlier, after in pairs) * 1000 / seconds,
        copies=fmean(after.copies - earlier.copies for earlier, after in pairs) / count,
        memory=fmean(report.memory for report in sizes) / 1e6,
    )


async def measure(folder: Path, *, quick: bool) -> list[Row]:
    """One round of both."""
    plan = QUICK if quick else FULL
    bare = await floor(Plan(plan.desks, min(FLOOR_COUNT, plan.count), plan.every, plan.settle))
    ours = await product(folder / "thirty", plan)
    least = bare.cpu / plan.every
    return [
        Row(
            f"team of {plan.desks + 1} processes, to the last",
            f"p50 {ours.p50:.1f} p99 {ours.p99:.1f} ms",
            f"p50 {bare.p50:.1f} p99 {bare.p99:.1f} ms",
            ours.p50 / bare.p50,
            f"p99 < {GOAL_MS:.0f} ms",
            ours.p99 < GOAL_MS,
        ),
        Row(
            "  copies an event and node",
            f"{ours.copies:.2f}",
            f"{bare.copies:.2f}",
            ours.copies / bare.copies,
            "",
            None,
        ),
        Row(
            f"  CPU a node at {1 / plan.every:.0f} events a second",
            f"{ours.cpu / 10:.2f} % of a core",
            f"{least / 10:.2f} % of a core",
            ours.cpu / least,
            "",
            None,
        ),
        Row(
            "  memory a node (USS)",
            f"{ours.memory:.1f} MB",
            f"{bare.memory:.1f} MB",
            ours.memory / bare.memory,
            "",
            None,
        ),
    ]
