"""The lock of a home: whoever holds it is the only one that changes the home's files."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import Self

import msgspec

from devstream_desktop.control.errors import ControlError, HomeTakenError

NODE, COMMAND = "node", "command"
_MAX = 1_000


class Holder(msgspec.Struct, frozen=True):
    """Whoever holds a home, as the lock's file says it."""

    what: str
    """`node` or `command`."""
    pid: int
    machine: str

    @classmethod
    def this_process(cls, what: str) -> Self:
        """Return this process as a holder."""
        return cls(what, os.getpid(), platform.node())

    def __str__(self) -> str:
        where = "" if self.machine == platform.node() else f" on {self.machine}"
        return f"process {self.pid}{where}"


class HomeLock:
    """An exclusive lock beside a control socket; it ends with the process at the latest.

    The socket alone is not enough: of two that start at once over a socket that a killed node left
    behind, each may take the other's for the old one and remove it.
    """

    def __init__(self, url: str, what: str = NODE) -> None:
        """`url` is the control socket's nng address; `what` is said to whoever comes second."""
        self._path = Path(url.removeprefix("ipc://") + ".lock")
        self._what = what
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
            self._write(msgspec.json.encode(Holder.this_process(self._what)) + b"\n")
        except BlockingIOError:
            holder = self._holder()
            self.release()
            raise taken_by(holder) from None
        except OSError as error:
            self.release()
            raise ControlError(f"{self._path} cannot be locked: {error.strerror}") from error

    def release(self) -> None:
        """Give the lock back, if it is held."""
        # The file stays: removed, it could be locked by one process and made anew by another.
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, content: bytes) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, content, 0)

    def _holder(self) -> Holder | None:
        """Read who holds it; None for the moment before that is written."""
        try:
            return msgspec.json.decode(os.pread(self._file or 0, _MAX, 0), type=Holder)
        except (ValueError, OSError):
            return None


def taken_by(holder: Holder | None) -> HomeTakenError:
    """Return the refusal for whoever comes second."""
    # Nothing is written yet: a holder of this moment, which a second look will know.
    if holder is None or holder.what == COMMAND:
        by = f" ({holder})" if holder else ""
        return HomeTakenError(
            f"another devstream command works on this home{by}; try again in a moment", brief=True
        )
    end = f"kill {holder.pid}" + (
        "" if holder.machine == platform.node() else f" on {holder.machine}"
    )
    return HomeTakenError(
        f"another node has this home already ({holder}); end it first ({end}), or use another"
        " --home"
    )
