"""A thread for what takes longer than a frame: writing files, and long readings.

Its tasks run one after the other, so what was asked first is done first. The answers come on the
GUI thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from devstream_desktop.errors import DevstreamError

A = TypeVar("A")


@dataclass(eq=False)
class _Task:
    """A function and who takes its answer."""

    work: Callable[[], Any]
    take: Callable[[Any], None]
    refuse: Callable[[str], None]
    owner: QObject
    answer: Any = None
    error: Exception | None = None


class Background(QObject):
    """One thread. What is asked after its end is dropped."""

    _done = Signal(object)

    def __init__(self, name: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._open: set[_Task] = set()
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
    ) -> None:
        """Run `work` on the thread; `take` or `refuse` is called later.

        Args:
            work: May touch nothing of a window.
            take: Takes its answer.
            owner: Neither function is called once it is deleted.
            refuse: Takes the sentence of a `DevstreamError`.

        """
        if self._closed:
            return
        task = _Task(work, take, refuse, owner)
        # Until it is delivered, so that nothing is freed on the thread.
        self._open.add(task)
        self._pool.submit(self._run, task)

    def close(self, *, finish: bool = False) -> None:
        """End the thread after what runs; with `finish` also after what waits."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=not finish)

    def _run(self, task: _Task) -> None:
        try:
            task.answer = task.work()
        except Exception as error:  # noqa: BLE001 - raised on the GUI thread, where it is seen
            task.error = error
        if not self._closed:
            self._done.emit(task)

    def _deliver(self, task: _Task) -> None:
        self._open.discard(task)
        if self._closed or not isValid(task.owner):
            return
        if isinstance(task.error, DevstreamError):
            task.refuse(str(task.error))
        elif task.error is not None:
            raise task.error
        else:
            task.take(task.answer)
