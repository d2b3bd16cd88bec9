"""Row 1: an event committed at the collector until it is committed at the last of ten desks, each a
process of its own.

The floor is the same eleven processes with bare nng requests and replies over TLS, which store
nothing. The second figure, CPU, is what a desk's whole process used for each of these events: TLS,
verifying, storing, indexing, passing on and its housekeeping.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from figures import Row, percentile
from messages import BareJob, Publish, Ready, Report, Until
from party import Party
from processes import Worker, worker

WARM = 5
"""Events before the ones that count: the first pays for what is made once."""
MESSAGE_BYTES = 500
"""As large as the frame of one signed event."""
GOAL = 3.0


@dataclass(frozen=True)
class Round:
    """One run.

    Milliseconds to the last desk for each event, and CPU milliseconds a desk spent on each.
    """

    latency: list[float]
    cpu: float
    copies: float = 1.0
    memory: float = 0.0
    """Of one desk: copies of each event, and MB."""

    @property
    def p50(self) -> float:
        return percentile(self.latency, 0.50)

    @property
    def p99(self) -> float:
        return percentile(self.latency, 0.99)


@dataclass(frozen=True)
class Plan:
    """The size of a run.

    Desks, events, seconds between them, and seconds of rest before the first.
    """

    desks: int
    count: int
    every: float
    settle: float


FULL = Plan(desks=10, count=100, every=0.1, settle=3.0)
QUICK = Plan(desks=2, count=5, every=0.05, settle=0.2)


async def product(folder: Path, plan: Plan) -> Round:
    """One run of real nodes."""
    party = Party(plan.desks)
    async with AsyncExitStack() as stack:
        source = await stack.enter_async_context(
            worker("node_process.py", party.job(party.collector, folder / "collector"))
        )
        address = (await source.hear(Ready, 30)).address
        desks = [
            await stack.enter_async_context(
                worker("node_process.py", party.job(member, folder / f"desk{n}", peers=[address]))
            )
            for n, member in enumerate(party.desks)
        ]
        for desk in desks:
            await desk.hear(Ready, 60)
        await source.ask(Until(links=plan.desks), 90)
        return await told_and_heard(source, desks, plan)


async def told_and_heard(source: Worker, desks: Sequence[Worker], plan: Plan) -> Round:
    """Have a node tell events one by one, and take the time until each desk has them."""
    count, every = plan.count, plan.every
    await source.ask(Publish(WARM, every))
    await asyncio.gather(*(desk.ask(Until(events=WARM)) for desk in desks))
    await asyncio.sleep(plan.settle)
    before = await asyncio.gather(*(desk.ask(Until(events=WARM)) for desk in desks))
    told = await source.ask(Publish(count, every), count * every * 3 + 60)
    heard = await asyncio.gather(*(desk.ask(Until(events=WARM + count)) for desk in desks))
    cpu = median(
        (after.cpu - earlier.cpu) * 1000 / count
        for earlier, after in zip(before, heard, strict=True)
    )
    return Round(to_the_last(told, heard), cpu)


async def floor(plan: Plan) -> Round:
    """One run of bare sockets."""
    party, count, every = Party(plan.desks), plan.count, plan.every
    async with AsyncExitStack() as stack:

        def job(number: int, address: str = "") -> BareJob:
            member = (party.collector, *party.desks)[number]
            return BareJob(
                party.ca,
                member.certificate,
                member.key,
                WARM + count,
                MESSAGE_BYTES,
                plan.desks,
                every,
                address,
            )

        source = await stack.enter_async_context(worker("bare_process.py", job(0)))
        address = (await source.hear(Ready, 30)).address
        desks = [
            await stack.enter_async_context(worker("bare_process.py", job(n + 1, address)))
            for n in range(plan.desks)
        ]
        for desk in desks:
            await desk.hear(Ready, 60)
        told = await source.hear(Report, count * every * 3 + 60)
        heard = await asyncio.gather(*(desk.hear(Report, 30) for desk in desks))
    cpu = median(report.cpu * 1000 / report.events for report in heard)
    return Round(
        to_the_last(told, heard)[WARM:], cpu, memory=median(report.memory for report in heard) / 1e6
    )


def to_the_last(told: Report, heard: list[Report]) -> list[float]:
    """Milliseconds from the source to the last who heard, for each event."""
    return [
        (max(report.times[number] for report in heard) - began) / 1e6
        for number, began in sorted(told.times.items())
    ]


async def measure(folder: Path, *, quick: bool) -> list[Row]:
    """Rounds of both, in turn; the medians over the rounds."""
    rounds, plan = (1, QUICK) if quick else (3, FULL)
    ours: list[Round] = []
    bare: list[Round] = []
    for number in range(rounds):
        bare.append(await floor(plan))
        ours.append(await product(folder / f"live{number}", plan))
    p50, p99 = (median(getattr(one, name) for one in ours) for name in ("p50", "p99"))
    bare50, bare99 = (median(getattr(one, name) for one in bare) for name in ("p50", "p99"))
    ratio = p50 / bare50
    cpu, bare_cpu = median(one.cpu for one in ours), median(one.cpu for one in bare)
    return [
        Row(
            f"live, last of {plan.desks} desks",
            f"p50 {p50:.1f} p99 {p99:.1f} ms",
            f"p50 {bare50:.1f} p99 {bare99:.1f} ms",
            ratio,
            f"<= {GOAL:.0f}x",
            ratio <= GOAL,
        ),
        Row(
            "  whole process, CPU an event",
            f"{cpu:.2f} ms",
            f"{bare_cpu:.2f} ms",
            cpu / bare_cpu,
            "",
            None,
        ),
    ]
