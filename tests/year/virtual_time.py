"""An event loop whose time passes at once: a year of waiting takes no second."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

_T = TypeVar("_T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer whenever nothing else is to be done. Starts at second 0."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Jumping(self))
        # From 2**24 s (194 days) on two neighbours of the clock lie further apart than asyncio's
        # 1 ns, and a timer that is due would wait for ever.
        self._clock_resolution = 1e-6
        self.set_default_executor(_Inline())

    def time(self) -> float:
        """Seconds since the start."""
        return self.now


class _Jumping(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # Nothing here waits for a socket: without a timer all is over, or stuck.
        assert timeout is not None, "everybody waits for somebody else"
        self._loop.now += max(0.0, timeout)
        return super().select(0)


class _Inline(ThreadPoolExecutor):
    """Runs what is handed to a thread at once, so that a seed tells one story."""

    def submit(self, fn: Callable[..., _T], /, *given: Any, **more: Any) -> Future[_T]:
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*given, **more))
        except BaseException as error:  # noqa: BLE001 - as a thread hands it back
            future.set_exception(error)
        return future
