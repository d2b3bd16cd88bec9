"""A broker in memory, a node's carrier to it, and forged entries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nacl.signing import SigningKey

from devstream_desktop.mesh.carrier.broker import (
    Broker,
    BrokerError,
    Extent,
    Message,
    Outgoing,
    Receipt,
)
from devstream_desktop.stream.entry import Entry, encode_body, preamble
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind


class MemoryLog:
    """A log as JetStream keeps one: repeated ids are dropped, and a topic may have one message."""

    def __init__(self, *, newest_only: bool = False) -> None:
        self.made = 1
        self.messages: list[Message] = []
        self.last = 0
        self.gone = False
        self.since = 0
        self.reads: list[int] = []
        self._ids: dict[str, int] = {}
        self._newest_only = newest_only
        self._news = asyncio.Event()

    def make_anew(self) -> None:
        self.made += 1
        self.messages, self._ids, self.last = [], {}, 0
        self._news.set()

    def put(self, topic: str, data: bytes, name: str = "") -> Receipt:
        if name and name in self._ids:
            return Receipt(self._ids[name], repeated=True)
        if self._newest_only:
            self.messages = [one for one in self.messages if one.topic != topic]
        self.last += 1
        self._ids[name] = self.last
        self.messages.append(Message(self.last, topic, data))
        self._news.set()
        return Receipt(self.last, repeated=False)

    async def extent(self) -> Extent:
        self._look()
        first = self.messages[0].seq if self.messages else self.last + 1
        return Extent(str(self.made), first, self.last, self.since)

    async def read(self, first: int) -> Sequence[Message]:
        self.reads.append(first)
        found = self._from(first)
        while not found:
            self._news.clear()
            try:
                async with asyncio.timeout(0.3):
                    await self._news.wait()
            except TimeoutError:
                break
            found = self._from(first)
        return found

    async def at(self, seq: int) -> Message | None:
        self._look()
        return next((one for one in self.messages if one.seq == seq), None)

    async def newest(self, topic: str) -> Message | None:
        self._look()
        return next((one for one in reversed(self.messages) if one.topic == topic), None)

    async def append(self, messages: Sequence[Outgoing]) -> Sequence[Receipt]:
        self._look()
        await asyncio.sleep(0)
        return [self.put(*one) for one in messages]

    def _from(self, first: int) -> list[Message]:
        self._look()
        return [one for one in self.messages if one.seq >= first][:64]

    def _look(self) -> None:
        if self.gone:
            raise BrokerError("it cannot be reached")


class MemoryBroker:
    def __init__(self) -> None:
        self.entries = MemoryLog()
        self.papers = MemoryLog(newest_only=True)
        self.ears: list[tuple[str, Callable[[bytes], None]]] = []
        """Sites, and the calls for what is said there."""

    async def open(self) -> None:
        self.entries._look()

    async def close(self) -> None:
        pass

    async def say(self, site: str, word: bytes) -> None:
        self.entries._look()
        for where, heard in list(self.ears):
            if where == site:
                heard(word)

    async def hear(self, site: str, on_word: Callable[[bytes], None]) -> Callable[[], None]:
        ear = (site, on_word)
        self.ears.append(ear)
        return lambda: self.ears.remove(ear)

    def gone(self, *, gone: bool) -> None:
        self.entries.gone = self.papers.gone = gone


class Carried:
    """The carrier of one node, running."""

    def __init__(
        self, node: Any, broker: Broker, folder: Path, *, relay: bool = True, site: str = ""
    ) -> None:
        self.node = node
        place = folder / f"{node.device}.json"
        self.carrier = node.mesh.carrier("nats", broker, place, relay=relay, site=site)
        self.task = asyncio.create_task(self.carrier.run())

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def data_of(entry: Entry) -> bytes:
    """Return an entry as it stands in a log."""
    return entry.signature + entry.body


def held(node: Any) -> set[bytes]:
    return {entry.hash for entry in node.entries}


def forge(team: str, key: SigningKey, feed: bytes, *, seq: int = 1) -> bytes:
    """Make an entry of another one's feed, as it stands in a log."""
    return signed_data(team, key, feed, seq=seq, hlc=1 << 58, title="forged")


def signed_data(
    team: str, key: SigningKey, feed: bytes, *, seq: int, hlc: int, title: str
) -> bytes:
    """Make an entry with any key, as it stands in a log."""
    event = make_event(
        kind=Kind.CHANGE,
        state="pushed",
        service="shop",
        subject="change/shop/main",
        key=fact_key("test", Kind.CHANGE, title),
        time=1_700_000_000_000,
        title=title,
    )
    prev = b"" if seq == 1 else bytes(16)
    body = encode_body(feed=feed, seq=seq, hlc=hlc, prev=prev, payload=encode_event(event))
    return key.sign(preamble(team) + body).signature + body
