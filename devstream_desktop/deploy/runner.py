"""Carries a claimed deploy through.

Starts it, writes down what becomes of it, and picks up what an earlier node left behind.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devstream_desktop.clock import within
from devstream_desktop.deploy import runlog
from devstream_desktop.deploy.backend import Backend, Order
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.outbox import Outbox
from devstream_desktop.deploy.request import DeployRequest
from devstream_desktop.deploy.runs import KEEP_REFUSED_MS, Runs
from devstream_desktop.deploy.targets import Target

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunStatus:
    """One run that is under way; `started` in UTC milliseconds."""

    request: str
    target: str
    environment: str
    ref: str
    sha: str
    person: str
    started: int


class Runner:
    """The runs of one node. `logs` is the folder of their output, one file a request."""

    def __init__(
        self,
        backend: Backend,
        runs: Runs,
        outbox: Outbox,
        now: Callable[[], int],
        logs: Path,
        retry_s: float,
    ) -> None:
        self.running: dict[str, RunStatus] = {}
        self._backend = backend
        self._runs = runs
        self._outbox = outbox
        self._now = now
        self._logs = logs
        self._retry_s = retry_s
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def recover(self) -> None:
        """At start, in a thread.

        What an earlier node did not see end becomes `unknown`, and is never run again.

        Raises:
            RunsError: deploy.sqlite cannot be used.

        """
        for run in self._runs.unfinished():
            # Its processes outlive the node that started them.
            alive = self._backend.is_running(self._log_of(run.request))
            now = "it still runs" if alive else "its output is in deploy-logs on the executor"
            self._runs.abandon(
                run.request,
                self._now(),
                f"the executor's node ended during this deploy, so its result is not known; {now}",
            )
            if not alive:
                self._runs.released(run.request)
        self._runs.forget_refused(self._now() - KEEP_REFUSED_MS)
        runlog.prune(self._logs, (self._now() - KEEP_REFUSED_MS) / 1000)

    def busy(self, target: str, environment: str) -> str:
        """Return why this target and environment take no run; empty when they do.

        Called in a thread.

        Raises:
            RunsError: deploy.sqlite cannot be used.

        """
        run = self._runs.holder(target, environment)
        if run is None:
            return ""
        # It is under way in this node.
        if run.state != "unknown":
            return (
                f"{target} is already being deployed to {environment}, for {run.person}; wait for "
                "it to end and ask again"
            )
        # A run that was lost from sight may still change the target.
        if self._backend.is_running(self._log_of(run.request)):
            return (
                f"deploy {run.request[:8]} of {target} to {environment}, lost from sight, still "
                "runs; the executor's operator can end it"
            )
        self._runs.released(run.request)
        return ""

    async def launch(self, request: DeployRequest, target: Target, person: str) -> None:
        """Run what was claimed; returns when it has begun, or could not."""
        order = Order(request, target, person, self._log_of(request.id))
        begun = asyncio.Event()
        task = asyncio.create_task(self._carry_out(order, begun), name=f"deploy-{request.id[:8]}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Also when it could not begin, else the caller would wait for good.
        task.add_done_callback(lambda _: begun.set())
        await begun.wait()

    async def stop(self, patience_s: float) -> None:
        """Wait `patience_s` seconds for runs to end. The rest runs on without being watched."""
        # Ends the retries of `_record` too.
        self._stopping.set()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=patience_s)
        for run in self.running.values():
            _log.warning(
                "deploy %s of %s to %s is left running; nobody will see how it ends",
                run.request[:8],
                run.target,
                run.environment,
            )
        left = list(self._tasks)
        for task in left:
            # This ends the watching; the deploy goes on.
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _carry_out(self, order: Order, begun: asyncio.Event) -> None:
        request = order.request
        started = self._now()
        self.running[request.id] = RunStatus(
            request.id,
            request.target,
            request.environment,
            request.ref,
            request.sha,
            order.person,
            started,
        )

        async def on_begun() -> None:
            await self._record(lambda: self._runs.started(request.id, started), again=False)
            await self._outbox.answer()
            begun.set()

        try:
            outcome = await self._backend.run(order, on_begun)
        except Exception as error:  # noqa: BLE001 (a fault of an executor ends its deploy's story, not the node)
            _log.exception("deploy %s was lost from sight", request.id[:8])
            reason = f"the executor lost sight of it, so its result is not known: {error}"
            await self._record(lambda: self._runs.abandon(request.id, self._now(), reason))
        else:
            await self._record(
                lambda: self._runs.finished(
                    request.id, outcome.state, self._now(), outcome.exit_code, outcome.reason
                )
            )
        finally:
            del self.running[request.id]
        await self._outbox.answer()

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

    def _log_of(self, request: str) -> Path:
        return self._logs / f"{request}.log"
