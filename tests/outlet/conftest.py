"""A home with a vault and a history that is told lines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.stream.entry import FEED_BYTES, body_hash, encode_body, parse_entry
from devstream_desktop.stream.event import Event, encode_event
from devstream_desktop.stream.log import Arrival

NOW = 1_760_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def vault(home: Home) -> Vault:
    return Vault(home, b"k" * 32)


class Told:
    """A history, and somebody who tells it lines: one a second from `NOW` on."""

    def __init__(self, home: Home) -> None:
        self.history = History(home.history, FeedMirror(home.feed_mirror), bytes(range(32)), "team")
        self._feed, self._seq, self._previous = os.urandom(FEED_BYTES), 0, b""

    def tell(self, event: Event) -> None:
        self._seq += 1
        body = encode_body(
            feed=self._feed,
            seq=self._seq,
            hlc=(NOW + 1000 * self._seq) << 16,
            prev=self._previous,
            payload=encode_event(event),
        )
        self._previous = body_hash(body)
        self.history.add([Arrival(parse_entry(body, bytes(64)))])


@pytest.fixture
def told(home: Home) -> Iterator[Told]:
    made = Told(home)
    yield made
    made.history.close()


Eventually = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(condition)`, for what tells nobody when it changes."""

    async def eventually(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    return eventually
