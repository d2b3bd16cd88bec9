"""A bell that wakes everybody who waits for news."""

from __future__ import annotations

import asyncio


class Bell:
    """Take `event`, look for news, then wait on it: a ring in between is not missed."""

    def __init__(self) -> None:
        self.event = asyncio.Event()

    def ring(self) -> None:
        """Wake all who wait now. Later waits need another ring."""
        event, self.event = self.event, asyncio.Event()
        event.set()
