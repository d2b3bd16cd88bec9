"""The executor's room as the node sees it.

Requests come in; answers, and what can be deployed at all, go out.

Whatever must not be lost is in deploy.sqlite before it is done or said; publishing only catches up
with it, and is tried again until it succeeds. So a crash, a full disk or a history that refuses may
delay an answer, and can neither drop it nor repeat a deploy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from devstream_desktop.clock import within
from devstream_desktop.deploy.backends.contract import Backend
from devstream_desktop.deploy.backends.registry import BACKENDS
from devstream_desktop.deploy.database import LOGS, RunsError
from devstream_desktop.deploy.judge import Accept, Asker, Refuse, Resolve, Verdict, World, judge
from devstream_desktop.deploy.offers import Offers
from devstream_desktop.deploy.outbox import Outbox, Publish
from devstream_desktop.deploy.repository import look_up
from devstream_desktop.deploy.request import as_given, make_answer
from devstream_desktop.deploy.runner import Runner, RunStatus
from devstream_desktop.deploy.runs import Claim, Runs
from devstream_desktop.deploy.targets import Target
from devstream_desktop.home import Home
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind, Role

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


class Deploys:
    """The executor of one node."""

    def __init__(
        self,
        *,
        home: Home,
        device: str,
        publish: Publish,
        may_deploy: Callable[[str, str, str], bool],
        who_may: Callable[[Role], Sequence[str]],
        now: Callable[[], int],
        answered: Callable[[str], Awaitable[bool]] | None = None,
        copied: Callable[[], bool] = lambda: False,
        backends: Mapping[str, Backend] = BACKENDS,
        secret: Callable[[str], str | None] = lambda _: None,
        watch_s: float = WATCH_S,
    ) -> None:
        """Take the collaborators, none of which is called before `start`.

        `device` is this node's id. `publish` returns when the events are stored; when it raises
        they are not, and it is tried again. `may_deploy(person, target, environment)` and
        `who_may(role)` ask the policy of the moment. `now` is the wall clock in UTC milliseconds.
        `answered(request)` asks the history for an answer that a lost deploy.sqlite would not
        remember. `copied()` tells whether another machine writes under this device's key.
        `secret(name)` returns a credential that a target names, None where it is not set; it is
        called in a thread.
        """
        self._device = device
        self._may_deploy = may_deploy
        self._who_may = who_may
        self._now = now
        self._answered = answered
        self._copied = copied
        self._watch_s = watch_s
        self._runs = Runs(home.deploy)
        self._outbox = Outbox(self._runs, publish, device)
        self._offers = Offers(home.targets, device, self._runs, self._outbox, now)
        self._runner = Runner(
            backends, self._runs, self._outbox, now, home.root / LOGS, watch_s, secret
        )
        self._deciding: set[asyncio.Task[None]] = set()
        self._unrecorded: set[str] = set()
        self._stopping = asyncio.Event()
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
        self._watcher = asyncio.create_task(self._watch(), name="deploy-watch")

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
            self._decide(event, Asker(author_device, author_person), fresh=fresh)
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
        if self._watcher is not None:
            await self._watcher
        if self._deciding:
            await asyncio.wait(set(self._deciding), timeout=patience_s)
        await self._runner.stop(patience_s)
        await asyncio.to_thread(self._runs.close)

    async def cancel(self, request: str, person: str) -> str:
        """End a run for `person`; returns why that cannot be, empty when it was asked to end."""
        return await self._runner.cancel(request, person)

    async def check(self, target: Target) -> list[str]:
        """Return what would keep a deploy of `target` from starting, as sentences."""
        return await self._runner.check(target)

    def status(self) -> DeployStatus:
        """Return the executor's part of `devstream status`."""
        targets = tuple(target for _, target in sorted(self._offers.targets.items()))
        return DeployStatus(targets, self._runner.under_way(), self._offers.mistake, self._trouble)

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

    async def _decide(self, event: Event, author: Asker, *, fresh: bool) -> None:
        try:
            verdict = await self._judge(event, author, fresh=fresh)
        except RunsError as error:
            # Whether this request ran before cannot be read, so there is nothing true to answer.
            self._outbox.in_trouble(str(error))
            return
        reason = verdict.reason if isinstance(verdict, Refuse) else ""
        try:
            if isinstance(verdict, Accept):
                claim = await asyncio.to_thread(
                    self._runs.claim, verdict.request, author.person, self._now()
                )
                # Only the claim on disk allows a start; the verdict alone does not.
                if claim is Claim.TAKEN:
                    await self._runner.launch(verdict.request, verdict.target, author.person)
                elif claim is Claim.BUSY:
                    reason = (
                        "another deploy began in the same moment, so nothing ran; wait for it to "
                        "end and ask again"
                    )
            if reason:
                await asyncio.to_thread(
                    self._runs.refuse,
                    as_given(event),
                    author.person or event.actor,
                    reason,
                    self._now(),
                )
                await self._outbox.answer()
        except RunsError as error:
            await self._refuse_unrecorded(event, reason or f"nothing ran: {error}", str(error))

    async def _judge(self, event: Event, author: Asker, *, fresh: bool) -> Verdict:
        await self._offers.refresh()
        verdict = judge(event, author, await self._world(event, fresh=fresh))
        # Judged again from the start: the world may have changed while git was asked.
        if isinstance(verdict, Resolve):
            tips = await look_up(verdict.repository, verdict.refs)
            verdict = judge(
                event, author, replace(await self._world(event, fresh=fresh), tips=tips)
            )
        return verdict

    async def _world(self, event: Event, *, fresh: bool) -> World:
        # Three memories: this node, its record, and the history.
        judged = event.key in self._unrecorded or await asyncio.to_thread(
            self._runs.judged, event.key
        )
        if not judged and self._answered is not None:
            judged = await self._answered(event.key)
        busy = await asyncio.to_thread(self._runner.busy, event.service, event.environment)
        target = self._offers.targets.get((event.service, event.environment))
        # Without its credentials a run could only fail, and half-way.
        if not busy and target is not None:
            busy = await asyncio.to_thread(self._runner.lacks, target)
        # A claim now could not be watched to its end.
        if self._stopping.is_set():
            busy = "the executor is stopping; ask again when it is back"
        return World(
            device=self._device,
            now=self._now(),
            targets=self._offers.targets,
            mistake=self._offers.mistake,
            judged=judged,
            fresh=fresh,
            may_deploy=self._may_deploy,
            who_may=self._who_may,
            copied=self._copied(),
            busy=busy,
        )

    async def _refuse_unrecorded(self, event: Event, reason: str, trouble: str) -> None:
        """Nothing that cannot be recorded may run.

        That it did not is said without a record, and holds while this node lives.
        """
        self._outbox.in_trouble(trouble)
        # It holds while this node lives; later the request has expired.
        self._unrecorded.add(event.key)
        given = as_given(event)
        refused = make_answer(
            request=given.id,
            target=given.target,
            environment=given.environment,
            state="refused",
            executor=self._device,
            person=given.person,
            ref=given.ref,
            sha=given.sha,
            title=given.title,
            time=self._now(),
            reason=reason,
        )
        await self._outbox.say([refused])

    async def _watch(self) -> None:
        while not await within(self._stopping, self._watch_s):
            await self._outbox.answer()
            await self._offers.refresh()
