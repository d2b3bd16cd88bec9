"""Many desks on many sites: the product's rules, carrier and relay, in virtual time.

Real: the core of each desk with its rules, the carrier, the choice of a relay. Played: the log in
memory, a link (news with the pauses of the product, a few milliseconds on the way, no digests,
because none of these links breaks), the broker and the wide lines.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

sys.path += [str(Path(__file__).parent), str(Path(__file__).parent.parent / "year")]

import msgspec
from memory_log import MemoryLog
from nodes import fake_sign, fake_verify
from virtual_time import VirtualLoop
from wide_line import Connection, HubLog, WideLine

from devstream_desktop.mesh import clock, core
from devstream_desktop.mesh.carrier.carrier import Carrier
from devstream_desktop.mesh.carrier.place import Place
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.wire import BATCH_BYTES
from devstream_desktop.stream.entry import Entry, device_id

START_MS = 1_700_000_000_000
LINK_S = 0.004
NEIGHBOURS = 2
DAY_MS = 86_400_000


class _Nothing(list[Callable[[], None]]):
    """No power is cut here, so nothing has to be undone."""

    def append(self, _: Callable[[], None]) -> None: ...


class _Kept:
    """The place of a carrier, in memory."""

    def __init__(self) -> None:
        self.place = Place()

    async def load(self) -> Place:
        return self.place

    async def save(self, place: Place) -> None:
        self.place = place


class Desk:
    """A node of a site, with a carrier or by gossip only."""

    def __init__(self, world: Sites, site: Site, number: int, *, carries: bool) -> None:
        self.world, self.site = world, site
        rng = random.Random(world.rng.random())
        key = world.rng.randbytes(32)
        self.device = device_id(key)
        self.log = MemoryLog(key, rng)
        self.log.unsynced = _Nothing()
        identity = Identity(self.device, "t", fake_sign(key), fake_verify)
        authors = SimpleNamespace(
            is_author=lambda _: True, ended=lambda _: None, refusal=lambda _: None
        )
        policies = SimpleNamespace(
            version=lambda: 0, documents=lambda _, **_again: [], absorb=lambda _: False
        )
        self.core = Core(
            identity=identity,
            gate=lambda _: None,
            replica=Replica(
                store=self.log, identity=identity, authors=authors, retention_ms=30 * DAY_MS
            ),
            policies=policies,
            clock=world.ms,
            on_entries=self._arrived,
            rng=rng,
        )
        self.carries = carries
        self.kept = _Kept()
        self.carrier: Carrier | None = None
        self.links: set[Desk] = set()
        self.deaf_to: set[Desk] = set()
        """Neighbours whose news do not come here for now."""
        self._running: asyncio.Task[None] | None = None
        self.late: list[float] = []
        """Seconds from the publishing of each entry to here."""

    def _arrived(self, entries: list[Entry]) -> None:
        now = asyncio.get_running_loop().time()
        self.late += [now - self.world.born[entry.hash] for entry in entries]

    def say(self) -> None:
        entries = self.core.append([msgspec.msgpack.encode(self.world.rng.randbytes(300))])
        for entry in entries:
            self.world.born[entry.hash] = asyncio.get_running_loop().time()
        self.core.announce(entries)

    def connect(self) -> None:
        """Begin to carry."""
        self.carrier = Carrier(
            self.core,
            "nats",
            Connection(self.world.entries, self.world.papers, self.site.line),
            self.kept,  # type: ignore[arg-type]
            travels=lambda _: True,
            relay=True,
            site=self.site.name,
        )
        self._running = asyncio.create_task(self.carrier.run())

    async def leave(self) -> None:
        """Lose the broker, at once."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self.carrier = self._running = None

    @property
    def relay(self) -> str:
        return self.carrier.status().relay if self.carrier is not None else ""

    def link(self, other: Desk) -> None:
        if other is self or other in self.links:
            return
        self.links.add(other)
        other.links.add(self)
        self.world.spawn(self._pass_on(other))
        self.world.spawn(other._pass_on(self))

    async def _pass_on(self, other: Desk) -> None:
        pushed = 0
        while True:
            event = self.core.bell.event
            entries, end = await self.core.news_to_send(pushed, BATCH_BYTES, other.device)
            if entries and other in self.links and self not in other.deaf_to:
                await asyncio.sleep(LINK_S)
                other.core.take([signed(entry) for entry in entries], self.device)
            elif not entries and other in self.links:
                await event.wait()
            else:
                # A link that does not work: nothing is lost, it is only not sent yet.
                await asyncio.sleep(1.0)
                continue
            pushed = end

    def part(self, other: Desk) -> None:
        """Break the link for good."""
        self.links.discard(other)
        other.links.discard(self)


class Site:
    """The desks of one place, and their line."""

    def __init__(self, world: Sites, name: str, desks: int, carriers: int) -> None:
        self.name = name
        self.line = WideLine()
        self.desks = [Desk(world, self, n, carries=n < carriers) for n in range(desks)]
        for n, desk in enumerate(self.desks):
            # A chain joins them all, and chance does the rest, as an overlay would.
            if n:
                desk.link(world.rng.choice(self.desks[:n]))
            for other in world.rng.sample(self.desks, min(NEIGHBOURS, desks)):
                desk.link(other)

    @property
    def carriers(self) -> list[Desk]:
        """Its desks with a connection, the lowest device id first."""
        found = [desk for desk in self.desks if desk.carrier is not None]
        return sorted(found, key=lambda desk: desk.device)

    @property
    def relays(self) -> set[str]:
        return {desk.relay for desk in self.carriers}


@dataclass
class Copies:
    """Copies of entries over the line of a site."""

    taken: int
    sent: int


class Sites:
    """A team on many sites."""

    def __init__(self, seed: int, sites: int, desks: int, carriers: int) -> None:
        self.rng = random.Random(seed)
        self.entries, self.papers = HubLog(), HubLog()
        self.born: dict[bytes, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self.sites = [Site(self, f"site{n}", desks, carriers) for n in range(sites)]
        self.desks = [desk for site in self.sites for desk in site.desks]

    def ms(self) -> int:
        return START_MS + round(self._loop.time() * 1000)

    def spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[type-var, arg-type]
        self._tasks.add(task)

    async def begin(self) -> None:
        """Connect every carrier, and wait until each site has its relay."""
        for desk in self.desks:
            if desk.carries:
                desk.connect()
        await self.until(lambda: all(s.relays == {s.carriers[0].device} for s in self.sites), 120)
        # Longer than a node looks at a relay before it believes it.
        await asyncio.sleep(30)

    async def end(self) -> None:
        for desk in self.desks:
            await desk.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def talk(self, seconds: float, rate: float) -> None:
        """Let desks drawn by chance publish, at a rate a second."""
        until = self._loop.time() + seconds
        while self._loop.time() < until:
            self.rng.choice(self.desks).say()
            await asyncio.sleep(1 / rate)

    async def until(self, what: Callable[[], bool], seconds: float) -> float:
        """Wait until something is so; returns the seconds that took."""
        began = self._loop.time()
        while not what():
            assert self._loop.time() - began < seconds, "it did not come"
            await asyncio.sleep(0.1)
        return self._loop.time() - began

    def complete(self) -> bool:
        """Tell whether everybody has everything."""
        return all(desk.log.lsn == len(self.born) for desk in self.desks)

    def copies(self) -> list[Copies]:
        """Count the copies over each line, and begin anew."""
        found = [Copies(site.line.taken, site.line.sent) for site in self.sites]
        for site in self.sites:
            site.line.taken = site.line.sent = 0
        return found

    def delays(self) -> list[float]:
        """Return the seconds to each desk since the last call, sorted."""
        late = sorted(one for desk in self.desks for one in desk.late)
        for desk in self.desks:
            desk.late.clear()
        return late


def at(delays: list[float], part: float) -> float:
    """Return the delay that a part of all do not exceed."""
    return delays[min(len(delays) - 1, math.ceil(part * len(delays)) - 1)]


@contextmanager
def played() -> Iterator[asyncio.Runner]:
    """Run in virtual time: also for those who look at the steady clock."""
    loop = VirtualLoop()

    def steady() -> int:
        return round(loop.time() * 1000)

    with (
        mock.patch.object(time, "monotonic", loop.time),
        mock.patch.object(core, "steady_ms", steady),
        mock.patch.object(clock, "steady_ms", steady),
        asyncio.Runner(loop_factory=lambda: loop) as runner,
    ):
        yield runner
