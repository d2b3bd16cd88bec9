"""A history on disk, and entries of a made-up feed to put in it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devstream_desktop.history.database import open_writer
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
def below(monkeypatch: pytest.MonkeyPatch) -> Callable[[], sqlite3.Connection]:
    """Gives the newest writing connection, to fail below a history as a disk or a kill does."""
    opened: list[sqlite3.Connection] = []

    def remember(path: Path) -> sqlite3.Connection:
        opened.append(open_writer(path))
        return opened[-1]

    monkeypatch.setattr("devstream_desktop.history.writer.open_writer", remember)
    return lambda: opened[-1]


@pytest.fixture
def sql(tmp_path: Path) -> Callable[..., list[tuple[object, ...]]]:
    """Runs a statement on the database as another program would."""

    def run(statement: str, path: Path | None = None) -> list[tuple[object, ...]]:
        with (
            closing(sqlite3.connect(path or tmp_path / "history.sqlite")) as connection,
            connection,
        ):
            return connection.execute(statement).fetchall()

    return run


@pytest.fixture
def check_index(sql: Callable[..., object]) -> Callable[..., object]:
    """Passes a full-text index that is sound in itself."""
    return lambda path=None: sql("INSERT INTO words (words) VALUES ('integrity-check')", path)


@pytest.fixture
def open_history(
    tmp_path: Path, below: Callable[[], sqlite3.Connection]
) -> Iterator[Callable[[], History]]:
    opened: list[sqlite3.Connection] = []

    def build() -> History:
        history = History(
            tmp_path / "history.sqlite", FeedMirror(tmp_path / "feed.json"), DEVICE, "team"
        )
        opened.append(below())
        return history

    yield build
    for connection in opened:
        connection.close()


@pytest.fixture
def history(open_history: Callable[[], History]) -> History:
    return open_history()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with Reader(tmp_path / "history.sqlite") as reader:
        yield reader
