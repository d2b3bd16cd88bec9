"""A single app for each home.

A lock file decides which start is the first; a local socket carries "show your window" from later
ones. The lock is atomic and can tell a dead owner from a live one; connecting first and listening
next could not.
"""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QThread, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

_VERSION = b"1"
_MAX_MESSAGE = 1024
_TRIES = 20
_WAIT_MS = 300


class Instance(QObject):
    """The lock of a home, and a socket to its holder."""

    raised = Signal()
    """Another start asked this one to show its window."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        """`folder` is the home, by a path that fits a socket (home.meeting_place())."""
        super().__init__(parent)
        self._lock = QLockFile(str(folder / "desk.lock"))
        # Never stale by age: only a dead owner's lock may be taken.
        self._lock.setStaleLockTime(0)
        self._name = str(folder / "desk")
        self._server: QLocalServer | None = None

    def claim(self) -> bool:
        """Take the lock and listen for later starts; return false when another start has it."""
        if not self._lock.tryLock(0):
            return False
        # A socket file that a crash left behind; the lock says that nobody listens there.
        QLocalServer.removeServer(self._name)
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._accept)
        server.listen(self._name)
        self._server = server
        return True

    def raise_first(self) -> bool:
        """Ask the first start to show its window; return false when it does not answer."""
        token = os.environ.get("XDG_ACTIVATION_TOKEN", "")
        message = b" ".join((_VERSION, b"show", token.encode()))[:_MAX_MESSAGE] + b"\n"
        for _ in range(_TRIES):
            connection = QLocalSocket()
            connection.connectToServer(self._name)
            if connection.waitForConnected(100):
                connection.write(message)
                heard = connection.waitForBytesWritten(500)
                connection.disconnectFromServer()
                return heard
            # The first start holds the lock for a moment before it listens.
            QThread.msleep(50)
        return False

    def close(self) -> None:
        """Release the lock for the next start."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    def _accept(self) -> None:
        connection = self._server.nextPendingConnection() if self._server is not None else None
        if connection is None:
            return
        # It writes as soon as it is connected, and only this user can connect.
        if connection.bytesAvailable() or connection.waitForReadyRead(_WAIT_MS):
            self._obey(bytes(connection.read(_MAX_MESSAGE).data()).split())
        connection.close()
        connection.deleteLater()

    def _obey(self, words: list[bytes]) -> None:
        # A message of another version.
        if words[:2] != [_VERSION, b"show"]:
            return
        if len(words) > 2:
            # Wayland raises a window only with the token of the click that asked for it.
            os.environ["XDG_ACTIVATION_TOKEN"] = words[2].decode("ascii", "ignore")
        self.raised.emit()
