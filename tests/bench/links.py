"""The cost of links for a node that has nothing to do.

Unique memory and CPU with 1, 10 and 50 of them. The floor is the same node alone.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from figures import Row
from messages import CrowdJob, Ready, Until
from party import Party
from processes import worker

COUNTS = (1, 10, 50)
SETTLE_S, REST_S = 30.0, 60.0
"""Until the handshakes' memory is given back and the first shuffle is over.

And how long is measured, more than two heartbeats.
"""
GOAL = 0.5
GOAL_LINKS = 10
"""docs/architecture.md, Goals.

An idle node under 0.5 % of a core; a desk has about six links, a collector 24 and more.
"""


@dataclass(frozen=True)
class Cost:
    """MB (USS), and percent of a core."""

    memory: float
    cpu: float


async def cost(folder: Path, links: int, *, settle: float, rest: float) -> Cost:
    """One node with this many links, at rest."""
    party = Party(max(1, links))
    async with AsyncExitStack() as stack:
        crowd = CrowdJob(
            [
                party.job(member, folder / f"peer{number}")
                for number, member in enumerate(party.desks[:links])
            ]
        )
        peers = await stack.enter_async_context(worker("crowd_process.py", crowd))
        addresses = [(await peers.hear(Ready, 60)).address for _ in range(links)]
        node = await stack.enter_async_context(
            worker("node_process.py", party.job(party.collector, folder / "node", peers=addresses))
        )
        await node.hear(Ready, 60)
        await node.ask(Until(links=links), 90)
        await asyncio.sleep(settle)
        before = await node.ask(Until(links=links))
        await asyncio.sleep(rest)
        after = await node.ask(Until(links=links, memory=True))
    return Cost(after.memory / 1e6, (after.cpu - before.cpu) / rest * 100)


async def measure(folder: Path, *, quick: bool) -> list[Row]:
    """A table of its own: one row a number of links."""
    counts = (2,) if quick else COUNTS
    settle, rest = (0.2, 0.5) if quick else (SETTLE_S, REST_S)
    alone = await cost(folder / "links0", 0, settle=settle, rest=rest)
    rows = []
    for links in counts:
        one = await cost(folder / f"links{links}", links, settle=settle, rest=rest)
        judged = links <= GOAL_LINKS and not quick
        rows.append(
            Row(
                f"idle node with {links} link{'s' if links > 1 else ''}",
                f"{one.memory:.1f} MB, {one.cpu:.2f} % CPU",
                f"{alone.memory:.1f} MB, {alone.cpu:.2f} % CPU",
                one.memory / alone.memory,
                f"< {GOAL} % CPU" if judged else "",
                one.cpu < GOAL if judged else None,
            )
        )
    return rows
