"""The executor's upkeep: turns in the queue, ends of locks and waits, reminders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from devstream_desktop.deploy.answer import make_answer
from devstream_desktop.deploy.approvals import approvers
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.knowledge import Rights
from devstream_desktop.deploy.locks import Lock, command_of
from devstream_desktop.deploy.offers import Offers
from devstream_desktop.deploy.outbox import Outbox
from devstream_desktop.deploy.queue import Waiting
from devstream_desktop.deploy.records import Records
from devstream_desktop.deploy.request import Action
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import duration


class Upkeep:
    """Looks at what waits, and at the locks."""

    def __init__(
        self,
        device: str,
        rights: Rights,
        records: Records,
        offers: Offers,
        outbox: Outbox,
        now: Callable[[], int],
        turn: Callable[[Waiting], None],
    ) -> None:
        """Take the collaborators; `turn` judges again what waited, beside everything else."""
        self._device = device
        self._rights = rights
        self._records = records
        self._offers = offers
        self._outbox = outbox
        self._now = now
        self._turn = turn

    async def look(self) -> None:
        """Do what is due; what cannot be done now is tried again by the next call."""
        await self._outbox.answer()
        await self._offers.refresh()
        try:
            if await asyncio.to_thread(self._records.locks.expire, self._now()):
                await self._outbox.answer()
            await self._remind()
            for waiting in await asyncio.to_thread(self._due):
                self._turn(waiting)
        except RunsError as error:
            self._outbox.in_trouble(str(error))

    def _due(self) -> list[Waiting]:
        """Return what is to be judged again now; in a thread."""
        now = self._now()
        # Nobody loses a place for a typing mistake in targets.toml.
        readable = not self._offers.mistake
        due, seen = [], set[tuple[str, str]]()
        for waiting in self._records.queue.all():
            run = waiting.run
            place = (run.target, run.environment)
            first = run.state == "queued" and place not in seen
            seen |= {place} if run.state == "queued" else set()
            ready = (
                first and self._records.running(*place) is None
                if run.state == "queued"
                else self._is_approved(waiting)
            )
            if now >= run.until or (ready and readable):
                due.append(waiting)
        return due

    def _is_approved(self, waiting: Waiting) -> bool:
        """Tell whether enough approvals are there, as the judge counts them."""
        run = waiting.run
        place = (run.target, run.environment)
        target = self._offers.targets.get(place)
        if target is None:
            return True
        roles = target.approver_roles

        def may_approve(person: str) -> bool:
            return any(self._rights.may(person, role, *place) for role in roles)

        # Without those that ran out, which would have it judged over and over.
        asker = self._rights.person_of(waiting.device)
        given = self._records.queue.approvals(run.request)
        return len(approvers(given, asker, self._now(), may_approve)) >= target.approvals

    async def _remind(self) -> None:
        now = self._now()
        for lock in await asyncio.to_thread(self._records.locks.all):
            due = lock.due(now)
            if due > lock.reminded and await self._outbox.say([self._reminder(lock, now, due)]):
                await asyncio.to_thread(self._records.locks.reminded, lock.id, due)

    def _reminder(self, lock: Lock, now: int, count: int) -> Event:
        age = duration(now - lock.since)
        return make_answer(
            request=lock.id,
            target=lock.target,
            environment=lock.environment,
            state="locked",
            executor=self._device,
            person=lock.person,
            ref="",
            sha="",
            title="",
            time=now,
            duration=now - lock.since,
            reason=f"for {age} now; is it still needed? {command_of(lock)}",
            expires=lock.until,
            action=Action.LOCK,
            again=count,
        )
