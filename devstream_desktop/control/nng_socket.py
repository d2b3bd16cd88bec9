"""A connection to a node by nng, for named pipes of Windows."""

from __future__ import annotations

import selectors
import threading
import time

import pynng

from devstream_desktop.control.errors import NodeStoppedError, NoNodeError, SilentError
from devstream_desktop.control.wire import MAX_MESSAGE

_LOOK_S = 0.25
"""Seconds between looks whether the node is still there."""


class NngSocket:
    """One connection; one request at a time. As `LocalSocket`."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._socket = pynng.Req0(send_timeout=2_000, resend_time=-1)
        self._socket.recv_max_size = MAX_MESSAGE
        try:
            self._socket.dial(url, block=True)
        except pynng.Timeout:
            # Somebody listens there, and takes nobody in.
            self._socket.close()
            raise SilentError from None
        except pynng.NNGException as error:
            self._socket.close()
            raise NoNodeError from error
        # Called in a thread of nng.
        self._gone = threading.Event()
        self._socket.add_post_pipe_remove_cb(lambda _: self._gone.set())
        self._answers = selectors.DefaultSelector()
        # nng's own wait cannot be ended when the node dies.
        self._answers.register(self._socket.recv_fd, selectors.EVENT_READ)

    def exchange(self, message: bytes) -> bytes:
        """Send a request, and return the answer.

        Raises:
            NodeStoppedError: the node ended meanwhile.
            SilentError: it did not answer in time.

        """
        try:
            self._socket.send(message)
            self._await_answer()
            answer: bytes = self._socket.recv()
        except pynng.Timeout:
            raise NodeStoppedError if self._gone.is_set() else SilentError from None
        except pynng.NNGException as error:
            raise NodeStoppedError from error
        return answer

    def _await_answer(self) -> None:
        """Wait for an answer while the node lives. nng would wait for a killed one to come back."""
        deadline = time.monotonic() + self._timeout_s
        while not self._answers.select(_LOOK_S):
            if self._gone.is_set() and not self._answers.select(0):
                raise NodeStoppedError
            if time.monotonic() > deadline:
                raise SilentError

    def close(self) -> None:
        """End the connection."""
        self._answers.close()
        self._socket.close()
