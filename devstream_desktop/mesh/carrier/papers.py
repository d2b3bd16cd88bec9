"""The log of papers: signed policies, and the proofs of feeds that ended.

Each has a topic of its own, named by its hash, and the log keeps the newest message of a topic. So
it is found there however old it is, and nothing else can take its place unnoticed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import msgspec

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.carrier.broker import (
    MOST_BYTES,
    BrokerError,
    Log,
    Message,
    Outgoing,
    Sent,
    append,
)
from devstream_desktop.mesh.carrier.entries import RELAY_S, SENDER
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.limits import MAX_WAIT_S, cost, cost_of_bytes
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.stream.entry import (
    Entry,
    MalformedEntryError,
    body_hash,
    contradict,
    parse_entry,
)

POLICY, PROOF = "policy", "proof"
TRY_S = 1.0
"""Seconds between two tries of policies that did not fit yet."""
MOST_TO_TRY, MOST_BYTES_TO_TRY = 1000, 4 * 1024 * 1024
"""Policies kept that did not fit yet, the newest."""
MOST_HELD = 20_000
"""Topics remembered of the log."""
AGAIN_S = 60.0
"""Seconds until a paper lost by the log is sent again."""
_MOST_PROOF = 16 * 1024
_MOST_VALUES = 64
_pair = msgspec.msgpack.Decoder(wire.Pair)
_encoder = msgspec.msgpack.Encoder()


class Papers:
    """One node's part in the log of papers.

    Args:
        core: The node's middle.
        log: The log.
        travels: Tells which of the policy documents may go to a broker.

    """

    def __init__(self, core: Core, log: Log, travels: Callable[[bytes], bool]) -> None:
        self._core = core
        self._travels = travels
        self._log = log
        self._held: set[str] = set()
        """Topics that the log has shown with what belongs there."""
        self._proven: set[bytes] = set()
        """Feeds of which the log has a proof."""
        self._to_try: dict[str, bytes] = {}
        """Policies of the log that are not held here, in its order."""
        self._new = asyncio.Event()
        """Set when there is another one to try."""
        self._sent: dict[str, float] = {}
        """Time at which a paper was sent, `time.monotonic`."""
        self._level = asyncio.Event()
        """Set when the log was read to its end."""
        self._documents: tuple[int, dict[str, Outgoing]] = (-1, {})
        """The version of the policies held here, and these by topic."""

    async def read(self) -> None:
        """Read every paper, and then what comes.

        Raises:
            BrokerError: it cannot be read, or is another log now.

        """
        extent = await self._log.extent()
        at, made = extent.first, extent.made
        while True:
            if at > extent.last:
                self._level.set()
            messages = await self._log.read(at)
            for message in messages:
                await self._take(message)
                at = message.seq + 1
            if not messages:
                # Nothing more came of what it said it has.
                self._level.set()
                if (await self._log.extent()).made != made:
                    raise BrokerError("its log of policies was made anew")

    async def send(self, sent: Sent) -> None:
        """Send the papers that the log lacks.

        Raises:
            BrokerError: it does not take one.

        """
        await self._level.wait()
        while True:
            event = self._core.bell.event
            if any(True for _ in self._lacking()):
                await asyncio.sleep(RELAY_S * self._core.rng.random())
                for paper in list(self._lacking()):
                    await append(self._log, [paper])
                    self._held.add(paper.topic)
                    self._sent[paper.topic] = time.monotonic()
                    sent()
            await event.wait()
            # An arrival rings as well. Policies change seldom.
            await asyncio.sleep(TRY_S)

    async def absorb(self) -> None:
        """Take over the policies that are new here.

        All together first, as a peer would send them. Then one by one: one that is nobody's holds
        up no other.
        """
        while True:
            await self._new.wait()
            self._new.clear()
            await asyncio.sleep(TRY_S)
            self._core.absorb_policy(self._left())
            await asyncio.sleep(TRY_S)
            version = self._core.policies.version()
            for document in self._left():
                self._core.absorb_policy([document])
                # Somebody who may write there can put a thousand before a genuine one.
                await asyncio.sleep(TRY_S / 10)
                # Another one may fit now.
                if self._core.policies.version() != version:
                    self._new.set()
                    break

    def _left(self) -> list[bytes]:
        held = self._policies()
        self._to_try = {
            topic: document for topic, document in self._to_try.items() if topic not in held
        }
        return list(self._to_try.values())

    async def _take(self, message: Message) -> None:
        kind, _, name = message.topic.partition(".")
        spent = cost_of_bytes(message.data)
        if len(message.data) <= MOST_BYTES and name == body_hash(message.data).hex():
            if len(self._held) < MOST_HELD:
                self._held.add(message.topic)
            if kind == POLICY and self._travels(message.data):
                spent += cost(wire.Policies(0, [message.data]))
                self._take_policy(message)
            elif kind == PROOF and (pair := self._pair(message.data)) is not None:
                spent += cost(wire.Proofs([pair]))
                await self._core.take_proofs([pair])
                # Of foreign keys anybody can prove anything.
                if self._core.replica.feeds.get(feed := _feed_of(pair)).frozen:
                    self._proven.add(feed)
        else:
            # Somebody wrote over it. Whoever has it sends it again.
            self._held.discard(message.topic)
            self._core.bell.ring()
        await asyncio.sleep(min(MAX_WAIT_S, self._core.owes(SENDER, spent)))

    def _take_policy(self, message: Message) -> None:
        if message.topic in self._policies():
            return
        self._to_try.pop(message.topic, None)
        self._to_try[message.topic] = message.data
        room = MOST_BYTES_TO_TRY - sum(len(document) for document in self._to_try.values())
        while room < 0 or len(self._to_try) > MOST_TO_TRY:
            room += len(self._to_try.pop(next(iter(self._to_try))))
        self._new.set()

    def _pair(self, data: bytes) -> wire.Pair | None:
        """Parse a proof; None for what proves nothing."""
        try:
            pair, one, other = read_proof(data)
        except (ValueError, MalformedEntryError):
            return None
        right = self._core.replica.signatures.right
        if not contradict(one, other) or not right(one) or not right(other):
            return None
        return pair

    def _lacking(self) -> Iterator[Outgoing]:
        now = time.monotonic()
        for paper in self._papers():
            lately = now - self._sent.get(paper.topic, -AGAIN_S) < AGAIN_S
            if paper.topic not in self._held and not lately and len(paper.data) <= MOST_BYTES:
                yield paper

    def _papers(self) -> Iterator[Outgoing]:
        yield from self._policies().values()
        feeds = self._core.replica.feeds
        for feed in feeds.frozen():
            if feed not in self._proven and (proof := feeds.proofs().get(feed)) is not None:
                one, other = proof
                yield _paper(PROOF, _encoder.encode(wire.Pair(signed(one), signed(other))))

    def _policies(self) -> dict[str, Outgoing]:
        policies = self._core.policies
        if (version := policies.version()) != self._documents[0]:
            documents = filter(self._travels, policies.documents(0))
            papers = [_paper(POLICY, document) for document in documents]
            self._documents = version, {paper.topic: paper for paper in papers}
        return self._documents[1]


def _feed_of(pair: wire.Pair) -> bytes:
    return parse_entry(pair.first.body, pair.first.signature).feed


def _paper(kind: str, data: bytes) -> Outgoing:
    name = body_hash(data).hex()
    return Outgoing(f"{kind}.{name}", data, f"{kind}-{name}")


def read_proof(data: bytes) -> tuple[wire.Pair, Entry, Entry]:
    """Read the two entries of a proof; nobody has checked what they prove.

    Raises:
        ValueError: it is longer or deeper than a proof, or none.
        MalformedEntryError: one of the two is no entry.

    """
    if len(data) > _MOST_PROOF:
        raise ValueError("it is longer than any proof")
    check_msgpack(data, _MOST_VALUES)
    pair = _pair.decode(data)
    one = parse_entry(pair.first.body, pair.first.signature)
    return pair, one, parse_entry(pair.second.body, pair.second.signature)
