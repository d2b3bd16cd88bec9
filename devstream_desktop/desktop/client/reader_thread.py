"""One thread that reads the history for every window.

A window asks with a function that takes the `Reader`, and goes on; the answer comes later, on the
GUI thread. So no disk and no decoding of rows holds the screen.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal
from shiboken6 import isValid

from devstream_desktop.history.reader import HistoryUnavailableError, Reader

A = TypeVar("A")


@dataclass(eq=False)
class _Asked:
    """A question, and from the thread its answer or its error."""

    owner: QObject
    topic: str
    question: Callable[[Reader], Any]
    take: Callable[[Any], None]
    refuse: Callable[[str], None]
    answer: Any = None
    error: Exception | None = None


class ReaderThread(QObject):
    """A thread with a connection of its own that answers in order."""

    _answered = Signal(object)

    def __init__(self, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._reader = reader
        self._open: list[_Asked] = []
        """Questions without an answer, on the GUI thread alone."""
        self._waiting: deque[_Asked] = deque()
        self._wake = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="history", daemon=True)
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """True when every question has its answer."""
        return not self._open

    def ask(
        self,
        question: Callable[[Reader], A],
        take: Callable[[A], None],
        *,
        owner: QObject,
        refuse: Callable[[str], None] = lambda _: None,
        topic: str = "",
    ) -> None:
        """Ask the history; one of the two functions is called once, later, on the GUI thread.

        Args:
            question: Runs on the reader's thread, so it must touch nothing of a window.
            take: Takes the answer.
            owner: Neither function is called once it is deleted.
            refuse: Takes the sentence that says why the history cannot be read.
            topic: A newer question of the same owner and topic takes the place of this one, which
                then is never answered. Questions without one are all answered, in order.

        """
        asked = _Asked(owner, topic, question, take, refuse)
        if topic:
            self.drop(owner, topic)
        self._open.append(asked)
        with self._wake:
            self._waiting.append(asked)
            self._wake.notify()

    def drop(self, owner: QObject, topic: str) -> None:
        """Take back a question that has no answer yet."""
        older = [one for one in self._open if one.owner is owner and one.topic == topic]
        for one in older:
            self._open.remove(one)
        with self._wake:
            # The one that runs is not here: it ends by itself, within milliseconds.
            for one in older:
                if one in self._waiting:
                    self._waiting.remove(one)

    def forget(self) -> None:
        """Let the database go; the next question opens it again."""
        self.ask(lambda reader: reader.close(), lambda _: None, owner=self)

    def close(self) -> None:
        """End the thread, and with it the connection; what waits is dropped."""
        with self._wake:
            self._ending = True
            self._waiting.clear()
            self._wake.notify()
        self._thread.join()
        self._open.clear()

    def _run(self) -> None:
        while (asked := self._next()) is not None:
            try:
                asked.answer = asked.question(self._reader)
            except Exception as error:  # noqa: BLE001 - raised on the GUI thread, where it is seen
                asked.error = error
            self._answered.emit(asked)
        self._reader.close()

    def _next(self) -> _Asked | None:
        with self._wake:
            self._wake.wait_for(lambda: self._ending or bool(self._waiting))
            return None if self._ending else self._waiting.popleft()

    def _deliver(self, asked: _Asked) -> None:
        if asked not in self._open:
            return
        self._open.remove(asked)
        if not isValid(asked.owner):
            return
        if isinstance(asked.error, HistoryUnavailableError):
            asked.refuse(str(asked.error))
        elif asked.error is not None:
            raise asked.error
        else:
            asked.take(asked.answer)
