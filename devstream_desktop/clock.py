"""Time as every room takes it: the wall clock, and waiting with a limit."""

from __future__ import annotations

import asyncio
import time


def now_ms() -> int:
    """Return the wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event` for at most `seconds`; returns at once when it is set, and whether it is."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
