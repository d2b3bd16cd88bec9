"""Normaliser: the task that turns stored deliveries into events.

It reads, normalises, publishes, and takes them off the queue. A crash at any point is harmless: the
rest of the queue is done again, and its events have the same keys.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from devstream_collectors.contract import Delivery, Normalised
from devstream_desktop.clock import within
from devstream_desktop.intake.publisher import Publisher, Turn
from devstream_desktop.intake.store import StoreError
from devstream_desktop.intake.webhook.endpoint import Endpoint
from devstream_desktop.intake.webhook.spool import TEST_HEADER, Raw, Spool
from devstream_desktop.intake.webhook.unmatched import Unmatched
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind

BATCH = 128
LARGE_BODY = 64 * 1024
"""Bytes from which a body is parsed off the loop."""
MAX_PAUSE = 30.0
YIELD = 4.0
"""Pause after a batch while deliveries come in, per second of work.

So senders are answered first, and batches grow.
"""
MAX_YIELD = 0.5
BACKLOG = 10_000
"""Deliveries from which there is no pause: they come faster than they are told."""
_LOG = logging.getLogger(__name__)


class Normaliser:
    """Works the spool off, one batch after the other; each source's deliveries in order."""

    def __init__(
        self,
        spool: Spool,
        known: Collection[str],
        endpoints: Mapping[str, Endpoint],
        publisher: Publisher,
        now: Callable[[], int],
        unmatched: Unmatched,
    ) -> None:
        """`known` are all sources, `endpoints` those that run.

        Deliveries of a source that cannot run now wait for it.
        """
        self._spool = spool
        self._known = known
        self._endpoints = endpoints
        self._publisher = publisher
        self._now = now
        self._unmatched = unmatched
        self._news = asyncio.Event()
        self._busy = False
        """True when a delivery came since the last batch began."""
        self._trouble = ""
        self.tests: dict[str, asyncio.Future[Normalised]] = {}
        """Tests that wait for their delivery, by name."""

    def wake(self) -> None:
        """Note that the spool has something."""
        self._busy = True
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; `wake` after setting it."""
        pause = 0.0
        self._news.set()
        while not stop.is_set():
            if not pause:
                await self._news.wait()
            self._news.clear()
            try:
                await self._drain(stop)
                pause = 0.0
                self._say("")
            except Exception as error:  # noqa: BLE001 - the spool keeps it, and `status` shows why
                pause = min(MAX_PAUSE, pause * 2 or 0.5)
                _LOG.warning(
                    "events cannot be published now (%s); trying again in %.0f s", error, pause
                )
                self._say(f"events wait to be published: {error}")
                await within(stop, pause)

    def _say(self, trouble: str) -> None:
        """Show in `status` what holds up all sources; nothing when empty."""
        for endpoint in self._endpoints.values():
            if trouble or (self._trouble and endpoint.health.last_error == self._trouble):
                endpoint.health.last_error = trouble
        self._trouble = trouble

    async def _drain(self, stop: asyncio.Event) -> None:
        clock = asyncio.get_running_loop().time
        while not stop.is_set():
            began, self._busy = clock(), False
            # What waits of a source that cannot run now stays; of one that was removed it goes.
            stopped = {source for source in self._known if source not in self._endpoints}
            rows = await self._spool.next(BATCH, stopped)
            if not rows:
                return
            read = [(row, await self._read(row)) for row in rows]
            try:
                await self._finish(read)
            except ValueError:
                # One event was rejected for good: only its own delivery is given up.
                for one in read:
                    await self._finish_alone(one)
            if self._busy and self._spool.waiting < BACKLOG:
                # Senders wait for their answers, and nobody waits for this.
                await within(stop, min(MAX_YIELD, YIELD * (clock() - began)))

    async def _finish_alone(self, one: tuple[Raw, Normalised]) -> None:
        """Publish one delivery; give up on it alone if it is rejected."""
        try:
            await self._finish([one])
        except ValueError as error:
            row = one[0]
            _LOG.exception(
                "delivery %d of source %s made an event that was refused", row.id, row.source
            )
            await self._finish([(row, Normalised(dropped="refused", detail=str(error)))])

    async def _finish(self, read: list[tuple[Raw, Normalised]]) -> None:
        if not read:
            return
        async with self._publisher.turn() as turn:
            events = [event for row, result in read for event in self._events(row, result, turn)]
            if events:
                await turn.publish(events)
        # Published before they leave the queue: a crash in between repeats events, and loses none.
        await self._spool.done([row for row, _ in read])
        await self._keep_unmatched(read)
        for row, result in read:
            endpoint = self._endpoints.get(row.source)
            if endpoint is not None and result.dropped:
                endpoint.health.dropped[result.dropped] += 1
            elif endpoint is not None:
                endpoint.health.events += len(result.events)
            waiter = self.tests.get(row.headers.get(TEST_HEADER, ""))
            if waiter is not None and not waiter.done():
                waiter.set_result(result)

    async def _keep_unmatched(self, read: list[tuple[Raw, Normalised]]) -> None:
        try:
            for row, result in read:
                if result.dropped and TEST_HEADER not in row.headers:
                    await self._unmatched.keep(row, result.dropped, result.detail)
        except StoreError as error:
            # They are there for who writes rules; what was delivered is done.
            _LOG.warning("the bodies that nothing knew are not kept: %s", error)

    def _events(self, row: Raw, result: Normalised, turn: Turn) -> Sequence[Event]:
        test = row.headers.get(TEST_HEADER, "")
        # A test proves the way and reports nothing that its sample says.
        if test:
            return (tested_event(row.source, test, self._now()),) if result.events else ()
        endpoint = self._endpoints.get(row.source)
        if endpoint is None:
            return ()
        return endpoint.limiter.limit(turn.news_of(result.events, row.received))

    async def _read(self, row: Raw) -> Normalised:
        endpoint = self._endpoints.get(row.source)
        # It was removed while its delivery waited.
        if endpoint is None:
            return Normalised(dropped="source-removed")
        delivery = Delivery(row.headers, row.body, row.received)
        try:
            if len(row.body) >= LARGE_BODY:
                return await asyncio.to_thread(
                    endpoint.collector.normalise, delivery, endpoint.info
                )
            return endpoint.collector.normalise(delivery, endpoint.info)
        except Exception as error:  # noqa: BLE001 - one broken collector must not stop the others
            _LOG.exception("the collector of source %s failed on delivery %d", row.source, row.id)
            return Normalised(dropped="collector-failed", detail=str(error))


def tested_event(source: str, test: str, now: int) -> Event:
    """Make the quiet line that a source's test leaves in the stream."""
    return make_event(
        kind=Kind.SOURCE,
        state="active",
        service=source,
        subject=f"source/{source}/test",
        number=test,
        key=fact_key(f"source/{source}", Kind.SOURCE, "test", test),
        time=now,
        source=source,
        title="test of this source",
        quiet=True,
    )
