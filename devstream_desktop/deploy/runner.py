"""Carries a claimed deploy through: start, watch, cancel, and find again after a crash.

Each step is on disk before it is taken, so that the next node knows what this one may have done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from devstream_desktop.clock import within
from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backends.contract import (
    Backend,
    BackendError,
    Found,
    NotStarted,
    Order,
    RunOutcome,
    Started,
    Unsure,
)
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.errors import CallbackError
from devstream_desktop.deploy.masking import told
from devstream_desktop.deploy.orders import Orders
from devstream_desktop.deploy.outbox import Outbox
from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.run import Run
from devstream_desktop.deploy.runs import KEEP_REFUSED_MS, Runs
from devstream_desktop.deploy.starts import Start
from devstream_desktop.deploy.targets import Target
from devstream_desktop.deploy.watches import RunStatus, Watch, status_of
from devstream_desktop.stream.text import clean

SEARCH_EVERY_S = 5.0
"""Seconds between two questions what became of a run."""

FORGET_MS = 3_600_000
"""Milliseconds between two looks at what is old."""
RECORD_S = 5.0
"""Seconds until an end that a service tells must be on disk."""

_log = logging.getLogger(__name__)


class Runner:
    """The runs of one node.

    Args:
        orders: Puts orders together.
        runs: The durable record.
        outbox: Publishes it.
        now: The wall clock, UTC milliseconds.
        retry_s: Seconds between tries to write what the disk refused.
        search_s: Seconds between two questions what became of a run.

    """

    def __init__(
        self,
        orders: Orders,
        runs: Runs,
        outbox: Outbox,
        now: Callable[[], int],
        retry_s: float,
        search_s: float = SEARCH_EVERY_S,
    ) -> None:
        self.orders = orders
        self._runs = runs
        self._outbox = outbox
        self._now = now
        self._retry_s = retry_s
        self.freed: Callable[[], None] = lambda: None
        """Called when a run has ended, and the next may begin."""
        self._search_s = search_s
        self._forgot = 0
        """Time of the last look at what is old, UTC milliseconds."""
        self._watches: dict[str, Watch] = {}
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def under_way(self) -> tuple[RunStatus, ...]:
        """Return the runs of this moment."""
        now = time.monotonic()
        return tuple(status_of(watch, now) for watch in self._watches.values())

    def silent_ms(self, request: str) -> int:
        """Return the time since a run's last sign of life; 0 for one that is not under way.

        May be called in any thread.
        """
        watch = self._watches.get(request)
        return 0 if watch is None else max(0, int((time.monotonic() - watch.heard) * 1000))

    async def recover(self) -> None:
        """Go on with what an earlier node did not see end; nothing is ever started again.

        Raises:
            RunsError: deploy.sqlite cannot be used.

        """
        for run, trail in await asyncio.to_thread(self._left):
            if trail is None:
                await asyncio.to_thread(self._close, run)
                continue
            order = await asyncio.to_thread(self.orders.again, run, trail.target)
            self._begin(order, run.started, trail)

    async def forget(self) -> None:
        """Drop old refusals and output, once an hour.

        Raises:
            RunsError: deploy.sqlite cannot be used.

        """
        if not 0 <= self._now() - self._forgot < FORGET_MS:
            await asyncio.to_thread(self._forget)

    def _left(self) -> list[tuple[Run, Start | None]]:
        return [(run, self._runs.starts.of(run.request)) for run in self._forget()]

    def _forget(self) -> list[Run]:
        """Drop what is old; returns the runs whose end nobody saw."""
        now = self._now()
        self._runs.forget_refused(now - KEEP_REFUSED_MS)
        left = self._runs.unfinished()
        names = {run.request for run in left}
        runlog.prune(self.orders.logs, (now - KEEP_REFUSED_MS) / 1000, names)
        self._forgot = now
        return left

    def _close(self, run: Run) -> None:
        """End a run without a trail: claimed and never started, or of an older devstream."""
        if not self.orders.log_of(run.request).exists():
            reason = "the executor's node ended before it was started; nothing ran: ask again"
            self._runs.finished(run.request, "error", self._now(), None, reason)
            return
        reason = (
            "the order of this deploy cannot be read (an older devstream wrote it, or it is "
            "damaged), so its result is not known; its output is in deploy-logs on the executor"
        )
        self._runs.abandon(run.request, self._now(), reason)

    async def launch(self, request: DeployRequest, target: Target, person: str) -> None:
        """Run what was claimed; returns when it has begun, or could not."""
        order = await asyncio.to_thread(self.orders.order, request, target, person)
        await self._begin(order, self._now(), None).wait()

    async def cancel(self, request: str, person: str) -> str:
        """Have a run ended for `person`; returns why that cannot be, empty when it is asked."""
        watch = self._watches.get(request)
        if watch is None:
            return "it does not run (any more), so there is nothing to cancel"
        # One after the other: a refusal must not take back what another one reached.
        async with watch.ends:
            try:
                await asyncio.to_thread(self._runs.starts.cancelled, request, person)
            except RunsError as error:
                return str(error)
            watch.cancelled_by = watch.cancelled_by or person
            return await self._end(watch)

    async def tell(self, request: str, headers: Mapping[str, str], body: bytes) -> None:
        """Give a run its service's word; returns once an end is on disk.

        Raises:
            CallbackError: it is not taken, or cannot be recorded now.

        """
        watch = self._watches.get(request)
        listener = None if watch is None else self.orders.listener_of(watch.order)
        if watch is None or listener is None:
            raise CallbackError(CallbackError.UNKNOWN, "no such run is under way")
        if not listener.receive(watch.order, headers, body):
            return
        # What is acknowledged must survive a crash.
        if not await within(watch.over, RECORD_S):
            raise CallbackError(CallbackError.LATER, "cannot be recorded now, try again later")

    async def stop(self, patience_s: float) -> None:
        """Wait `patience_s` seconds for runs to end. The rest runs on, and is found again."""
        # Ends the retries of `_record` too.
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=patience_s)
        for watch in self._watches.values():
            _log.warning(
                "deploy %s of %s to %s is left running; the next start goes on watching it",
                watch.order.request.id[:8],
                watch.order.request.target,
                watch.order.request.environment,
            )
        left = list(self._tasks)
        for task in left:
            # This ends the watching; the deploy goes on.
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _begin(self, order: Order, started: int, trail: Start | None) -> asyncio.Event:
        """Carry an order out beside everything else; the event is set once it has begun."""
        begun = asyncio.Event()
        watch = Watch(order, started, time.monotonic())
        if trail is not None:
            watch.handle, watch.url = trail.handle, trail.url
            watch.cancelled_by = trail.cancelled_by
            watch.is_ending = bool(trail.handle and trail.cancelled_by)
        self._watches[order.request.id] = watch
        task = asyncio.create_task(
            self._carry_out(watch, begun, new=trail is None), name=f"deploy-{order.request.id[:8]}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Also when it could not begin, else the caller would wait for good.
        task.add_done_callback(lambda _: begun.set())
        return begun

    async def _carry_out(self, watch: Watch, begun: asyncio.Event, *, new: bool) -> None:
        order = watch.order
        request = order.request.id
        try:
            outcome = await self._run(watch, begun, new=new)
        except Exception as error:  # noqa: BLE001 (a fault of a back end ends its deploy's story, not the node)
            _log.exception("deploy %s was lost from sight", request[:8])
            reason = f"the executor lost sight of it, so its result is not known: {error}"
            outcome = RunOutcome("unknown", reason=clean(reason, 200))
        finally:
            del self._watches[request]
        if outcome is None:
            return
        # Everybody reads it, and a service may say anything.
        outcome = replace(outcome, reason=told(outcome.reason))
        # Whether a cancel that is under way is taken decides what the end is called.
        async with watch.ends:
            outcome = _as_wanted(outcome, watch.cancelled_by)
        if outcome.state == "unknown":
            await self._record(lambda: self._runs.abandon(request, self._now(), outcome.reason))
        else:
            await self._record(
                lambda: self._runs.finished(
                    request, outcome.state, self._now(), outcome.exit_code, outcome.reason
                )
            )
        watch.over.set()
        await self._outbox.answer()
        self.freed()

    async def _run(self, watch: Watch, begun: asyncio.Event, *, new: bool) -> RunOutcome | None:
        """Start and watch; None when the node stops before it is known what became of it."""
        order, request = watch.order, watch.order.request.id
        backend = self.orders.backend_of(order)
        found: Found | None
        if new:
            try:
                await asyncio.to_thread(self._runs.starts.prepare, request, order.target)
            except RunsError as error:
                self._outbox.in_trouble(str(error))
                return RunOutcome("error", reason=f"nothing ran: {error}")
            try:
                found = await backend.start(order)
            # Raised before anything is sent: a credential or a table that cannot be used.
            except BackendError as error:
                found = NotStarted(str(error))
            if isinstance(found, Unsure) and found.patience_s:
                found = await self._search(backend, order)
        elif watch.handle:
            found = Started(watch.handle, watch.url)
        else:
            found = await self._search(backend, order)
        if found is None:
            return None
        if isinstance(found, NotStarted):
            return RunOutcome("error", reason=found.reason)
        if isinstance(found, Unsure):
            return RunOutcome("unknown", reason=found.reason)
        watch.handle, watch.url = found.handle, found.url
        await self._record(lambda: self._note_start(watch), again=False)
        await self._outbox.answer()
        begun.set()
        async with watch.ends:
            if watch.cancelled_by:
                await self._end(watch)

        def hear(said: str) -> None:
            watch.heard = time.monotonic()
            watch.last = told(said) or watch.last

        return await backend.watch(order, watch.handle, hear)

    def _note_start(self, watch: Watch) -> None:
        request = watch.order.request.id
        self._runs.starts.started(request, watch.handle, watch.url)
        self._runs.started(request, watch.started)

    async def _search(self, backend: Backend, order: Order) -> Found | None:
        """Ask until the back end knows, or it is not worth it; None when the node stops first."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            try:
                found = await backend.find(order)
            except BackendError as error:
                found = Unsure(str(error))
            if not isinstance(found, Unsure) or loop.time() - began >= found.patience_s:
                return found
            if await within(self._stopping, self._search_s):
                return None

    async def _end(self, watch: Watch) -> str:
        """Ask the back end to end a run; returns why it cannot, empty when it is asked.

        After a refusal nobody cancelled the run: it ends by itself, and a failure is one.
        """
        # Not started yet: it is ended once it is.
        if not watch.handle:
            return ""
        try:
            await self.orders.backend_of(watch.order).cancel(watch.order, watch.handle)
        except BackendError as error:
            if not watch.is_ending:
                watch.cancelled_by = ""
                request = watch.order.request.id
                await self._record(lambda: self._runs.starts.not_cancelled(request), again=False)
            return told(str(error))
        watch.is_ending = True
        return ""

    async def _record(self, write: Callable[[], None], *, again: bool = True) -> None:
        """Write what happened, over and over while the disk refuses.

        A deploy that ended is not `unknown` for a full disk.
        """
        while True:
            try:
                await asyncio.to_thread(write)
            except RunsError as error:
                self._outbox.in_trouble(str(error))
            else:
                return
            if not again or await within(self._stopping, self._retry_s):
                return


def _as_wanted(outcome: RunOutcome, cancelled_by: str) -> RunOutcome:
    """Call an end that somebody wanted by its name; a success stays one."""
    if not cancelled_by or outcome.state in ("success", "unknown"):
        return outcome
    reason = f"cancelled by {cancelled_by}"
    said = f"{reason}: {outcome.reason}" if outcome.reason else reason
    return replace(outcome, state="cancelled", reason=clean(said, 200))
