"""The executor's room as the node sees it.

Requests come in; answers, and what can be deployed at all, go out.

Whatever must not be lost is in deploy.sqlite before it is done or said; publishing only catches up
with it, and is tried again until it succeeds. So a crash, a full disk or a history that refuses may
delay an answer, and can neither drop it nor repeat a deploy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from devstream_desktop.clock import within
from devstream_desktop.control.messages.deploys import DeployLog, GetDeployLog, Plan, PlanDeploy
from devstream_desktop.deploy import rules
from devstream_desktop.deploy.backends.contract import Backend
from devstream_desktop.deploy.backends.registry import BACKENDS
from devstream_desktop.deploy.commits import Commits
from devstream_desktop.deploy.database import LOGS, RunsError
from devstream_desktop.deploy.decisions import Decisions
from devstream_desktop.deploy.forges import Forges
from devstream_desktop.deploy.holders import Holders
from devstream_desktop.deploy.knowledge import Knowledge, Nothing, Rights
from devstream_desktop.deploy.lock_table import LockTable
from devstream_desktop.deploy.offers import Offers
from devstream_desktop.deploy.orders import Orders
from devstream_desktop.deploy.outbox import Outbox, Publish
from devstream_desktop.deploy.output import Outputs
from devstream_desktop.deploy.plan import Plans
from devstream_desktop.deploy.queue import Queue, Waiting
from devstream_desktop.deploy.records import Records
from devstream_desktop.deploy.repository import look_up
from devstream_desktop.deploy.runner import SEARCH_EVERY_S, Runner
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.deploy.targets import Target, windows_of
from devstream_desktop.deploy.upkeep import Upkeep
from devstream_desktop.deploy.watches import RunStatus, silence
from devstream_desktop.deploy.world import Asker
from devstream_desktop.home import Home
from devstream_desktop.stream.event import Event, InvalidEventError, decode_event
from devstream_desktop.stream.words import Kind

WATCH_S = 3.0
"""Seconds between looks at targets.toml.

What could not be recorded or published is tried again as often.
"""


@dataclass(frozen=True)
class DeployStatus:
    """State of the executor.

    `mistake` (in targets.toml) and `trouble` are sentences, empty when all is well.
    """

    targets: tuple[Target, ...]
    running: tuple[RunStatus, ...]
    mistake: str
    trouble: str
    notices: tuple[str, ...] = ()
    """Notices for a person: targets that are blocked, runs that went silent."""


class Deploys:
    """The executor of one node."""

    def __init__(
        self,
        *,
        home: Home,
        device: str,
        publish: Publish,
        rights: Rights,
        now: Callable[[], int],
        answered: Callable[[str], Awaitable[bool]] | None = None,
        copied: Callable[[], bool] = lambda: False,
        backends: Mapping[str, Backend] = BACKENDS,
        secret: Callable[[str], str | None] = lambda _: None,
        knowledge: Knowledge | None = None,
        watch_s: float = WATCH_S,
        search_s: float = SEARCH_EVERY_S,
    ) -> None:
        """Take the collaborators, none of which is called before `start`.

        `device` is this node's id. `publish` returns when the events are stored; when it raises
        they are not, and it is tried again. `rights` asks the policy of the moment. `now` is the
        wall clock in UTC milliseconds.
        `answered(request)` asks the history for an answer that a lost deploy.sqlite would not
        remember. `copied()` tells whether another machine writes under this device's key.
        `secret(name)` returns a credential that a target names, None where it is not set; it is
        called in a thread. `search_s` are the seconds between two questions what became of a run.
        """
        self._device = device
        self._watch_s = watch_s
        self._rights = rights
        self._now = now
        self._runs = Runs(home.deploy)
        self._outbox = Outbox(self._runs, publish, device)
        self._offers = Offers(home.targets, device, self._runs, self._outbox, now)
        self._stopping = asyncio.Event()
        self._soon = asyncio.Event()
        """Set when what waits should be looked at."""
        orders = Orders(backends, home.root / LOGS, secret)
        self._forges = Forges(orders, now)
        self._runner = Runner(orders, self._runs, self._outbox, now, watch_s, search_s)
        self._holders = Holders(self._runs, orders)
        self._runner.freed = self._soon.set
        self._outputs = Outputs(
            self._runs,
            home.root / LOGS,
            rights,
            lambda: self._offers.targets,
            self._runner.silent_ms,
        )
        self.records = Records(
            self._runs,
            Queue(self._runs.database),
            LockTable(self._runs.database),
            knowledge or Nothing(),
        )
        commits = Commits(home.root)
        self._decisions = Decisions(
            device=device,
            rights=rights,
            now=now,
            answered=answered,
            copied=copied,
            records=self.records,
            offers=self._offers,
            outbox=self._outbox,
            runner=self._runner,
            holders=self._holders,
            forges=self._forges,
            commits=commits,
            stopping=self._stopping,
            approved=self._soon.set,
        )
        self._plans = Plans(
            device=device,
            now=now,
            rights=rights,
            records=self.records,
            offers=self._offers,
            decisions=self._decisions,
            commits=commits,
        )
        self._upkeep = Upkeep(
            device, rights, self.records, self._offers, self._outbox, now, self._turn
        )
        self._deciding: set[asyncio.Task[None]] = set()
        self._turning: set[str] = set()
        """Waiting requests that are judged again in this moment."""
        self._due_again: set[str] = set()
        """Some of them that became due meanwhile."""
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Report the runs that an earlier node left, and publish the targets.

        Raises:
            RunsError: deploy.sqlite cannot be used; nothing can be deployed.

        """
        await asyncio.to_thread(self._runs.open)
        await self._runner.recover()
        await self._outbox.answer()
        await self._offers.refresh()
        # What waited when the node ended goes on waiting, or has its turn now.
        self._soon.set()
        self._watcher = asyncio.create_task(self._watch(), name="deploy-watch")

    async def reload(self) -> None:
        """Read targets.toml now, and publish what changed. A mistake is in the status."""
        await self._offers.refresh()

    async def handle(
        self, event: Event, author_device: str, author_person: str, *, fresh: bool
    ) -> None:
        """Judge a request that arrived; returns when it is refused or has begun to run.

        A request twice is a request once.

        Its signature has been checked: `author_device` signed it, and `author_person` is whose
        device that is (empty: nobody's). `fresh` is whether it came as news rather than out of a
        backlog. Events that are no request to this device are passed over.
        """
        if (
            event.kind is not Kind.DEPLOY
            or event.state != "requested"
            or event.executor != self._device
        ):
            return
        # A task of its own, because it must outlive its caller.
        task = asyncio.create_task(
            self._decisions.decide(event, Asker(author_device, author_person), fresh=fresh)
        )
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)
        # What is claimed must be launched, even when whoever brought the request is cancelled.
        await asyncio.shield(task)

    async def stop(self, patience_s: float = 10) -> None:
        """Take no more requests, and give runs `patience_s` seconds to end.

        The rest is left running, and is `unknown` at the next start.
        """
        self._stopping.set()
        self._soon.set()
        if self._watcher is not None:
            await self._watcher
        if self._deciding:
            await asyncio.wait(set(self._deciding), timeout=patience_s)
        await self._runner.stop(patience_s)
        await asyncio.to_thread(self._runs.close)

    async def cancel(self, request: str, person: str) -> str:
        """End a run for `person`; returns why that cannot be, empty when it was asked to end."""
        return await self._runner.cancel(request, person)

    async def tell(self, request: str, headers: Mapping[str, str], body: bytes) -> None:
        """Give a run the word of the service that carries it out.

        Raises:
            CallbackError: it is not taken, or cannot be recorded now.

        """
        await self._runner.tell(request, headers, body)

    async def plan(self, asked: PlanDeploy, device: str) -> Plan:
        """Return what a deploy would ship, as `device` would ask for it.

        Raises:
            PlanError: there is no such target or commit.
            RunsError: deploy.sqlite cannot be used.

        """
        return await self._plans.make(asked, Asker(device, self._rights.person_of(device)))

    async def check(self, target: Target) -> list[str]:
        """Return what would keep a deploy of `target` from starting, as sentences."""
        return [
            *await self._runner.orders.check(target),
            *await self._forges.check(target),
        ]

    async def problems(self, target: Target) -> list[str]:
        """Return everything that would hold up a deploy of `target` now."""
        found = await self.check(target)
        place = (target.name, target.environment)
        now = self._now()
        if busy := await asyncio.to_thread(self._holders.busy, *place):
            found.append(busy)
        if closed := windows_of(target).closed(now):
            found.append(closed)
        locks = await asyncio.to_thread(self.records.locks.all)
        found += [one.sentence(now) for one in locks if one.covers(*place) and one.holds(now)]
        if target.repository:
            tips = await look_up(target.repository, rules.full_names(target.ref))
            if tips.trouble or not tips.commits:
                found.append(tips.trouble or f"there is no {target.ref} in its repository")
        return found

    async def log(self, asked: GetDeployLog, device: str) -> DeployLog:
        """Return a part of a run's output, if `device`'s person may.

        Raises:
            OutputError: there is none, or it is not for this person.
            RunsError: deploy.sqlite cannot be used.

        """
        return await asyncio.to_thread(self._outputs.part, asked, device)

    def status(self) -> DeployStatus:
        """Return the executor's part of `devstream status`."""
        targets = tuple(target for _, target in sorted(self._offers.targets.items()))
        running = self._runner.under_way()
        return DeployStatus(
            targets,
            running,
            self._offers.mistake,
            self._trouble,
            (*self._holders.blocked, *filter(None, map(silence, running))),
        )

    @property
    def _trouble(self) -> str:
        lost = self._outbox.unreadable
        rows = (
            f"{lost} rows of deploy.sqlite cannot be read, and their deploys are not published; "
            "look into node.log"
            if lost
            else ""
        )
        return self._outbox.trouble or rows

    def _turn(self, waiting: Waiting) -> None:
        """Judge again what waited, once at a time."""
        request = waiting.run.request
        if self._stopping.is_set():
            return
        if request in self._turning:
            # Its judgement may be of the time before.
            self._due_again.add(request)
            return
        try:
            event = decode_event(waiting.event)
        except InvalidEventError as error:
            self._outbox.in_trouble(f"the waiting deploy {request[:8]} cannot be read: {error}")
            return
        self._turning.add(request)
        task = asyncio.create_task(self._judge_again(event, waiting))
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)

    async def _judge_again(self, event: Event, waiting: Waiting) -> None:
        author = Asker(waiting.device, self._rights.person_of(waiting.device))
        request, state = waiting.run.request, waiting.run.state
        try:
            await self._decisions.decide(event, author, fresh=True, waiting=waiting)
            run = await asyncio.to_thread(self._runs.of, request)
            state = run.state if run is not None else ""
        except RunsError as error:
            self._outbox.in_trouble(str(error))
        finally:
            self._turning.discard(request)
            # Where nothing changed there is time until the next look, which costs git and a forge.
            if state != waiting.run.state or request in self._due_again:
                self._soon.set()
            self._due_again.discard(request)

    async def _watch(self) -> None:
        while not self._stopping.is_set():
            await within(self._soon, self._watch_s)
            self._soon.clear()
            if not self._stopping.is_set():
                await self._upkeep.look()
                try:
                    await asyncio.to_thread(self._holders.look)
                    await self._runner.forget()
                except RunsError as error:
                    self._outbox.in_trouble(str(error))
