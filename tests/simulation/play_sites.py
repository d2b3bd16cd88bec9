"""A team on many sites, some cut off for an hour.

In the environment: SITES, DESKS, SECONDS, HOURLY, SEED.

SITES=40 DESKS=75 .venv/bin/python tests/simulation/play_sites.py
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from sites import Sites, at, played

from devstream_desktop.mesh.carrier.broker import Message

RATE = 20.0
HOUR_S = 3600.0
ALLOWANCE = 0.1
"""The part by which copies may differ from one a site."""
MOST_LATE_S = 3.0
MOST_AFTER_CUT = 3
"""Copies over a line that was cut: the last seconds come again with each change of the relay."""


@dataclass
class Story:
    """The figures of one run."""

    desks: int
    events: int
    p50: float
    p99: float
    copies: list[float]
    """Copies of an event that each line brought while all were connected."""
    sent: float
    """Copies of an event that went out, over all lines."""
    caught_up: float
    """Seconds from the end of the cut until everybody had everything."""
    after_cut: list[float]
    """Copies of an event over each line that was cut, since then."""
    stored: float
    """Messages that the servers keep, an event."""

    def faults(self) -> list[str]:
        """Return what is not as it should be."""
        found = []
        if self.p99 >= MOST_LATE_S:
            found.append(f"p99 is {self.p99:.2f} s")
        counts = (*self.copies, self.sent, self.stored)
        wrong = [count for count in counts if not 1 - ALLOWANCE <= count <= 1 + ALLOWANCE]
        found += [f"{count:.2f} copies of an event" for count in wrong]
        # Who relays after a cut is not who relays in the end: what came just before that comes
        # once more.
        if max(self.after_cut) > MOST_AFTER_CUT:
            found.append(f"{max(self.after_cut):.2f} copies of an event over a line that was cut")
        return found

    def __str__(self) -> str:
        return (
            f"{self.desks} desks, {self.events} events: p50 {self.p50:.2f} s, p99 {self.p99:.2f} s;"
            f" copies in over a line {min(self.copies):.3f} to {max(self.copies):.3f}, out"
            f" {self.sent:.3f}, over a cut one {max(self.after_cut):.3f}; stored {self.stored:.3f};"
            f" {self.caught_up:.0f} s after the cut all had all"
        )


async def tell(
    seed: int, sites: int, desks: int, seconds: float, *, hourly: int, carriers: int = 3
) -> Story:
    """Tell the story: `seconds` of RATE, a third of the sites cut for an hour, and as much again.

    In the hour `hourly` events are published.
    """
    world = Sites(seed, sites, desks, carriers)
    await world.begin()
    world.copies()
    await world.talk(seconds, RATE)
    await world.until(world.complete, 60)
    connected = world.copies()
    late, events = world.delays(), len(world.born)
    cut = world.sites[: max(1, sites // 3)]
    for site in cut:
        site.line.switch(up=False)
    await world.talk(HOUR_S, hourly / HOUR_S)
    for site in cut:
        site.line.switch(up=True)
    await world.talk(seconds, RATE)
    caught_up = seconds + await world.until(world.complete, 300)
    after = world.copies()
    later = len(world.born) - events
    kept: list[Message] = world.entries.messages
    await world.until(lambda: len(kept) >= len(world.born), 60)
    story = Story(
        len(world.desks),
        len(world.born),
        at(late, 0.5),
        at(late, 0.99),
        [one.taken / events for one in connected],
        sum(one.sent for one in connected) / events,
        caught_up,
        [one.taken / later for one in after[: len(cut)]],
        len(kept) / len(world.born),
    )
    await world.end()
    return story


def main() -> int:
    """Tell one story, as the environment says."""
    given = os.environ.get
    began = time.perf_counter()
    with played() as runner:
        story = runner.run(
            tell(
                int(given("SEED", "1")),
                int(given("SITES", "40")),
                int(given("DESKS", "75")),
                float(given("SECONDS", "10")),
                hourly=int(given("HOURLY", "100")),
            )
        )
    sys.stdout.write(f"{story}\nin {time.perf_counter() - began:.0f} s\n")
    for fault in story.faults():
        sys.stdout.write(f"FAULT {fault}\n")
    return bool(story.faults())


if __name__ == "__main__":
    sys.exit(main())
