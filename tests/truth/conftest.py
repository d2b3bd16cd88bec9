"""Collectors with real histories that tell each other what they wrote, and a desk that reads it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.intake.emit import emit_event, heard_at
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.registry import webhook_collector
from devstream_desktop.stream.entry import (
    EPOCH_BYTES,
    Entry,
    body_hash,
    encode_body,
    next_hlc,
    parse_entry,
)
from devstream_desktop.stream.event import Event, encode_event
from devstream_desktop.stream.fact import fact_id
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

START = 1_800_000_000_000


class Node:
    """A collector with a history of its own, as far as facts are concerned."""

    def __init__(self, folder: Path, number: int) -> None:
        self.now = START
        self.peers: list[Node] = []
        self.folder = folder / f"node{number}"
        self.folder.mkdir()
        self.entries: list[Entry] = []
        """The entries that this device wrote."""
        self._device = bytes([number]) * 32
        self._feed = self._device + bytes(EPOCH_BYTES)
        self._seq, self._prev, self._hlc = 0, b"", 0
        self._nonce = count()
        self._open()

    def _open(self) -> None:
        mirror = FeedMirror(self.folder / "feed.json")
        self.history = History(self.folder / "history.sqlite", mirror, self._device, "team")
        self.publisher = Publisher(self._publish, self.history)

    def restart(self) -> None:
        """Begin again with nothing but what is on the disk."""
        self.history.close()
        self._open()

    def close(self) -> None:
        self.history.close()

    async def _publish(self, events: list[Event]) -> None:
        # As `node.core.Node.publish`.
        new = [event for event in events if not self.history.knows(fact_id(event, ""))]
        entries = [self._entry(event) for event in new]
        self.entries += entries
        for node in (self, *self.peers):
            node.history.add([Arrival(entry) for entry in entries])

    def _entry(self, event: Event) -> Entry:
        self._seq, self._hlc = self._seq + 1, next_hlc(self._hlc, self.now)
        body = encode_body(
            feed=self._feed,
            seq=self._seq,
            hlc=self._hlc,
            prev=self._prev,
            payload=encode_event(event),
        )
        self._prev = body_hash(body)
        return parse_entry(body, bytes(64))

    async def post(
        self, kind: str, document: object, source: SourceInfo | None = None, **headers: str
    ) -> list[Event]:
        """Take in a webhook delivery; returns what is told of it."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        delivery = Delivery(said, body, self.now)
        result = webhook_collector(kind).normalise(delivery, source or SourceInfo(kind))
        return await self.publisher.publish(result.events, received=self.now)

    async def see(self, *events: Event) -> list[Event]:
        """Take in what a poll saw."""
        return await self.publisher.publish(events)

    async def emit(self, kind: str, state: str, **options: Any) -> list[Event]:
        """Take in a `devstream emit`."""
        request = Emit(kind=kind, state=state, **({"service": "shop"} | options))
        event = emit_event(request, now=self.now, nonce=str(next(self._nonce)))
        return await self.publisher.publish([event], received=heard_at(request, self.now))

    def pass_time(self, milliseconds: int = 60_000) -> None:
        """Let time go by, here and at the peers."""
        for node in (self, *self.peers):
            node.now += milliseconds

    def lines(self) -> list[Line]:
        """Every line, in the order in which they were told."""
        with Reader(self.history.path) as reader:
            return reader.page(Query(), limit=500, superseded=True)[::-1]

    def rows(self) -> list[Line]:
        """The lines that a list shows, newest first."""
        with Reader(self.history.path) as reader:
            return reader.page(Query(), limit=500)

    def states(self) -> list[str]:
        return [line.event.state for line in self.lines()]


@pytest.fixture
def new_node(tmp_path: Path) -> Iterator[Callable[[], Node]]:
    made: list[Node] = []

    def make() -> Node:
        node = Node(tmp_path, len(made))
        made.append(node)
        return node

    yield make
    for node in made:
        node.close()


@pytest.fixture
def node(new_node: Callable[[], Node]) -> Node:
    return new_node()


@pytest.fixture
def pair(new_node: Callable[[], Node]) -> tuple[Node, Node]:
    """Two collectors that hear each other at once."""
    one, other = new_node(), new_node()
    one.peers, other.peers = [other], [one]
    return one, other


def _single(folder: Path) -> list[Node]:
    return [Node(folder, 0)]


def _both(folder: Path) -> list[Node]:
    one, other = Node(folder, 0), Node(folder, 1)
    one.peers, other.peers = [other], [one]
    return [one, other]


@pytest.fixture(scope="session")
def one() -> Callable[[Path], list[Node]]:
    """Make one collector in a folder."""
    return _single


@pytest.fixture(scope="session")
def two() -> Callable[[Path], list[Node]]:
    """Make two collectors in a folder, which hear each other at once."""
    return _both
