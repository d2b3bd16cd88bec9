"""Reports of a catch-up to the screens, at most once a second.

There are none without a catch-up: nobody polls, and a quiet node does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

TELL_S = 1.0


class CatchUpProgress:
    """Follows one catch-up after the other.

    `measure` gives what is missing and what was when the catch-up began, `changed` has the screens
    look again, `spawn` runs a task.
    """

    def __init__(
        self,
        measure: Callable[[], tuple[int, int]],
        changed: Callable[[], None],
        spawn: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        self._measure = measure
        self._changed = changed
        self._spawn = spawn
        self._following = False

    def begin(self) -> None:
        """Note that a catch-up has begun, or goes on; as often as one likes."""
        if not self._following:
            self._following = True
            self._spawn(self._follow())

    async def _follow(self) -> None:
        # What is over before the first look is not worth a word.
        told = (0, 0)
        try:
            while True:
                await asyncio.sleep(TELL_S)
                found = self._measure()
                # A screen draws nothing for the same figures.
                if found != told:
                    told = found
                    self._changed()
                if not found[0]:
                    return
        finally:
            self._following = False
