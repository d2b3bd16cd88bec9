"""Care of a node's history: tended when idle, checked daily."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.database import mark_damaged
from devstream_desktop.history.integrity import problems
from devstream_desktop.history.log import History

TEND_S = 1.0
_STEPS = 10
"""Steps of tending in one go. Each takes some milliseconds, with pauses for everybody else."""
_PAUSE_S = 0.05
_MINUTE_S = 60.0
_UNFOLDED = 4 << 20
"""Bytes of the write-ahead log above which it is folded in.

So no commit has to (database.py: wal_autocheckpoint).
"""
_SIZE_S = 30.0
"""A member who floods writes some hundred megabytes in this time."""
_CHECK_S = 86_400.0
_FIRST_CHECK_S = 60.0
"""Of a large file a start looks only at a part (history/integrity.py)."""

_log = logging.getLogger(__name__)


class Upkeep:
    """Runs beside the node."""

    def __init__(
        self,
        history: History,
        *,
        fit: Callable[[], Awaitable[None]],
        restart: Callable[[], None],
        minutely: Callable[[], Awaitable[None]],
    ) -> None:
        """Take care of `history`.

        Args:
            history: Called on the loop only, but for what may be called in a thread.
            fit: Awaited every half minute, to see that the history is not too large.
            restart: Called when the history is found damaged.
            minutely: Awaited about once a minute.

        """
        self._history = history
        self._fit = fit
        self._restart = restart
        self._minutely = minutely
        history.on_damage = self._damaged

    async def run(self) -> None:
        """Until it is cancelled."""
        folded = sized = time.monotonic()
        check_at = folded + _FIRST_CHECK_S
        while True:
            await asyncio.sleep(TEND_S)
            now = time.monotonic()
            try:
                await self._tend()
                if now - folded >= _MINUTE_S or self._history.unfolded() > _UNFOLDED:
                    await asyncio.to_thread(self._history.checkpoint)
                if now - folded >= _MINUTE_S:
                    folded = now
                    await self._minutely()
                # More often than the rest, because of floods.
                if now - sized >= _SIZE_S:
                    sized = now
                    await self._fit()
                if now >= check_at:
                    check_at = now + _CHECK_S
                    await self._check()
            except (DevstreamError, OSError) as error:  # a full disk: told, and tried again
                _log.warning("upkeep: %s", error)

    async def _tend(self) -> None:
        # Whoever freed some space need not restart the node.
        if self._history.reserve.full:
            self._history.reserve.keep()
        for _ in range(_STEPS):
            if not self._history.tend():
                return
            await asyncio.sleep(_PAUSE_S)

    async def _check(self) -> None:
        found = await asyncio.to_thread(problems, self._history.path)
        if found:
            _log.error("the history is damaged: %s", "; ".join(found))
            mark_damaged(self._history.path)
            self._damaged()

    def _damaged(self) -> None:
        _log.error("the history is damaged; the node starts anew with what can be saved")
        self._restart()
