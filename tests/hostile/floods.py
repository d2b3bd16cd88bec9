"""Dear requests without end.

Each costs its victim much and its sender little, and comes over as many lanes as there are.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import msgspec
from raw_feed import RawFeed
from raw_member import RawLink, RawMember, event, records

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.transport.link import Lane, LinkError
from devstream_desktop.stream.entry import next_hlc

Request = wire.Request | bytes


@dataclass(frozen=True)
class Prey:
    """The attacker's knowledge of a victim."""

    address: str
    index: bytes
    documents: list[bytes]
    """Its policies."""


Flood = Callable[[RawMember, Prey], Iterator[Request]]
"""Endless requests."""
LINKS = 2
"""As many as a device may have."""
FEEDS, OF_EACH = 40, 60


def _claim(**fields: object) -> bytes:
    return event("claim", "claimed", actor="mallory", **fields)


def entries(feed: RawFeed, count: int, *, chained: bool = True) -> list[wire.SignedEntry]:
    """So many of a feed; unchained ones need a signature check each."""
    return [
        feed.entry(
            _claim(), seq=None if chained else feed.seq + 2, prev=None if chained else bytes(16)
        )
        for _ in range(count)
    ]


def some_feeds(mallory: RawMember) -> list[list[wire.SignedEntry]]:
    """The victim's first entries, so that there is something to ask for."""
    return [entries(mallory.feed(1000 + number), OF_EACH) for number in range(FEEDS)]


def policy(_: RawMember, prey: Prey) -> Iterator[Request]:
    """Documents that the victim has, each under 64 genuine signatures of a key that nobody knows.

    Some 26,000 in a message.
    """
    key = DeviceKey.generate()
    payload = msgspec.msgpack.decode(prey.documents[0])[1]
    signature = (key.id, key.sign(b"devstream/policy/1\0" + payload))
    document = msgspec.msgpack.encode((1, payload, (signature,) * 64))
    for number in itertools.count(1):
        yield wire.AskPolicy(number, [document] * min(400, 4_000_000 // len(document)))


def fetch(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """Four thousand single numbers, each a look into the database."""
    rng = random.Random(1)
    ids = [mallory.feed(1000 + number).id for number in range(FEEDS)]
    while True:
        singles = [(feed, seq) for feed in ids for seq in range(1, OF_EACH + 1)]
        rng.shuffle(singles)
        yield wire.Fetch(
            [wire.Range(feed, seq, seq) for feed, seq in singles * 2][: wire.MAX_RANGES],
            wire.BATCH_BYTES,
        )


def fetch_all(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """The largest batch there is, again and again."""
    ids = [mallory.feed(1000 + number).id for number in range(FEEDS)]
    while True:
        yield wire.Fetch([wire.Range(feed, 1, OF_EACH) for feed in ids], wire.BATCH_BYTES)


def digest(_: RawMember, __: Prey) -> Iterator[Request]:
    """All buckets differ."""
    while True:
        yield wire.Digest(random.randbytes(wire.BUCKETS * wire.BUCKET_BYTES))


def offer(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """Four thousand feeds that never were."""
    for number in itertools.count():
        feeds = [mallory.feed((number << 32) + epoch).id for epoch in range(wire.MAX_RECORDS)]
        yield wire.Offer(records(*((feed, 1 << 40) for feed in feeds)), [])


def gaps(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """As many gaps as a message holds; compressed it is a kilobyte."""
    record = records((mallory.feed(9).id, 1 << 40))[0]
    full = msgspec.structs.replace(record, gaps=[(number, number) for number in range(1, 1000, 2)])
    while True:
        yield wire.Offer([full] * 450, [])


def proof(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """A hundred genuine proofs that feeds of its own are broken.

    Two signature checks and a write each.
    """
    for number in itertools.count():
        pairs = []
        for epoch in range(100):
            feed = mallory.feed((2 << 40) + number * 100 + epoch)
            one, other = (
                feed.entry(_claim(title=title), seq=1, hlc=next_hlc(0, 1_700_000_000_000), prev=b"")
                for title in "ab"
            )
            pairs.append(wire.Pair(one, other))
        yield wire.Proof(pairs, [])


def known_proof(mallory: RawMember, prey: Prey) -> Iterator[Request]:
    """The same hundred again and again, and all of them asked for."""
    first = next(proof(mallory, prey))
    feeds = [msgspec.msgpack.decode(pair.first.body)[1] for pair in first.give]
    while True:
        yield wire.Proof(first.give, feeds)


def peers(_: RawMember, __: Prey) -> Iterator[Request]:
    while True:
        yield wire.AskPeers()


def hello(mallory: RawMember, _: Prey) -> Iterator[Request]:
    while True:
        yield mallory.hello()


def tail(_: RawMember, prey: Prey) -> Iterator[Request]:
    """Everything from the beginning, without a wait."""
    while True:
        yield wire.Tail(prey.index, 0, 0, wire.BATCH_BYTES, 0)


def known(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """Entries that the victim has, again: each is looked up."""
    everything = [one for feed in some_feeds(mallory) for one in feed]
    while True:
        yield wire.Push(everything[:1200], 0)


def forged(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """Entries under other members' and own feeds whose signatures are wrong.

    It is cut off, and dials again.
    """
    feeds = [entries(mallory.feed((3 << 40) + number), 1)[0] for number in range(3000)]
    spoilt = [wire.SignedEntry(one.body, bytes(64)) for one in feeds]
    while True:
        yield wire.Push(spoilt, 0)


def unchained(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """Genuine entries of which no one vouches for another, in full batches."""
    for number in itertools.count():
        yield wire.Push(entries(mallory.feed((4 << 40) + number), 900, chained=False), 0)


def new_feeds(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """Each entry begins a feed of its own."""
    for number in itertools.count():
        yield wire.Push(
            [entries(mallory.feed((5 << 40) + number * 600 + epoch), 1)[0] for epoch in range(600)],
            0,
        )


def strangers(mallory: RawMember, _: Prey) -> Iterator[Request]:
    """Each entry is of a key that nobody knows."""
    del mallory
    for number in itertools.count():
        yield wire.Push(
            [wire.SignedEntry(_of_nobody(number * 900 + n), bytes(64)) for n in range(900)], 0
        )


def _of_nobody(number: int) -> bytes:
    feed = number.to_bytes(32, "big") + bytes(8)
    return msgspec.msgpack.encode(
        [1, feed, 1, next_hlc(0, 1_700_000_000_000), b"", msgspec.Raw(_claim())]
    )


def garbage(_: RawMember, __: Prey) -> Iterator[Request]:
    """Frames that are no message."""
    while True:
        yield random.randbytes(200_000)


FLOODS: dict[str, Flood] = {
    flood.__name__: flood
    for flood in (
        policy, fetch, fetch_all, digest, offer, gaps, proof, known_proof, peers,
        hello, tail, known, forged, unchained, new_feeds, strangers, garbage,
    )
}  # fmt: skip


async def prepare(mallory: RawMember, address: str) -> Prey:
    """Give the victim what some floods ask for, and look at it."""
    link = await mallory.dial(address)
    for feed in some_feeds(mallory):
        await link.push(*feed)
    welcome, policies = await link.ask(mallory.hello()), await link.ask(wire.AskPolicy(0, []))
    assert isinstance(welcome, wire.Welcome)
    assert isinstance(policies, wire.Policies)
    await mallory.close()
    return Prey(address, welcome.index, policies.documents)


@asynccontextmanager
async def flood(kind: Flood, mallory: RawMember, prey: Prey) -> AsyncIterator[Callable[[], int]]:
    """While it lasts, requests of this kind come over every lane of every link there can be.

    Gives how many were answered.
    """
    answered = 0
    over = False
    made = itertools.islice(kind(mallory, prey), 4 if kind is policy else 24)
    order = itertools.cycle([one if isinstance(one, bytes) else wire.encode(one) for one in made])

    async def lane(raw: RawLink, which: Lane) -> None:
        nonlocal answered
        while not over:
            await raw.ask(next(order), which, 20)
            answered += 1

    async def link() -> None:
        while not over:
            with suppress(LinkError, wire.MalformedMessageError, AssertionError, TimeoutError):
                raw = await mallory.dial(prey.address)
                await asyncio.gather(*(lane(raw, which) for which in Lane))
            await asyncio.sleep(0.05)

    running: list[Awaitable[None]] = [asyncio.create_task(link()) for _ in range(LINKS)]
    try:
        yield lambda: answered
    finally:
        over = True
        await mallory.close()
        await asyncio.gather(*running, return_exceptions=True)
