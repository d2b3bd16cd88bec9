"""File descriptors kept aside for a node that has no other left.

With them it can still be asked, log and store. As the ballast on the disk (history/reserve.py) they
are let go when there is no other, and had again when there is room. Where sockets are no files
(Windows) nothing is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Callable

from devstream_desktop import machine
from devstream_desktop.control.node_words import NO_DESCRIPTORS

KEPT = 24
SPARE = 8
"""So many more must be free before they are kept again."""
LOOK_S = 1.0

_log = logging.getLogger(__name__)


class Descriptors:
    """Knows whether this process has any left; `changed` is called when that changes."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._kept: list[int] = []
        self.trouble = ""
        """One sentence for a person while there are none, else empty."""
        self._keep()

    async def watch(self) -> None:
        """Look each second, until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.look()

    def look(self) -> None:
        """Let go of what is kept when nothing else is left; keep it again when it is over."""
        before = self.trouble
        if not self.trouble:
            if error := _lacks():
                self._let_go()
                self.trouble = NO_DESCRIPTORS.format(reason=machine.reason(error))
                _log.error("%s", self.trouble)
        elif self._keep():
            self.trouble = ""
            _log.warning("there are file descriptors again")
        if self.trouble != before:
            self._changed()

    def close(self) -> None:
        """Keep none any more."""
        self._let_go()

    def _keep(self) -> bool:
        if sys.platform == "win32":
            return True
        taken: list[int] = []
        try:
            while len(taken) < KEPT + SPARE:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            _close(taken)
            return False
        _close(taken[KEPT:])
        self._kept = taken[:KEPT]
        return True

    def _let_go(self) -> None:
        _close(self._kept)
        self._kept = []


def _lacks() -> OSError | None:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error
    return None


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
