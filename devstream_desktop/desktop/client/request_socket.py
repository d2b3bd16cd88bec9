"""A non-blocking nng request socket in Qt's event loop.

nng reports a connection that came or went in a thread of its own. A byte through a socket pair
brings that into the event loop, as the socket's receive descriptor does with answers.
"""

from __future__ import annotations

import contextlib
import socket

import pynng
from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal

from devstream_desktop.control.wire import MAX_MESSAGE

_RECONNECT_MS = (50, 400)
_UP, _DOWN = b"+", b"-"


class RequestSocket(QObject):
    """One connection to the node that repairs itself; one request at a time."""

    opened = Signal()
    closed = Signal()
    """The connection is gone, with the answer to the open request."""
    received = Signal(bytes)

    def __init__(self, url: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._url = url
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.settimeout(0)
        self._wake_write.settimeout(0)
        self._wake = QSocketNotifier(self._wake_read.fileno(), QSocketNotifier.Type.Read, self)
        self._wake.activated.connect(self._pipes_changed)
        self._socket: pynng.Req0 | None = None
        self._notifier: QSocketNotifier | None = None
        self._up = False

    @property
    def up(self) -> bool:
        return self._up

    def open(self) -> None:
        """Connect, and reconnect until `close`."""
        # No re-sends: a request sent twice could be carried out twice.
        sock = pynng.Req0(
            resend_time=-1,
            reconnect_time_min=_RECONNECT_MS[0],
            reconnect_time_max=_RECONNECT_MS[1],
        )
        sock.recv_max_size = MAX_MESSAGE
        sock.add_post_pipe_connect_cb(lambda _: self._poke(_UP))
        sock.add_post_pipe_remove_cb(lambda _: self._poke(_DOWN))
        self._socket = sock
        self._notifier = QSocketNotifier(sock.recv_fd, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._readable)
        sock.dial(self._url, block=False)

    def send(self, message: bytes) -> bool:
        """Send a request; return false when there is no connection to take it."""
        if self._socket is None or not self._up:
            return False
        try:
            self._socket.send(message, block=False)
        except pynng.NNGException:
            return False
        return True

    def reset(self) -> None:
        """Drop a connection that does not answer, and make a new one."""
        self._shut()
        self._set_up(up=False)
        # Not at once: a node that answers nonsense would be dialled without end.
        QTimer.singleShot(_RECONNECT_MS[1], self, self._reopen)

    def close(self) -> None:
        """End for good; nothing is emitted afterwards."""
        # Closing a connection reports that it is gone, and nobody should hear that any more.
        self.blockSignals(True)
        self._shut()
        self._up = False
        self._wake.setEnabled(False)
        self._wake_read.close()
        self._wake_write.close()

    def _reopen(self) -> None:
        if self._socket is None and self._wake.isEnabled():
            self.open()

    def _shut(self) -> None:
        if self._notifier is not None:
            self._notifier.setEnabled(False)
            self._notifier.deleteLater()
            self._notifier = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _poke(self, what: bytes) -> None:
        # In nng's thread, where nothing may be raised: the socket may be closed by now.
        with contextlib.suppress(OSError):
            self._wake_write.send(what)

    def _pipes_changed(self) -> None:
        data = b""
        with contextlib.suppress(BlockingIOError):
            data = self._wake_read.recv(256)
        # Bytes of a socket that `reset` has closed meanwhile.
        if self._socket is None:
            return
        for byte in data:
            self._set_up(up=bytes([byte]) == _UP)

    def _set_up(self, *, up: bool) -> None:
        if up != self._up:
            self._up = up
            (self.opened if up else self.closed).emit()

    def _readable(self) -> None:
        if self._socket is None:
            return
        try:
            message = self._socket.recv(block=False)
        except (pynng.TryAgain, pynng.BadState):
            # Nothing to read yet, or no request is under way.
            return
        except pynng.NNGException:
            self.reset()
            return
        self.received.emit(message)
