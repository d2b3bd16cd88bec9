"""A lying member as a program, with real sockets. argv: its home and key file, a seed, where it
listens, and its victims.

It is linked with all of them, hears what they say, and lies in every way of simulation/lies.py, as
who dials and as who is dialed, until stdin ends. Then it prints a JSON object: how often it lied in
each way, how many entries it signed, and how often it was let in.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from collections import Counter, deque
from pathlib import Path

from lies import STRATEGIES
from raw_feed import RawFeed
from raw_member import RawLink, RawMember, now_ms
from strategy import Strategy, observed

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.transport.link import Lane, LinkError
from devstream_desktop.mesh.wire import MalformedMessageError, Record, SignedEntry
from devstream_desktop.stream.entry import MalformedEntryError, parse_entry
from devstream_desktop.stream.event import Event

PAUSE_S = (0.0, 0.15)
"""Between two lies."""
MOST_KNOWN = 2000
MOST_WAITING = 50
"""Lies for one victim; while it is away the oldest are forgotten."""
NONSENSE = 0.02
"""The share of messages that are replaced by random bytes."""


class Victim:
    """One node that is lied to, with the lies that wait for it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.waiting: deque[wire.Request] = deque(maxlen=MOST_WAITING)
        self.told = asyncio.Event()


class LyingNode:
    """A `strategy.Mouth` with sockets."""

    def __init__(
        self, member: RawMember, people: dict[str, str], rng: random.Random, victims: list[str]
    ) -> None:
        self.member, self.rng = member, rng
        self.device = self.executor = member.device
        self.person = people[member.device]
        self.feed = self.new_feed()
        self.lie_ms = 0
        self.lies: Counter[str] = Counter()
        self.signed = self.welcomed = 0
        self._people = people
        self._victims = [Victim(address) for address in victims]
        self._known: dict[bytes, SignedEntry] = {}
        self._own: deque[SignedEntry] = deque(maxlen=MOST_KNOWN)
        self._strategies: list[Strategy] = [each(self) for each in STRATEGIES]

    # The mouth.

    def now_ms(self) -> int:
        return now_ms()

    def new_feed(self) -> RawFeed:
        return self.member.feed(self.rng.randbytes(8))

    def author(self, payload: bytes, *, feed: RawFeed | None = None, **given) -> SignedEntry:
        self.signed += 1
        self._own.append((feed or self.feed).entry(payload, **given))
        return self._own[-1]

    def others(self) -> list[object]:
        return list(self._victims)

    def known(self) -> list[SignedEntry]:
        return list(self._known.values())

    def members(self) -> list[tuple[str, str]]:
        return [
            (person, device) for device, person in self._people.items() if device != self.device
        ]

    def foresee(self) -> Event:
        return observed(self.rng, self.rng.randrange(1000), now_ms())

    def spread(self, *entries: SignedEntry, to: list[object] | None = None) -> None:
        for victim in self._victims if to is None else to:
            self.ask(victim, wire.Push(list(entries), self.rng.randrange(100)))

    def ask(self, victim: object, request: wire.Request) -> None:
        assert isinstance(victim, Victim)
        victim.waiting.append(request)
        victim.told.set()

    # Its life.

    async def run(self, listen: str) -> None:
        """Lie until cancelled."""
        answers = {
            wire.Hello: self._welcome,
            wire.Tail: self._news,
            wire.Push: self._take,
            wire.Digest: self._records,
            wire.Offer: self._wants,
            wire.Fetch: lambda _: wire.Entries(self._some()),
            wire.AskPeers: lambda _: wire.PeerList(self._addresses()),
            wire.AskPolicy: lambda request: wire.Policies(
                request.version + self.rng.randrange(9), [self.rng.randbytes(99)] * 3
            ),
        }
        address = await self.member.listen(
            {kind: self._answer(lie) for kind, lie in answers.items()}, listen
        )
        self._port = int(address.rpartition(":")[2])
        async with asyncio.TaskGroup() as group:
            for victim in self._victims:
                group.create_task(self._haunt(victim))
            group.create_task(self._lie())

    async def _lie(self) -> None:
        while True:
            await asyncio.sleep(self.rng.uniform(*PAUSE_S))
            strategy = self.rng.choice(self._strategies)
            self.lies[type(strategy).__name__] += 1
            strategy.act()

    async def _haunt(self, victim: Victim) -> None:
        """Be linked with a victim, and after each end again."""
        while True:
            with contextlib.suppress(LinkError, MalformedMessageError):
                link = await self.member.dial(victim.address, greet=False)
                try:
                    hello = self.member.hello(port=self._port, wall=now_ms() + self._clock())
                    welcome = await link.ask(hello)
                    if isinstance(welcome, wire.Welcome):
                        self.welcomed += 1
                        async with asyncio.TaskGroup() as group:
                            group.create_task(self._listen_to(link, welcome.index))
                            group.create_task(self._tell(link, victim))
                except* (LinkError, MalformedMessageError):
                    pass
                finally:
                    await link.link.close()
            await asyncio.sleep(self.rng.uniform(0.2, 2.0))

    async def _listen_to(self, link: RawLink, index: bytes) -> None:
        lsn = 0
        while True:
            news = await link.tail(lsn, index)
            if isinstance(news, wire.News):
                self._hear(news.entries)
                index, lsn = news.index, news.lsn
            else:
                await asyncio.sleep(1)

    async def _tell(self, link: RawLink, victim: Victim) -> None:
        while True:
            victim.told.clear()
            while victim.waiting:
                request = victim.waiting.popleft()
                lane = Lane.PUSH if isinstance(request, wire.Push) else Lane.OTHER
                await link.ask(
                    self.rng.randbytes(50) if self.rng.random() < NONSENSE else request, lane
                )
            await victim.told.wait()

    def _hear(self, entries: list[SignedEntry]) -> None:
        for item in entries:
            with contextlib.suppress(MalformedEntryError):
                entry = parse_entry(item.body, item.signature)
                if entry.device != self.device:
                    self._known[entry.hash] = item
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]

    # Its answers.

    def _answer(self, lie):
        def answer(request: wire.Request) -> wire.Reply | bytes | None:
            chance = self.rng.random()
            if chance < NONSENSE:
                return self.rng.randbytes(self.rng.randrange(1, 200))
            return None if chance < 2 * NONSENSE else lie(request)

        return answer

    def _clock(self) -> int:
        return self.rng.choice((0, 0, self.lie_ms))

    def _tell_as(self, what: str, truth):
        return getattr(self.rng.choice(self._strategies), what)(truth)

    def _welcome(self, _: wire.Request) -> wire.Reply:
        wall = now_ms() + self._clock()
        return wire.Welcome(
            wire.PROTOCOL,
            self.member.team,
            self.device,
            bytes(16),
            self.rng.randrange(9),
            wall,
            self._addresses(),
        )

    def _news(self, request: wire.Tail) -> wire.Reply:
        entries = self._tell_as("entries", self._some())
        resync = self.rng.random() < 0.3
        return wire.News(
            bytes(16),
            request.lsn + len(entries),
            entries,
            self.rng.randbytes(8),
            self.rng.randrange(9),
            resync,
        )

    def _take(self, request: wire.Push) -> wire.Reply:
        self._hear(request.entries)
        return wire.Pushed(
            len(request.entries),
            request.policy,
            self.rng.random() < 0.3,
            self.rng.choice((0, 0, 60_000)),
        )

    def _records(self, _: wire.Request) -> wire.Reply:
        buckets = list(range(wire.BUCKETS))
        records, end = self._tell_as("records", self._truth()), self._tell_as("end", None)
        return wire.Records(
            bytes(16), self.rng.randrange(100), buckets, records, self._feeds_frozen(), end
        )

    def _wants(self, request: wire.Offer) -> wire.Reply:
        ranges = [wire.Range(record.feed, 1, record.head) for record in request.records[:50]]
        return wire.Wants(self._tell_as("wants", ranges), self._feeds_frozen())

    def _feeds_frozen(self) -> list[bytes]:
        return self._tell_as("frozen", [])

    def _truth(self) -> list[Record]:
        """The records of the newest entries that it holds."""
        records: dict[bytes, Record] = {}
        for item in [*self._own, *self.known()][-200:]:
            with contextlib.suppress(MalformedEntryError):
                entry = parse_entry(item.body, item.signature)
                if entry.feed not in records or records[entry.feed].head < entry.seq:
                    records[entry.feed] = Record(
                        entry.feed, 0, entry.seq, entry.hash, entry.hlc, []
                    )
        return list(records.values())

    def _some(self) -> list[SignedEntry]:
        entries = [*self._own, *self.known()]
        return self.rng.sample(entries, min(len(entries), self.rng.randrange(40)))

    def _addresses(self) -> list[wire.PeerAddress]:
        """Addresses of nobody, and some that nobody should dial."""
        hosts = (
            "127.0.0.1",
            "169.254.169.254",
            "10.77.0.253",
            "10.77.1.253",
            "192.0.2.7",
            "localhost",
            "[::1]",
            "[fe80::1]",
            "0.0.0.0",
        )
        ports = (22, 25, 80, 7400, 65535, 0, 99999)
        return [
            wire.PeerAddress(
                self.rng.choice(self.members())[1],
                f"{self.rng.choice(hosts)}:{self.rng.choice(ports)}",
            )
            for _ in range(self.rng.randrange(wire.MAX_PEERS))
        ]


async def main(home: str, key_file: str, seed: str, listen: str, *victims: str) -> None:
    os.environ["DEVSTREAM_KEY_FILE"] = key_file
    member, people = RawMember.of(Path(home))
    liar = LyingNode(member, people, random.Random(int(seed)), list(victims))
    lying = asyncio.create_task(liar.run(listen))
    say("ready")
    ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait([lying, ended], return_when=asyncio.FIRST_COMPLETED)
    if lying.done():
        lying.result()
    # A link that fails in the same moment takes the place of the cancellation (TaskGroup of 3.11).
    while not lying.done():
        lying.cancel()
        await asyncio.wait([lying], timeout=0.5)
    await member.close()
    say(json.dumps({"lies": liar.lies, "signed": liar.signed, "welcomed": liar.welcomed}))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
