"""Time as every room takes it: the wall clock in UTC milliseconds, and waiting for something for so long and no longer."""

from __future__ import annotations

import asyncio
import time


def now_ms() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Whether `event` is set before `seconds` have passed; it returns as soon as it is."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
