"""Folding of a store's long write-ahead log, while lines are made."""

from __future__ import annotations

import asyncio

from devstream_desktop.mesh.replica.store import LogStore


class Folding:
    """One folding at a time, whoever asks for it."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._running: asyncio.Task[None] | None = None
        self._seen = 0
        """Entries with lines when it began."""

    async def step(self, *, reading: bool) -> bool:
        """Begin or end a folding where it is time; tells whether this waited for the disk.

        With `reading` the steps that follow make lines.

        Raises:
            Exception: the log could not be folded in (a full disk).

        """
        seen = self._store.newest() - self._store.unread
        if self._running is None:
            if not self._store.should_fold:
                return False
            self._running = asyncio.create_task(asyncio.to_thread(self._store.checkpoint))
            self._seen = seen
        # Lines reach the log with the end of their group, and mostly after the folding. Batches, or
        # a second group, would reach it meanwhile, and it would not come to its end.
        if reading and seen == self._seen and not self._running.done():
            return False
        await self._end(self._running)
        return True

    async def _end(self, running: asyncio.Task[None]) -> None:
        # Another link may wait for it too, so that who is cancelled here does not cancel it.
        await asyncio.wait([running])
        if self._running is running:
            self._running = None
        running.result()
