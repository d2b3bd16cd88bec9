"""Judges requests, and writes each decision down before it takes effect.

Whatever must not be lost is on disk before it is done or said. A new request and one that waited
take the same way; only the claim on disk allows a start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from devstream_desktop.deploy.answer import make_answer
from devstream_desktop.deploy.checks import Reported
from devstream_desktop.deploy.commands import PENDING, held
from devstream_desktop.deploy.commits import Commits
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.forges import Forges
from devstream_desktop.deploy.holders import Holders
from devstream_desktop.deploy.judge import judge
from devstream_desktop.deploy.knowledge import Rights
from devstream_desktop.deploy.locks import Lock
from devstream_desktop.deploy.offers import Offers
from devstream_desktop.deploy.outbox import Outbox
from devstream_desktop.deploy.parameters import complete
from devstream_desktop.deploy.queue import Waiting
from devstream_desktop.deploy.records import Records
from devstream_desktop.deploy.repository import TIMEOUT_S, look_up
from devstream_desktop.deploy.request import Action, DeployRequest, as_given
from devstream_desktop.deploy.runner import Runner
from devstream_desktop.deploy.runs import Claim, row_of
from devstream_desktop.deploy.targets import Targets
from devstream_desktop.deploy.world import (
    Accept,
    Apply,
    Asker,
    Ignore,
    Refuse,
    Resolve,
    Tips,
    Verdict,
    Wait,
    World,
)
from devstream_desktop.stream.event import Event, encode_event

_TRIES = 3
"""Judgements of a request while others are faster."""
_RACED = (
    "others began to deploy there in the same moment, so nothing ran; wait for them to end and ask "
    "again"
)
_CHANGED = (
    "the target was changed each time that others were asked about it, so nothing ran; ask again"
)


class Decisions:
    """The verdicts of one executor and what becomes of them."""

    def __init__(
        self,
        *,
        device: str,
        rights: Rights,
        now: Callable[[], int],
        answered: Callable[[str], Awaitable[bool]] | None,
        copied: Callable[[], bool],
        records: Records,
        offers: Offers,
        outbox: Outbox,
        runner: Runner,
        holders: Holders,
        forges: Forges,
        commits: Commits,
        stopping: asyncio.Event,
        approved: Callable[[], None],
    ) -> None:
        """Take the collaborators; `approved` is called when what waits should be looked at."""
        self._device = device
        self._rights = rights
        self._now = now
        self._answered = answered
        self._copied = copied
        self._records = records
        self._offers = offers
        self._outbox = outbox
        self._runner = runner
        self._holders = holders
        self._forges = forges
        self._commits = commits
        self._stopping = stopping
        self._approved = approved
        self._unrecorded: set[str] = set()

    async def decide(
        self, event: Event, author: Asker, *, fresh: bool, waiting: Waiting | None = None
    ) -> None:
        """Judge a new or waiting request, and carry the verdict out."""
        reason = ""
        try:
            reason = await self._decided(event, author, fresh=fresh, waiting=waiting)
            if reason:
                await self._refuse(event, author, reason, waiting)
        except RunsError as error:
            # What waits is on disk, and is looked at again.
            if waiting is not None:
                self._outbox.in_trouble(str(error))
                return
            await self._refuse_unrecorded(event, reason or f"nothing ran: {error}", str(error))

    async def world(
        self, event: Event, author: Asker, *, fresh: bool, waiting: Waiting | None = None
    ) -> World:
        """Return everything that a verdict depends on.

        Raises:
            RunsError: deploy.sqlite cannot be used.

        """
        judged = waiting is None and await self._is_judged(event.key)
        world = World(
            device=self._device,
            now=self._now(),
            targets=self._offers.targets,
            mistake=self._offers.mistake,
            judged=judged,
            fresh=fresh,
            may=self._rights.may,
            who_may=self._rights.who_may,
            policy=self._rights.version(),
            copied=self._copied(),
        )
        world = await asyncio.to_thread(self._records.fill, world, event, author.person, waiting)
        return replace(world, busy=await self._busy(event, world.targets))

    async def _decided(
        self, event: Event, author: Asker, *, fresh: bool, waiting: Waiting | None
    ) -> str:
        """Carry a verdict out; returns the reason of a refusal, empty when there is none."""
        for _ in range(_TRIES):
            try:
                world, verdict = await self._judge(event, author, fresh=fresh, waiting=waiting)
            except RunsError as error:
                # Whether this request ran before cannot be read: there is nothing true to answer.
                self._outbox.in_trouble(str(error))
                return ""
            match verdict:
                case Accept():
                    claim = await self._claim(verdict, author, waiting)
                    if claim is Claim.BUSY:
                        continue
                    if claim is Claim.TAKEN:
                        await self._launch(verdict, author)
                case Wait():
                    await self._keep(verdict, event, author, world, waiting)
                case Apply():
                    return await self._apply(verdict.request, author, world)
                case Refuse():
                    return verdict.reason
                case Resolve() if waiting is None:
                    return _CHANGED
                case Ignore() | Resolve():
                    pass
            return ""
        return _RACED

    async def _judge(
        self, event: Event, author: Asker, *, fresh: bool, waiting: Waiting | None
    ) -> tuple[World, Verdict]:
        await self._offers.refresh()
        world = await self.world(event, author, fresh=fresh, waiting=waiting)
        verdict = judge(event, author, world)
        # Judged again from the start: the world may have changed while others were asked.
        for _ in range(_TRIES):
            if not isinstance(verdict, Resolve):
                break
            looked = await self.looked_up(verdict, event.revision, world)
            again = await self.world(event, author, fresh=fresh, waiting=waiting)
            # An answer is about the target that was asked for, as it was then.
            place = (event.service, event.environment)
            if again.targets.get(place) == world.targets.get(place):
                again = replace(again, tips=looked.tips, reported=looked.reported)
            world = again
            verdict = judge(event, author, world)
        return world, verdict

    async def looked_up(
        self, look: Resolve, sha: str, world: World, timeout_s: float = TIMEOUT_S
    ) -> World:
        """Return `world` with the answers from outside that the judge asks for."""

        async def tips() -> Tips | None:
            if not look.repository:
                return world.tips
            found = await look_up(look.repository, look.refs, timeout_s)
            if look.within is None or found.trouble:
                return found
            allowed = {at for ref, at in found.commits.items() if look.within.allows(ref)}
            has = await self._commits.are_after(look.repository, sha, allowed)
            if has is None:
                return replace(found, trouble="the repository does not have it, or cannot be read")
            return replace(found, has_commit=has)

        async def reported() -> Reported | None:
            if look.checks is None:
                return world.reported
            return await self._forges.reported(look.checks, sha, timeout_s)

        found, told = await asyncio.gather(tips(), reported())
        return replace(world, tips=found, reported=told)

    async def _is_judged(self, request: str) -> bool:
        # Three memories: this node, its record, and the history.
        if request in self._unrecorded:
            return True
        if await asyncio.to_thread(self._records.runs.judged, request):
            return True
        return self._answered is not None and await self._answered(request)

    async def _busy(self, event: Event, targets: Targets) -> str:
        # A claim now could not be watched to its end.
        if self._stopping.is_set():
            return "the executor is stopping; ask again when it is back"
        place = (event.service, event.environment)
        # A run of this node is waited for, also one that began since; a lost one is not.
        busy = await asyncio.to_thread(self._holders.lost, *place)
        target = targets.get(place)
        # Without its credentials a run could only fail, and half-way.
        if not busy and target is not None:
            busy = await asyncio.to_thread(self._runner.orders.lacks, target)
        return busy

    async def _claim(self, verdict: Accept, author: Asker, waiting: Waiting | None) -> Claim:
        request, now = verdict.request, self._now()
        if waiting is not None:
            return await asyncio.to_thread(self._records.queue.begin, request.id, now)
        locks = request.action is Action.ROLLBACK and verdict.target.rollback_locks
        return await asyncio.to_thread(
            lambda: self._records.runs.claim(
                request, author.person, now, self._rights.version(), locks=locks
            )
        )

    async def _launch(self, verdict: Accept, author: Asker) -> None:
        target = verdict.target
        # With the defaults of what was not chosen.
        values = complete(verdict.request.parameters, target.parameters)
        await self._runner.launch(
            replace(verdict.request, parameters=values), target, author.person
        )

    async def _keep(
        self, wait: Wait, event: Event, author: Asker, world: World, waiting: Waiting | None
    ) -> None:
        """Keep a request until its turn, or until it is approved."""
        queue = self._records.queue
        if waiting is None:
            ahead = [*([world.running] if world.running else []), *world.ahead]
            await asyncio.to_thread(
                lambda: queue.take(
                    wait,
                    author.person,
                    author.device,
                    encode_event(event),
                    world.now,
                    policy=world.policy,
                    current=world.current,
                    ahead=tuple(one.sha for one in ahead),
                )
            )
        elif (wait.state, wait.reason) != (waiting.run.state, waiting.run.reason):
            await asyncio.to_thread(queue.move, wait, world.now)
        await self._outbox.answer()

    async def _apply(self, request: DeployRequest, author: Asker, world: World) -> str:
        """Let a command take effect; returns why it cannot, empty when it did."""
        records, now, policy = self._records, world.now, world.policy
        person = author.person
        done = replace(
            row_of(request, person, "accepted", now, policy), finished=now, reason=request.reason
        )
        about = world.subject
        match request.action:
            case Action.LOCK:
                until = now + request.lasts if request.lasts else 0
                lock = Lock(
                    request.id,
                    request.target,
                    request.environment,
                    person,
                    request.reason,
                    now,
                    until,
                )
                row = replace(done, state="locked", finished=0, until=until)
                await asyncio.to_thread(records.locks.put, row, lock)
            case Action.UNLOCK if (lock_there := held(request, world)) is not None:
                why = f"by {person}" + (f": {request.reason}" if request.reason else "")
                await asyncio.to_thread(records.locks.drop, done, lock_there, why)
            case Action.APPROVE:
                await asyncio.to_thread(records.queue.approve, request, person, now, policy)
                self._approved()
            case Action.CANCEL if about is not None and about.state not in PENDING:
                # The end comes first: who reads that it was accepted can rely on it.
                if why := await self._runner.cancel(about.request, person):
                    return why
                await asyncio.to_thread(records.runs.note, done)
            case _:
                await asyncio.to_thread(records.queue.withdraw, request, person, now, policy)
                self._approved()
        await self._outbox.answer()
        return ""

    async def _refuse(
        self, event: Event, author: Asker, reason: str, waiting: Waiting | None
    ) -> None:
        now = self._now()
        if waiting is not None:
            await asyncio.to_thread(self._records.queue.end, event.key, "refused", reason, now)
        else:
            await asyncio.to_thread(
                self._records.runs.refuse,
                as_given(event),
                author.person or event.actor,
                reason,
                now,
                self._rights.version(),
            )
        await self._outbox.answer()

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
            action=given.action,
            about=given.about,
        )
        await self._outbox.say([refused])
