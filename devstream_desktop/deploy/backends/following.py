"""The common part of back ends polled for a run's state."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from devstream_desktop.deploy.backends.contract import (
    ABSENT_S,
    SILENT_S,
    Backend,
    BackendError,
    Found,
    Hear,
    NotStarted,
    Order,
    RunOutcome,
    Started,
    Unsure,
)
from devstream_desktop.deploy.backends.http import Answer, LostAnswerError, UnreachableError
from devstream_desktop.deploy.masking import told
from devstream_desktop.stream.text import clean, duration

LOOK_FIRST_S, LOOK_EVERY_S = 2.0, 10.0
"""Seconds between two looks at a run: at first, and later."""
END_S = 60.0
"""Seconds for a run to end after its time-out cancelled it."""
_MAX_URL = 500


@dataclass(frozen=True)
class Look:
    """The state of a run at one moment: its outcome once it has ended, else what it says.

    `is_answer`: the service told it, so it is a sign of life.
    """

    said: str = ""
    outcome: RunOutcome | None = None
    is_answer: bool = True


class Following(Backend, ABC):
    """A service whose runs are looked at from outside."""

    name: ClassVar[str]
    """Its name for a person."""

    def __init__(self, first_s: float = LOOK_FIRST_S, every_s: float = LOOK_EVERY_S) -> None:
        self._first_s, self._every_s = first_s, every_s

    @abstractmethod
    async def send(self, order: Order) -> Found:
        """Ask the service for the run, once.

        Raises:
            UnreachableError, LostAnswerError: there is no answer.

        """

    @abstractmethod
    async def search(self, order: Order) -> Found | None:
        """Look for what carries this request's id; None where nothing does.

        Raises:
            BackendError: it cannot be told now.

        """

    @abstractmethod
    async def look(self, order: Order, handle: str) -> Look:
        """Ask once how a run goes.

        Raises:
            BackendError: it cannot be told now; it is asked again.

        """

    async def start(self, order: Order) -> Found:
        """Ask for the run. Only what surely did not arrive was not started."""
        try:
            return await self.send(order)
        except UnreachableError as error:
            return NotStarted(f"{self.name}: {error}")
        except LostAnswerError as error:
            return Unsure(f"{self.name}: {error}", patience_s=SILENT_S)

    async def find(self, order: Order) -> Found:
        """Look for the run, which the service may show late."""
        try:
            found = await self.search(order)
        except BackendError as error:
            return Unsure(f"{self.name}: {error}", patience_s=SILENT_S)
        return found or Unsure(
            f"{self.name} shows no run of it, and may have lost or not yet begun it; look there "
            "before you ask again",
            patience_s=ABSENT_S,
        )

    async def watch(self, order: Order, handle: str, hear: Hear) -> RunOutcome:
        """Look until the run has ended, or takes too long."""
        said, wait = "", self._first_s
        loop = asyncio.get_running_loop()
        # By the steady clock: a step of the other one must not end a deploy.
        deadline = loop.time() + order.target.timeout_s
        ending = False
        while True:
            look = await self._one_look(order, handle)
            if look.outcome is not None:
                return _late(order, look.outcome, said) if ending else look.outcome
            if look.said and look.said != said:
                said = look.said
                await asyncio.to_thread(note, order, said)
                hear(said)
            elif look.is_answer:
                hear(said)
            if loop.time() >= deadline:
                if ending:
                    return _endless(order, said, "it was asked to end and does not")
                trouble = await self._stopped(order, handle)
                if trouble:
                    return _endless(order, said, trouble)
                ending, deadline = True, loop.time() + END_S
            await self.pause(order, max(0.0, min(wait, deadline - loop.time())))
            wait = min(self._every_s, wait * 1.5)

    async def pause(self, order: Order, seconds: float) -> None:
        """Wait until the next look."""
        del order
        await asyncio.sleep(seconds)

    def leftover(self, order: Order) -> str:
        """Nothing of it runs on this machine."""
        return ""

    async def checked(self, answer: Awaitable[Answer], what: str = "") -> list[str]:
        """Return what an answer about `what` says is wrong, for `check`."""
        try:
            found = await answer
        except BackendError as error:
            return [f"{self.name}: {error}"]
        named = f"{self.name} {what}".strip()
        return [] if found.is_success else [f"{named}: {found.said()}"]

    def refused(self, answer: Answer) -> Found:
        """Read an answer that is no success: an error of the server's tells nothing."""
        if answer.is_lost:
            return Unsure(f"{self.name}: {answer.said()}", patience_s=SILENT_S)
        return NotStarted(f"{self.name} did not start it: {answer.said()}")

    async def elsewhere(
        self, order: Order, answer: Awaitable[Answer], read: Callable[[Answer], str]
    ) -> NotStarted | None:
        """Refuse to start where the order's ref is at another commit; None where it is not.

        A service that runs a branch or tag takes the commit that it is at then, which nobody chose.
        `answer` is the service's word on the ref, and `read` finds the commit in it.
        """
        request = order.request
        ref = clean(request.ref, 60)
        try:
            found = read((await answer).taken())
        # Nothing was sent that starts anything, so a lost answer leaves nothing open.
        except BackendError as error:
            return NotStarted(f"{self.name} does not tell where {ref} is, so nothing ran: {error}")
        if found == request.sha:
            return None
        return NotStarted(
            f"{ref} is at {clean(found[:10])} there, not at {request.sha[:10]}, so nothing ran; "
            "look at what changed and ask again"
        )

    async def _one_look(self, order: Order, handle: str) -> Look:
        try:
            return await self.look(order, handle)
        except (UnreachableError, LostAnswerError) as error:
            said = f"{order.target.backend} does not answer: {error}"
        except BackendError as error:
            said = str(error)
        return Look(said, is_answer=False)

    async def _stopped(self, order: Order, handle: str) -> str:
        try:
            await self.cancel(order, handle)
        except BackendError as error:
            return str(error)
        return ""


def started(handle: object, page: str | None = "") -> Started:
    """Return a run by its handle; a page that is no address of the web is none."""
    try:
        is_page = page and urlsplit(page).scheme in ("http", "https") and len(page) <= _MAX_URL
    except ValueError:
        is_page = False
    return Started(str(handle), page or "" if is_page else "")


def note(order: Order, said: str) -> None:
    """Write a line into the run's output, with the time."""
    line = f"{time.strftime('%H:%M:%S')} {told(said, 500)}\n"
    # A full disk costs the output, never the sight of the deploy.
    with contextlib.suppress(OSError):
        order.log.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


def filled(text: str, order: Order) -> str:
    """Put what is deployed into the places of a text."""
    request = order.request
    words = {
        "request": request.id,
        "sha": request.sha,
        "ref": request.ref,
        "environment": request.environment,
        "target": request.target,
        "person": order.person,
        "action": order.action,
    } | {f"param.{name}": value for name, value in request.parameters.items()}
    # In one pass: a value that looks like a place is not filled in again.
    parts = text.split("{")
    done = [parts[0]]
    for part in parts[1:]:
        name, closed, rest = part.partition("}")
        known = closed and name in words
        done.append(words[name] + rest if known else "{" + part)
    return "".join(done)


def filled_all(texts: Mapping[str, str], order: Order) -> dict[str, str]:
    """Put what is deployed into the places of several texts."""
    return {name: filled(text, order) for name, text in texts.items()}


def _late(order: Order, outcome: RunOutcome, said: str) -> RunOutcome:
    # A success in the last moment is one.
    if outcome.state == "success":
        return outcome
    reason = f"stopped: it took longer than {_limit(order)}"
    return RunOutcome("error", reason=clean(f"{reason}; the last it said: {said}", 200))


def _endless(order: Order, said: str, trouble: str) -> RunOutcome:
    reason = f"no end within {_limit(order)}, and {trouble}; the last it said: {said}"
    return RunOutcome("unknown", reason=clean(reason, 200))


def _limit(order: Order) -> str:
    return duration(int(order.target.timeout_s * 1000))
