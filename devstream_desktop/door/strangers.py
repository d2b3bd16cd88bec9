"""Unproven connections of one service: their number, and the order of handshakes."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from devstream_desktop.door.crowd import Crowd
from devstream_desktop.door.descriptors import room_for

GREETING = 256
"""Strangers that have sent a whole ClientHello, about 60 KB each."""
HANDSHAKES_A_SECOND, HANDSHAKE_BURST = 100, 50
"""Handshakes begun a second, and at once; each costs about a millisecond.

More wait for their turn. A whole team that comes back is met in seconds.
"""


class Stranger(Protocol):
    """One connection of a stranger."""

    share: str

    def begin(self) -> None:
        """Begin the handshake."""

    def end(self) -> None:
        """Cut it off."""


class Strangers:
    """All strangers of one service."""

    def __init__(self) -> None:
        self.greeting = Crowd(room_for(GREETING))
        """Strangers between ClientHello and proof."""
        self._waiting: dict[Stranger, None] = {}
        self._credit = float(HANDSHAKE_BURST)
        self._credited = time.monotonic()
        self._turn: asyncio.TimerHandle | None = None

    def take_turn(self, stranger: Stranger) -> None:
        """Have a handshake begin when it is its turn."""
        self._waiting[stranger] = None
        if self._turn is None:
            self._turns()

    def leave(self, stranger: Stranger) -> None:
        """Let go of what is over, or no stranger any more."""
        self._waiting.pop(stranger, None)

    def end(self) -> None:
        """Begin no more handshakes."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._waiting.clear()

    def _turns(self) -> None:
        self._turn = None
        now = time.monotonic()
        self._credit = min(
            HANDSHAKE_BURST, self._credit + (now - self._credited) * HANDSHAKES_A_SECOND
        )
        self._credited = now
        while self._waiting and self._credit >= 1:
            # The newest of the host with the fewest: those who have waited longest have most likely
            # given up.
            chosen = min(
                reversed(self._waiting), key=lambda one: self.greeting.weight_of(one.share)
            )
            del self._waiting[chosen]
            self._credit -= 1
            chosen.begin()
        if self._waiting:
            self._turn = asyncio.get_running_loop().call_later(
                (1 - self._credit) / HANDSHAKES_A_SECOND, self._turns
            )
