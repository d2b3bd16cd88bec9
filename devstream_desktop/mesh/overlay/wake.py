"""Sleep and moves of this machine: either puts every link in doubt at once.

nng sees neither. A link that died meanwhile would be found by its time-outs only, half a minute
later.
"""

from __future__ import annotations

import asyncio

from devstream_desktop.interfaces import own_addresses

ASLEEP_S = 5.0
"""Extra length of a second that means lost time.

That was a sleep, a frozen process or a clock that was set.
"""
ADDRESSES_S = 4.0
"""Period of reading this machine's addresses.

That takes 0.3 ms.
"""


class Wake:
    """Looked at about once a second."""

    def __init__(self) -> None:
        self._wall: float | None = None
        self._steady = 0.0
        self._looked = 0.0
        self._addresses: frozenset[str] | None = None

    def slept(self, wall_ms: int, steady: float) -> bool:
        """Return True when time was lost since the last look."""
        # Either clock shows it: the steady one may stand still in a sleep, the wall clock be set.
        wall, before, passed = wall_ms / 1000, self._wall, steady - self._steady
        self._wall, self._steady = wall, steady
        return before is not None and max(passed, wall - before) > 1.0 + ASLEEP_S

    async def moved(self, steady: float) -> bool:
        """Return True when an address came or went since the last look."""
        if self._addresses is not None and steady - self._looked < ADDRESSES_S:
            return False
        self._looked = steady
        try:
            found = await asyncio.to_thread(own_addresses)
        # No descriptor is left: nothing is known, so nothing has changed.
        except OSError:
            return False
        before, self._addresses = self._addresses, found
        return before is not None and before != found
