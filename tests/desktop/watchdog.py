"""A watch on the GUI thread: no turn of its event loop may take long.

It counts the thread's own processor time, so that a loaded machine, a wait and another thread's
work are not counted. What a test does between two turns is not, either.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtCore import QAbstractEventDispatcher

LIMIT_MS = 16
"""One picture of a screen with 60 of them a second."""
_USUAL_MS = 3.0
"""The time of `_work` on the machine for which the limit is meant."""


class Watchdog:
    """The longest turn that was seen."""

    def __init__(self, dispatcher: QAbstractEventDispatcher) -> None:
        self.worst_ms = 0.0
        self.turns = 0
        self._began = 0.0
        self._dispatcher = dispatcher
        # GLib's loop tells of its waits: a turn is from one to the next.
        dispatcher.aboutToBlock.connect(self._begin)
        dispatcher.awake.connect(self._end)

    def close(self) -> None:
        """Watch no more."""
        self._dispatcher.aboutToBlock.disconnect(self._begin)
        self._dispatcher.awake.disconnect(self._end)

    def _begin(self) -> None:
        self._began = time.thread_time()

    def _end(self) -> None:
        # Also told before a look that waits for nothing.
        if self._began:
            self.turns += 1
            self.worst_ms = max(self.worst_ms, (time.thread_time() - self._began) * 1000)
            self._began = 0.0


def limit_ms() -> float:
    """Return the limit for this machine, longer where a fixed piece of work takes longer."""
    return LIMIT_MS * max(1.0, min(_work() for _ in range(5)) / _USUAL_MS)


def _work() -> float:
    began = time.thread_time()
    sum(number * number % 7 for number in range(60_000))
    return (time.thread_time() - began) * 1000


@contextmanager
def watched() -> Iterator[Watchdog]:
    """Watch the turns of this thread's event loop."""
    dispatcher = QAbstractEventDispatcher.instance()
    assert "Glib" in dispatcher.metaObject().className(), "only GLib's loop tells its turns"
    # A collection of all that pytest holds is no step of the app.
    gc.disable()
    dog = Watchdog(dispatcher)
    try:
        yield dog
    finally:
        dog.close()
        gc.enable()
