"""The common part of back ends polled for a run's state."""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from devstream_desktop.deploy.backends.contract import (
    Backend,
    BackendError,
    Hear,
    Order,
    RunOutcome,
)
from devstream_desktop.deploy.backends.http import LostAnswerError, UnreachableError
from devstream_desktop.deploy.masking import masked
from devstream_desktop.stream.text import clean, duration

LOOK_FIRST_S, LOOK_EVERY_S = 2.0, 10.0
"""Seconds between two looks at a run: at first, and later."""
END_S = 60.0
"""Seconds for a run to end after its time-out cancelled it."""


@dataclass(frozen=True)
class Look:
    """The state of a run at one moment: its outcome once it has ended, else what it says."""

    said: str = ""
    outcome: RunOutcome | None = None


class Following(Backend, ABC):
    """A back end whose runs are looked at from outside."""

    def __init__(self, first_s: float = LOOK_FIRST_S, every_s: float = LOOK_EVERY_S) -> None:
        self._first_s, self._every_s = first_s, every_s

    @abstractmethod
    async def look(self, order: Order, handle: str) -> Look:
        """Ask once how a run goes.

        Raises:
            BackendError: it cannot be told now; it is asked again.

        """

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
            if loop.time() >= deadline:
                if ending:
                    return _endless(order, said, "it was asked to end and does not")
                trouble = await self._stopped(order, handle)
                if trouble:
                    return _endless(order, said, trouble)
                ending, deadline = True, loop.time() + END_S
            await asyncio.sleep(max(0.0, min(wait, deadline - loop.time())))
            wait = min(self._every_s, wait * 1.5)

    def leftover(self, order: Order) -> str:
        """Nothing of it runs on this machine."""
        return ""

    async def _one_look(self, order: Order, handle: str) -> Look:
        try:
            return await self.look(order, handle)
        except (UnreachableError, LostAnswerError) as error:
            return Look(f"{order.target.backend} does not answer: {error}")
        except BackendError as error:
            return Look(str(error))

    async def _stopped(self, order: Order, handle: str) -> str:
        try:
            await self.cancel(order, handle)
        except BackendError as error:
            return str(error)
        return ""


def note(order: Order, said: str) -> None:
    """Write a line into the run's output, with the time."""
    order.log.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(order.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        at = time.strftime("%H:%M:%S")
        os.write(descriptor, f"{at} {clean(masked(said), 500)}\n".encode())
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
