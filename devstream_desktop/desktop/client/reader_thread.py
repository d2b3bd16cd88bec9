"""One thread that reads the history for every window.

A window asks with a function that takes the `Reader`, and goes on; the answer comes later, on the
GUI thread. So no disk and no decoding of rows holds the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QObject

from devstream_desktop.desktop.client.background import Background
from devstream_desktop.history.reader import Reader

A = TypeVar("A")


class ReaderThread(Background):
    """A thread with a connection of its own that answers in order."""

    def __init__(self, reader: Reader, parent: QObject | None = None) -> None:
        super().__init__("history", parent)
        self._reader = reader

    def ask(
        self,
        question: Callable[[Reader], A],
        take: Callable[[A], None],
        *,
        owner: QObject,
        refuse: Callable[[str], None] = lambda _: None,
        topic: str = "",
    ) -> None:
        """Ask the history, as `run`; `refuse` takes the reason why it cannot be read."""
        reader = self._reader
        self.run(lambda: question(reader), take, owner=owner, refuse=refuse, topic=topic)

    def forget(self) -> None:
        """Let the database go; the next question opens it again."""
        self.run(self._reader.close, lambda _: None, owner=self)

    def close(self, *, finish: bool = False) -> None:
        """End the thread, and with it the connection."""
        if self._closed:
            return
        if not finish:
            self._waiting.clear()
        # On the thread that opened it.
        self._pool.submit(self._reader.close)
        super().close(finish=finish)
