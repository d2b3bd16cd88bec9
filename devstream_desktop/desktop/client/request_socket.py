"""A request socket in Qt's event loop, which never blocks: a Unix socket, or a named pipe.

Its bytes are those of nng (control/framing.py), which the node's side is.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QLocalSocket

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.framing import GREETING, Requests

_RECONNECT_MS = (50, 100, 200, 400)
_CHUNK = 1 << 20
"""Bytes that may wait to be read here; the rest waits at the node."""


class RequestSocket(QObject):
    """One connection to the node that repairs itself; one request at a time."""

    opened = Signal()
    closed = Signal()
    """The connection is gone, with the answer to the open request."""
    received = Signal(bytes)

    def __init__(self, url: str, parent: QObject | None = None) -> None:
        """Prepare a connection to `url`: `ipc://` and a path, on Windows a pipe's name."""
        super().__init__(parent)
        self._name = url.removeprefix("ipc://")
        self._requests = Requests()
        self._failures = 0
        self._up = False
        self._again = QTimer(self, singleShot=True)
        self._again.timeout.connect(self.open)
        self._socket = QLocalSocket(self)
        self._socket.setReadBufferSize(_CHUNK)
        self._socket.connected.connect(self._greet)
        self._socket.readyRead.connect(self._read)
        self._socket.stateChanged.connect(self._follow)

    @property
    def up(self) -> bool:
        return self._up

    def open(self) -> None:
        """Connect, and reconnect until `close`."""
        self._requests = Requests()
        self._socket.connectToServer(self._name)

    def send(self, message: bytes) -> bool:
        """Send a request; return false when there is no connection to take it."""
        if not self._up:
            return False
        data = self._requests.ask(message)
        return self._socket.write(data) == len(data)

    def reset(self) -> None:
        """Drop a connection that does not answer, and make a new one."""
        # Not at once: a node that answers nonsense would be dialled without end.
        self._failures = len(_RECONNECT_MS)
        self._socket.abort()

    def close(self) -> None:
        """End for good; nothing is emitted afterwards."""
        self.blockSignals(True)
        self._again.stop()
        self._again.blockSignals(True)
        self._socket.blockSignals(True)
        self._socket.abort()
        self._up = False

    def _greet(self) -> None:
        self._socket.write(GREETING)

    def _read(self) -> None:
        data = bytes(self._socket.readAll().data())
        try:
            answer = self._requests.take(data)
        except ControlError:
            # Whoever listens there is no node, or a broken one.
            self.reset()
            return
        if self._requests.greeted and not self._up:
            self._up, self._failures = True, 0
            self.opened.emit()
        if answer is not None:
            self.received.emit(answer)

    def _follow(self, state: QLocalSocket.LocalSocketState) -> None:
        """Connect again after each end, also of an attempt."""
        if state is not QLocalSocket.LocalSocketState.UnconnectedState:
            return
        up, self._up = self._up, False
        last = len(_RECONNECT_MS) - 1
        self._again.start(_RECONNECT_MS[min(self._failures, last)])
        self._failures += 1
        if up:
            self.closed.emit()
