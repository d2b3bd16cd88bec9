"""A clean end on SIGTERM, SIGINT and SIGHUP.

Qt's event loop does not return to Python while it is idle, so the signal wakes it by a socket.
"""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable

from PySide6.QtCore import QObject, QSocketNotifier
from PySide6.QtWidgets import QApplication


def leave() -> None:
    """End the app."""
    # `quit` would close the windows first, and whoever closes the history is told that devstream
    # goes on in the tray.
    QApplication.exit()


class Signals(QObject):
    """Call `end` in the event loop after a signal."""

    def __init__(self, end: Callable[[], None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._read, self._write = socket.socketpair()
        self._read.settimeout(0)
        self._write.settimeout(0)
        self._end = end
        self._notifier = QSocketNotifier(self._read.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._woken)
        self._before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        # A handler that does nothing: with one, Python writes to the socket instead of ending.
        self._handlers = {
            number: signal.signal(number, lambda *_: None)
            # Windows has no SIGHUP.
            for name in ("SIGTERM", "SIGINT", "SIGHUP")
            if (number := getattr(signal, name, None)) is not None
        }

    def _woken(self) -> None:
        # Woken without a byte, it is not a signal.
        with contextlib.suppress(BlockingIOError):
            if self._read.recv(64):
                self._end()

    def close(self) -> None:
        """Restore the handlers that were there before."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._read.close()
        self._write.close()
