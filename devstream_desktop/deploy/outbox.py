"""Publishes the executor's decisions and results.

What cannot be published now is on disk and is published later.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from devstream_desktop.deploy.answer import make_answer
from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.run import OPEN_STATES, Run
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.stream.event import Event, InvalidEventError

Publish = Callable[[list[Event]], Awaitable[None]]
"""Returns when the events are stored; raising means that they are not."""

_log = logging.getLogger(__name__)


class Outbox:
    """Turns rows of `Runs` into events.

    `trouble` is a sentence while something cannot be recorded or said.
    """

    def __init__(self, runs: Runs, publish: Publish, device: str) -> None:
        self.trouble = ""
        self.unreadable = 0
        """Runs of which nobody is told, because their rows make no answer."""
        self._runs = runs
        self._publish = publish
        self._device = device
        self._one = asyncio.Lock()

    async def say(self, events: list[Event]) -> bool:
        """Publish; false when the history would not have them, which is kept as trouble."""
        try:
            await self._publish(events)
        except Exception as error:  # noqa: BLE001 (whatever the history says, the deploy goes on and this is tried again)
            self.in_trouble(f"what the executor did could not be published yet: {error}")
            return False
        self.trouble = ""
        return True

    async def answer(self) -> None:
        """Publish the last state of every run that has not been told.

        In vain is no error, the next call tries again.
        """
        async with self._one:
            try:
                for run in await asyncio.to_thread(self._runs.unpublished):
                    if await self._told(run):
                        await asyncio.to_thread(self._runs.published, [run])
            except RunsError as error:
                self.in_trouble(str(error))

    async def _told(self, run: Run) -> bool:
        """Publish a run's answer; true when nothing is left to publish.

        That is so when the answer is published, and when its row says what no answer can.
        """
        try:
            event = self.event(run)
        # Counted and shown: a row that cannot be published must not hold up the others.
        except InvalidEventError as error:
            self.unreadable += 1
            _log.error(
                "the row of deploy %s cannot be read, so its end is not published: %s",
                run.request[:8],
                error,
            )
            return True
        return await self.say([event])

    def event(self, run: Run) -> Event:
        """Return the answer that a run's state is."""
        # What is under way, waits or is locked has no end yet.
        ended = run.state not in OPEN_STATES
        return make_answer(
            request=run.request,
            target=run.target,
            environment=run.environment,
            state=run.state,
            executor=self._device,
            person=run.person,
            ref=run.ref,
            sha=run.sha,
            title=run.title,
            time=run.finished if ended else run.started,
            duration=max(0, run.finished - run.started) if ended else 0,
            reason=run.reason,
            previous=run.previous,
            expires=run.until if not ended else 0,
            action=run.action,
            about=run.about,
            parameters=run.parameters,
            policy=run.policy,
            override=bool(run.override),
        )

    def in_trouble(self, sentence: str) -> None:
        """Keep a sentence for `status`, logged once."""
        # It is tried every few seconds, and the log needs it once.
        if sentence != self.trouble:
            _log.error("%s", sentence)
        self.trouble = sentence
