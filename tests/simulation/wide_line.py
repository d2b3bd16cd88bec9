"""A broker behind the wide line of each site, in virtual time.

The servers keep the logs; a site's own server keeps none. So each message to or from a log crosses
the site's line, and what the nodes of a site say to each other does not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from devstream_desktop.mesh.carrier.broker import (
    WAIT_S,
    BrokerError,
    Extent,
    Message,
    Outgoing,
    Receipt,
)

WAY_S, NEAR_S = 0.04, 0.001
"""Seconds that a message is on the way: over a wide line, and within a site."""
PATIENCE_S = 4.0
"""Seconds that a client waits for an answer."""
REPEATS_S = 120.0
AT_ONCE = 64


class HubLog:
    """A log at the servers: repeated ids are dropped for a while."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._ids: dict[str, tuple[int, float]] = {}
        self._news = asyncio.Event()

    def put(self, one: Outgoing) -> Receipt:
        now = asyncio.get_running_loop().time()
        seq, at = self._ids.get(one.id, (0, now))
        if one.id and seq and now - at < REPEATS_S:
            return Receipt(seq, repeated=True)
        seq = len(self.messages) + 1
        self._ids[one.id] = seq, now
        self.messages.append(Message(seq, one.topic, one.data))
        news, self._news = self._news, asyncio.Event()
        news.set()
        return Receipt(seq, repeated=False)

    async def wait(self, first: int) -> Sequence[Message]:
        """Return what there is from a number on, and wait for it."""
        while len(self.messages) < first:
            await self._news.wait()
        return self.messages[first - 1 : first - 1 + AT_ONCE]


class WideLine:
    """The line of one site to the servers."""

    def __init__(self) -> None:
        self.up = True
        self.taken = 0
        """Copies of entries that the line has brought."""
        self.sent = 0
        """Copies of entries that went out by it."""
        self.ears: list[Callable[[bytes], None]] = []
        self._changed = asyncio.Event()

    def switch(self, *, up: bool) -> None:
        self.up = up
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def cross(self) -> None:
        """Take the time of a way over it; an answer that never comes is a lost connection."""
        await asyncio.sleep(WAY_S)
        if not self.up:
            await asyncio.sleep(PATIENCE_S)
            raise BrokerError("it does not answer")


class LineLog:
    """A log as one site sees it."""

    def __init__(self, log: HubLog, line: WideLine, *, counted: bool) -> None:
        self._log = log
        self._line = line
        self._counted = counted

    async def extent(self) -> Extent:
        await self._line.cross()
        await self._line.cross()
        return Extent("1", 1, len(self._log.messages))

    async def read(self, first: int) -> Sequence[Message]:
        await self._line.cross()
        try:
            async with asyncio.timeout(WAIT_S):
                found = await self._log.wait(first)
        except TimeoutError:
            found = []
        if self._counted and self._line.up:
            self._line.taken += len(found)
        await self._line.cross()
        return found

    async def at(self, seq: int) -> Message | None:
        await self._line.cross()
        await self._line.cross()
        self._line.taken += self._counted
        return self._log.messages[seq - 1] if seq <= len(self._log.messages) else None

    async def newest(self, topic: str) -> Message | None:
        await self._line.cross()
        await self._line.cross()
        found = (one for one in reversed(self._log.messages) if one.topic == topic)
        return next(found, None)

    async def append(self, messages: Sequence[Outgoing]) -> Sequence[Receipt]:
        if self._counted and self._line.up:
            self._line.sent += len(messages)
        await self._line.cross()
        receipts = [self._log.put(one) for one in messages]
        await self._line.cross()
        return receipts


class Connection:
    """The broker, as one node of a site sees it."""

    def __init__(self, entries: HubLog, papers: HubLog, line: WideLine) -> None:
        self.entries = LineLog(entries, line, counted=True)
        self.papers = LineLog(papers, line, counted=False)
        self._line = line

    async def open(self) -> None:
        await self._line.cross()

    async def close(self) -> None:
        pass

    async def say(self, site: str, word: bytes) -> None:
        del site
        await asyncio.sleep(NEAR_S)
        for heard in list(self._line.ears):
            heard(word)

    async def hear(self, site: str, on_word: Callable[[bytes], None]) -> Callable[[], None]:
        del site
        self._line.ears.append(on_word)
        return lambda: self._line.ears.remove(on_word)
