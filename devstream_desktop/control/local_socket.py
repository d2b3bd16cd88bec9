"""A connection to a node over its Unix socket, which blocks."""

from __future__ import annotations

import socket
import time

from devstream_desktop.control.errors import (
    ControlError,
    NodeStoppedError,
    NoNodeError,
    SilentError,
)
from devstream_desktop.control.framing import GREETING, Requests

_GREETING_S = 10.0
"""Seconds for the node's greeting at most, as nng has it."""
_CHUNK = 1 << 16
_PAUSE_S = 0.05


class LocalSocket:
    """One connection; one request at a time."""

    def __init__(self, url: str, timeout_s: float) -> None:
        """Connect to `url`, which is `ipc://` and a path; `timeout_s` is for each answer.

        Raises:
            NoNodeError: nobody listens there.
            SilentError: somebody does, and takes nobody in.
            ControlError: it is no node, or this machine has no socket left.

        """
        self._timeout_s = timeout_s
        self._requests = Requests()
        try:
            self._socket = socket.socket(socket.AF_UNIX)
        except OSError as error:
            raise ControlError(
                f"the node cannot be asked from here ({error.strerror}); end some programs, or let"
                " this one open more files (ulimit -n)"
            ) from error
        until = time.monotonic() + min(timeout_s, _GREETING_S)
        try:
            self._connect(url.removeprefix("ipc://"), until)
            self._socket.sendall(GREETING)
            while not self._requests.greeted:
                self._receive(until)
        except TimeoutError:
            self.close()
            raise SilentError from None
        except OSError as error:
            self.close()
            raise NoNodeError from error
        except BaseException:
            self.close()
            raise

    def exchange(self, message: bytes) -> bytes:
        """Send a request, and return the answer.

        Raises:
            NodeStoppedError: the node ended meanwhile.
            SilentError: it did not answer in time.
            ControlError: what came is no answer.

        """
        until = time.monotonic() + self._timeout_s
        try:
            self._limit(until)
            self._socket.sendall(self._requests.ask(message))
            while (answer := self._receive(until)) is None:
                pass
        except TimeoutError:
            raise SilentError from None
        except OSError as error:
            raise NodeStoppedError from error
        return answer

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def _connect(self, path: str, until: float) -> None:
        while True:
            self._limit(until)
            try:
                return self._socket.connect(path)
            except BlockingIOError:
                # Too many wait to be let in, as when the node hangs.
                time.sleep(_PAUSE_S)

    def _receive(self, until: float) -> bytes | None:
        self._limit(until)
        data = self._socket.recv(_CHUNK)
        if not data:
            raise ConnectionResetError
        return self._requests.take(data)

    def _limit(self, until: float) -> None:
        """Let the next call take until then; raises TimeoutError when that is over."""
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
