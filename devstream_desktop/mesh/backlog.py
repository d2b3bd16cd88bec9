"""What a dialed peer has and this node lacks, fetched newest first: beside other links, each from its own part, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence

from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.ranges import by_feed, total, without
from devstream_desktop.mesh.transport.link import Link
from devstream_desktop.mesh.wire import MAX_RANGES, Range, Record, Signed
from devstream_desktop.stream.entry import MalformedEntryError, parse_entry

FETCH_NUMBERS = 600
"""Numbers claimed by the first FETCHes, about what fits a batch; later ones claim what fitted and a little, so that others get the next."""
FETCH_SPARE = 1.1
LEAST_BROUGHT = 50
"""Numbers in the answer to a FETCH of more: the largest entries are 60 a batch."""
MAX_BROKEN = 3
"""FETCHes in a row that bring less, before the peer's word is not taken until it shows anew what it has: it may have pruned meanwhile."""
PATIENCE_S = 5.0
"""A link that has brought nothing for so long is no reason not to ask others."""
FETCHES = 2
"""FETCHes of one link: while what one brought is being stored, the other is on its way."""


class Backlog:
    """One link's part of a catch-up. Where it stopped is in the log: the next link fetches what is still missing.

    Args:
        core: Knows what others are fetching.
        link: To the peer.
        fetch: Asks the peer for ranges.
        take: Stores what it gave.

    """

    def __init__(
        self,
        core: Core,
        link: Link,
        fetch: Callable[[list[Range]], Awaitable[Sequence[Signed]]],
        take: Callable[[Sequence[Signed]], Awaitable[Outcome]],
    ) -> None:
        self._core = core
        self._link = link
        self._fetch = fetch
        self._take = take
        self._theirs: list[Record] = []
        self._fruitless: list[Range] = []
        self._broken = 0
        """How often in a row it has not given what it says it has."""
        self._claim = FETCH_NUMBERS
        self._known: tuple[object, list[Range]] = ((), [])
        """What was missing, and as of when."""
        self._brought = 0.0
        """When it last gave something, `time.monotonic`."""
        self._slow = self._relied_on = False
        """Whether that is too long ago; whether others must be told that this link does not bring what was expected of it."""

    def show(self, records: list[Record]) -> None:
        """The peer has shown what it has."""
        self._theirs, self._fruitless, self._broken = records, [], 0
        self._brought, self._slow = time.monotonic(), False

    def expected(self) -> list[Range]:
        """What of `missing` others may leave to this link: nothing, when it has brought nothing of late."""
        return self.missing() if time.monotonic() - self._brought < PATIENCE_S else []

    def missing(self) -> list[Range]:
        """What the peer has and this node wants of it, newest first."""
        if not self._theirs:
            return []
        # Every link and every answer to `status` asks, and with thousands of feeds it takes its time.
        now = self._core.team_time()
        as_of = (self._core.replica.feeds.revision, id(self._theirs), len(self._fruitless), now // 1000)
        if self._known[0] != as_of:
            self._known = as_of, without(self._core.replica.wants.want(self._theirs, now), self._fruitless)
        return self._known[1]

    async def fill(self) -> None:
        """Fetch until nothing is missing or the link is lost.

        Raises:
            LinkError: why it was lost.

        """
        results = await asyncio.gather(*(self._fill() for _ in range(FETCHES)), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error
        if not self.missing():
            self._theirs = []
        self._let_others()

    def look(self) -> None:
        """Every few seconds: when the peer brings nothing, others are to be asked."""
        if self._theirs and not self.expected() and self.missing():
            self._relied_on = self._relied_on or not self._slow
            self._slow = True
        self._let_others()

    def _let_others(self) -> None:
        """Whoever dialed us was told that this link would bring what is missing; where it does not, they should."""
        if self._relied_on:
            self._relied_on = False
            self._core.demand += 1
            self._core.bell.ring()

    async def _fill(self) -> None:
        try:
            while not self._link.lost.is_set() and (missing := self.missing()):
                event = self._core.bell.event
                chosen = _first_numbers(self._core.fetches.unclaimed(missing), self._claim)
                if chosen:
                    await self._fill_with(chosen)
                    continue
                with contextlib.suppress(TimeoutError):  # others are fetching all of it
                    async with asyncio.timeout(1.0):
                        await event.wait()
        except BaseException:
            self._link.lost.set()  # the other one ends as well
            raise

    async def _fill_with(self, chosen: list[Range]) -> None:
        before = total(chosen)
        with self._core.fetches.claim(chosen):
            entries = await self._fetch(chosen)
            await asyncio.sleep(0)  # the next FETCH leaves before this batch is stored
            await self._take(entries)
        if len(entries) < before:  # the message was full
            self._claim = max(1, round(len(entries) * FETCH_SPARE))
        left = without(chosen, without(chosen, self.missing()))
        if total(left) < before:
            self._brought, self._slow = time.monotonic(), False
        if not total(left) or _given(entries, chosen) >= LEAST_BROUGHT:
            self._broken = 0
            self._fruitless += left if total(left) == before else []  # given, and not taken
            return
        # It did not give what it says it has; where it gave nothing, it has nothing older of these feeds either.
        self._broken += 1
        self._relied_on = True
        self._fruitless += left if entries else [Range(item.feed, 1, item.last) for item in chosen]
        if self._broken >= MAX_BROKEN:
            self._theirs = []


def _given(entries: Sequence[Signed], chosen: Sequence[Range]) -> int:
    """How many of these are of what was asked for."""
    asked = by_feed(chosen)
    count = 0
    for item in entries:
        with contextlib.suppress(MalformedEntryError):
            entry = parse_entry(item.body, item.signature)
            count += intervals.contains(asked.get(entry.feed, []), entry.seq)
    return count


def _first_numbers(ranges: Sequence[Range], limit: int) -> list[Range]:
    """The first `limit` numbers of these, each range from its newest down."""
    chosen: list[Range] = []
    for item in ranges[:MAX_RANGES]:
        first = max(item.first, item.last - limit + 1)
        chosen.append(Range(item.feed, first, item.last))
        limit -= item.last - first + 1
        if limit <= 0:
            break
    return chosen
