"""Tells screens how far a catch-up is, at most once a second and only while there is one: nobody polls, and a quiet node does nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

TELL_S = 1.0


class CatchingUp:
    """Follows one catch-up after the other.

    `measure` gives what is missing and what was when the catch-up began, `changed` has the screens look again, `spawn` runs a task.
    """

    def __init__(
        self, measure: Callable[[], tuple[int, int]], changed: Callable[[], None], spawn: Callable[[Coroutine[object, object, None]], None]
    ) -> None:
        self._measure = measure
        self._changed = changed
        self._spawn = spawn
        self._following = False

    def look(self) -> None:
        """Entries came: perhaps a catch-up has begun. Cheap, and called for every batch."""
        if not self._following:
            self._following = True
            self._spawn(self._follow())

    async def _follow(self) -> None:
        # News alone is no catch-up: it is over before the first look, and nothing is told.
        told = (0, 0)
        try:
            while True:
                await asyncio.sleep(TELL_S)
                found = self._measure()
                if found != told:
                    told = found
                    self._changed()
                if not found[0]:
                    return
        finally:
            self._following = False
