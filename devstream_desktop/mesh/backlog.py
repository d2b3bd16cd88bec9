"""The backlog of one link: entries that the peer has and we lack.

They are fetched newest first, beside other links, each from its own part, and never twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.ranges import by_feed, total, without
from devstream_desktop.mesh.transport.link import Link
from devstream_desktop.mesh.wire import MAX_RANGES, Range, Record, SignedEntry
from devstream_desktop.stream.entry import MalformedEntryError, parse_entry

FIRST_NUMBERS = 200
"""Numbers claimed by the first FETCH: what a person looks at, as soon as can be."""
FETCH_NUMBERS = 600
"""Numbers claimed by the next FETCHes, about what fits a batch.

Later ones claim what fitted and a little, so that others get the next.
"""
FETCH_SPARE = 1.1
LEAST_BROUGHT = 50
"""Numbers in the answer to a FETCH of more: the largest entries are 60 a batch."""
MAX_BROKEN = 3
"""Poor FETCHes in a row before the peer's records are dropped.

Until it shows them anew: it may have pruned meanwhile.
"""
QUIET_S = 0.03
"""Time without an answer before what is stored is made seen.

It spares a fast link the interruption, and is no long time on a slow one.
"""
PATIENCE_S = 5.0
"""Silence after which a link is no reason not to ask others."""
FETCHES = 2
"""FETCHes of one link at a time.

While the answer to one is being stored, the other is on its way.
"""


class Take(Protocol):
    """Stores what a peer gave; with `later` nobody need see it at once."""

    def __call__(
        self, entries: Sequence[SignedEntry], *, later: bool = False
    ) -> Awaitable[Outcome]:
        """Return the outcome when it is stored."""


class Backlog:
    """One link's part of a catch-up.

    It leaves off in the log: the next link fetches what is still missing.

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
        fetch: Callable[[list[Range]], Awaitable[Sequence[SignedEntry]]],
        take: Take,
    ) -> None:
        self._core = core
        self._link = link
        self._fetch = fetch
        self._take = take
        self._theirs: list[Record] = []
        self._fruitless: list[Range] = []
        self._broken = 0
        """The count of FETCHes in a row that brought too little."""
        self._claim = FIRST_NUMBERS
        self._begun = False
        """The newest of the backlog are here: the rest goes into the log first."""
        self._asking = 0
        """The count of FETCHes whose answer is on its way."""
        self._stored = 0.0
        """Time at which the last answer was stored, `time.monotonic`."""
        self._known: tuple[object, list[Range]] = ((), [])
        """The missing ranges, and the state that they were computed from."""
        self._brought = 0.0
        """Time of its last useful answer, `time.monotonic`."""
        self._slow = self._relied_on = False
        """Set when that is too long ago; and when others must hear of it.

        Others expect this link to bring what is missing.
        """

    def show(self, records: list[Record]) -> None:
        """Take up the records that the peer has shown."""
        self._theirs, self._fruitless, self._broken = records, [], 0
        self._brought, self._slow = time.monotonic(), False

    def expected(self) -> list[Range]:
        """Return the part of `missing` that others may leave to this link.

        Nothing, when it has brought nothing of late.
        """
        return self.missing() if time.monotonic() - self._brought < PATIENCE_S else []

    def missing(self) -> list[Range]:
        """Ranges that the peer has and we lack, newest first."""
        if not self._theirs:
            return []
        # Kept, because every link and every status asks, and thousands of feeds take their time.
        now = self._core.team_time()
        revision = self._core.replica.feeds.revision
        as_of = (revision, id(self._theirs), len(self._fruitless), now // 1000)
        if self._known[0] != as_of:
            wanted = self._core.replica.wants.want(self._theirs, now)
            self._known = as_of, without(wanted, self._fruitless)
        return self._known[1]

    async def fill(self) -> None:
        """Fetch until nothing is missing or the link is lost.

        Raises:
            LinkError: why it was lost.

        """
        self._claim, self._begun = min(self._claim, FIRST_NUMBERS), False
        fills = [asyncio.create_task(self._fill()) for _ in range(FETCHES)]
        results = await asyncio.gather(*fills, self._read(fills), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error
        if not self.missing():
            self._theirs = []
        self._let_others()

    def look(self) -> None:
        """Look whether others must be asked; every few seconds.

        They must when the peer brings nothing.
        """
        # It has promised these, and brings nothing.
        if self._theirs and not self.expected() and self.missing():
            self._relied_on = self._relied_on or not self._slow
            self._slow = True
        self._let_others()

    def _let_others(self) -> None:
        """Have our callers compare, where this link does not deliver.

        They expect it to bring what is missing.
        """
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
                # Others are fetching all of it.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await event.wait()
        except BaseException:
            # The other FETCH ends as well.
            self._link.lost.set()
            raise

    async def _read(self, fills: Sequence[asyncio.Task[None]]) -> None:
        """Make lines of what is stored, while no answer waits.

        A lost link leaves the rest to other links, and to the upkeep.
        """
        while not self._link.lost.is_set():
            filling = sum(not fill.done() for fill in fills)
            # An answer comes first: until it is stored, it can be lost.
            quiet = self._asking == filling and time.monotonic() - self._stored >= QUIET_S
            worked = (quiet or not filling) and await self._core.keep_up()
            if not worked and not filling:
                return
            if not worked:
                await asyncio.wait(fills, timeout=QUIET_S)

    async def _fill_with(self, chosen: list[Range]) -> None:
        before = total(chosen)
        with self._core.fetches.claim(chosen):
            self._asking += 1
            try:
                entries = await self._fetch(chosen)
            finally:
                self._asking -= 1
            later, self._begun = self._begun, True
            # The next FETCH leaves before this batch is stored.
            await asyncio.sleep(0)
            while await self._core.show():
                pass
            stored = len((await self._take(entries, later=later)).stored)
            self._stored = time.monotonic()
        # The message was full.
        if len(entries) < before:
            self._claim = max(1, round(len(entries) * FETCH_SPARE))
        elif not later:
            self._claim = FETCH_NUMBERS
        left = without(chosen, without(chosen, self.missing()))
        # Anything that was lacking and is here now is progress.
        if total(left) < before:
            self._brought, self._slow = time.monotonic(), False
        # Nearly always most of it is stored, and need not be counted.
        enough = not total(left) or stored >= LEAST_BROUGHT
        if enough or _given(entries, chosen) >= LEAST_BROUGHT:
            self._broken = 0
            # Given and not accepted: asking again would bring the same.
            self._fruitless += left if total(left) == before else []
            return
        # It did not give what it says it has. Where it gave nothing, it has nothing older of these
        # feeds either.
        self._broken += 1
        self._relied_on = True
        self._fruitless += left if entries else [Range(item.feed, 1, item.last) for item in chosen]
        if self._broken >= MAX_BROKEN:
            self._theirs = []


def _given(entries: Sequence[SignedEntry], chosen: Sequence[Range]) -> int:
    """Return the count of entries that were asked for."""
    asked = by_feed(chosen)
    count = 0
    for item in entries:
        with contextlib.suppress(MalformedEntryError):
            entry = parse_entry(item.body, item.signature)
            count += intervals.contains(asked.get(entry.feed, []), entry.seq)
    return count


def _first_numbers(ranges: Sequence[Range], limit: int) -> list[Range]:
    """Return the first `limit` numbers, each range from its newest down."""
    chosen: list[Range] = []
    for item in ranges[:MAX_RANGES]:
        first = max(item.first, item.last - limit + 1)
        chosen.append(Range(item.feed, first, item.last))
        limit -= item.last - first + 1
        if limit <= 0:
            break
    return chosen
