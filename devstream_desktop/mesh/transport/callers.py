"""The peers that are connected to this node's port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

SILENT_S = 30.0
"""Silence after which a caller is gone.

A live one asks at least every 25 s, so a frozen one is noticed within 35 s.
"""
FIRST_WORD_S = 15.0
"""The same before its first request: an honest peer says HELLO at once."""


@dataclass
class Caller:
    """A peer that dialed us."""

    device: str
    host: str
    port: int
    """The port at its end."""
    pipe: int
    """A number of this connection that is never used again."""
    since: float
    """Time of connecting, `time.monotonic`."""
    last: float
    """Time of its last request, `time.monotonic`."""
    asked: bool = False

    def gone(self, now: float) -> bool:
        """Return True when it has been silent for too long."""
        return now - self.last > (SILENT_S if self.asked else FIRST_WORD_S)


class Callers:
    """All connected callers. `changed` is set whenever one comes or goes."""

    def __init__(self, changed: asyncio.Event) -> None:
        self._changed = changed
        self._connected: dict[int, tuple[Caller, Callable[[], None]]] = {}

    def add(self, caller: Caller, end: Callable[[], None]) -> None:
        """Note a new caller; `end()` cuts it off."""
        self._connected[caller.pipe] = caller, end
        self._changed.set()

    def remove(self, caller: Caller) -> None:
        """Note that a caller hung up or was cut off."""
        del self._connected[caller.pipe]
        self._changed.set()

    def all(self) -> list[Caller]:
        """Every caller, in the order of connecting."""
        return [caller for caller, _ in self._connected.values()]

    def devices(self) -> set[str]:
        """Return the devices of the callers."""
        return {caller.device for caller, _ in self._connected.values()}

    def pipes(self) -> set[int]:
        """Return the numbers of the connections."""
        return set(self._connected)

    def drop(self, chosen: Callable[[Caller], bool]) -> None:
        """Cut off the callers for whom `chosen` is true."""
        # A copy, because each end takes itself out.
        for caller, end in list(self._connected.values()):
            if chosen(caller):
                end()
