"""The lock of a home: whoever holds it is the only one that changes the home's files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from devstream_desktop.control.errors import ControlError, HomeTakenError


class HomeLock:
    """An exclusive lock beside a control socket; it ends with the process at the latest.

    The socket alone is not enough: of two that start at once over a socket that a killed node left
    behind, each may take the other's for the old one and remove it.
    """

    def __init__(self, url: str) -> None:
        """`url` is the control socket's nng address."""
        self._path = Path(url.removeprefix("ipc://") + ".lock")
        self._file: int | None = None

    def take(self) -> None:
        """Take the lock, without waiting.

        Raises:
            HomeTakenError: another process holds it.
            ControlError: the lock's file cannot be opened.

        """
        # A named pipe of Windows has one owner at a time and needs no lock beside it.
        if sys.platform == "win32":
            return
        import fcntl

        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise HomeTakenError from None
        except OSError as error:
            self.release()
            raise ControlError(f"{self._path} cannot be locked: {error.strerror}") from error

    def release(self) -> None:
        """Give the lock back, if it is held."""
        # The file stays: removed, it could be locked by one process and made anew by another.
        if self._file is not None:
            os.close(self._file)
            self._file = None
