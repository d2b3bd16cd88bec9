"""Time as every room takes it: the wall clock, and waiting with a limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def now_ms() -> int:
    """Return the wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event` for at most `seconds`; returns at once when it is set, and whether it is."""
    # Late, because commands take the time and wait for nothing.
    import asyncio

    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
