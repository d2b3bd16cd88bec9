"""A history on disk, and entries of a made-up feed to put in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.entry import FEED_BYTES, Entry, body_hash, encode_body, parse_entry
from devstream_desktop.stream.event import Event, encode_event, fact_key, make_event
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.words import Kind

NOW = 1_760_000_000_000
DEVICE = bytes(range(32))


class Feed:
    """Grows a chained feed; signatures are not looked at by a history."""

    def __init__(self, feed: bytes | None = None) -> None:
        self.feed = feed or os.urandom(FEED_BYTES)
        self.seq = 0
        self.prev = b""
        self.clock = NOW << 16

    def entry(self, event: Event, *, clock: int | None = None) -> Entry:
        self.seq += 1
        self.clock = clock if clock is not None else self.clock + (1 << 16)
        body = encode_body(
            feed=self.feed,
            seq=self.seq,
            hlc=self.clock,
            prev=self.prev,
            payload=encode_event(event),
        )
        self.prev = body_hash(body)
        return parse_entry(body, bytes(64))


@pytest.fixture
def make() -> Callable[..., Event]:
    counter = iter(range(1, 1_000_000))

    def build(kind: Kind = Kind.CHANGE, state: str = "pushed", **fields: object) -> Event:
        number = next(counter)
        values: dict[str, object] = {
            "service": "shop",
            "subject": f"{kind}/shop/main",
            "key": fact_key("test", kind, str(number)),
            "time": NOW,
            "ref": "main",
            "number": str(number),
        }
        return make_event(kind=kind, state=state, **(values | fields))  # type: ignore[arg-type]

    return build


@pytest.fixture
def feed() -> Feed:
    return Feed()


@pytest.fixture
def new_feed() -> type[Feed]:
    return Feed


@pytest.fixture
def arrival() -> type[Arrival]:
    return Arrival


@pytest.fixture
def open_history(tmp_path: Path) -> Iterator[Callable[[], History]]:
    opened: list[History] = []

    def build() -> History:
        history = History(
            tmp_path / "history.sqlite", FeedMirror(tmp_path / "feed.json"), DEVICE, "team"
        )
        opened.append(history)
        return history

    yield build
    for history in opened:
        history._connection.close()


@pytest.fixture
def history(open_history: Callable[[], History]) -> History:
    return open_history()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path / "history.sqlite") as reader:
        yield reader
