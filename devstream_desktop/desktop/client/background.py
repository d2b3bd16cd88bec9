"""A thread for what takes longer than a frame: writing files, and long readings.

Its tasks run one after the other, so what was asked first is done first. The answers come on the
GUI thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec
from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from devstream_desktop.errors import DevstreamError

A = TypeVar("A")


class _Task(msgspec.Struct, eq=False):
    """A function and who takes its answer."""

    work: Callable[[], Any]
    take: Callable[[Any], None]
    refuse: Callable[[str], None]
    owner: QObject
    topic: str
    answer: Any = None
    error: Exception | None = None


class Background(QObject):
    """One thread. What is asked after its end is dropped."""

    _done = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._open: list[_Task] = []
        """Tasks without an answer, on the GUI thread alone: there they are freed."""
        self._delivered: _Task | None = None
        self._waiting: deque[_Task] = deque()
        self._closed = False
        self._done.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def idle(self) -> bool:
        """True when every task has been answered."""
        return not self._open

    def run(
        self,
        work: Callable[[], A],
        take: Callable[[A], None],
        *,
        owner: QObject,
        refuse: Callable[[str], None] = lambda _: None,
        topic: str = "",
    ) -> None:
        """Run `work` on the thread; one of the two functions is called once, later.

        Args:
            work: May touch nothing of a window.
            take: Takes its answer.
            owner: Neither function is called once it is deleted.
            refuse: Takes the sentence of a `DevstreamError`.
            topic: A newer task of the same owner and topic takes the place of this one, which then
                is never answered. Tasks without one are all answered, in order.

        """
        if self._closed:
            return
        task = _Task(work, take, refuse, owner, topic)
        if topic:
            self.drop(owner, topic)
        self._open.append(task)
        self._waiting.append(task)
        self._pool.submit(self._next)

    def drop(self, owner: QObject, topic: str) -> None:
        """Take back a task that has no answer yet."""
        for task in [one for one in self._open if one.owner is owner and one.topic == topic]:
            self._open.remove(task)
            try:
                self._waiting.remove(task)
            except ValueError:
                # It runs, and ends by itself.
                continue

    def close(self, *, finish: bool = False) -> None:
        """End the thread after what runs; with `finish` also after what waits."""
        self._closed = True
        if not finish:
            self._waiting.clear()
        self._pool.shutdown(wait=True)
        self._open.clear()
        self._delivered = None

    def _next(self) -> None:
        try:
            task = self._waiting.popleft()
        except IndexError:
            # Another was taken back.
            return
        try:
            task.answer = task.work()
        except Exception as error:  # noqa: BLE001 - raised on the GUI thread, where it is seen
            task.error = error
        if not self._closed:
            self._done.emit(task)

    def _deliver(self, task: _Task) -> None:
        # Kept until the next one: the thread may not have let go of it yet, and would free here
        # what is a window's.
        self._delivered = task
        if task not in self._open:
            return
        self._open.remove(task)
        if not isValid(task.owner):
            return
        if isinstance(task.error, DevstreamError):
            task.refuse(str(task.error))
        elif task.error is not None:
            raise task.error
        else:
            task.take(task.answer)
