"""The blocking client, for commands.

The desk has its own that never blocks (desktop/client/node_client.py).
"""

from __future__ import annotations

import selectors
import threading
import time
from typing import Self, TypeVar

from devstream_desktop.control.errors import (
    ControlError,
    NodeStoppedError,
    NoNodeError,
    StartingError,
)
from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.control.nng import pynng
from devstream_desktop.control.wire import (
    MAX_MESSAGE,
    AnyReply,
    decode_reply,
    encode_request,
    expect,
)

STARTING_S = 20.0
"""Seconds for which a node that is just starting is asked again."""

_LOOK_S = 0.25
"""Seconds between looks whether the node is still there."""

_SILENT = "the node does not answer; look at node.log in its home, or end it and start it again"
_WENT = "the node stopped while answering; try again"

_R = TypeVar("_R", bound=Reply)


class Client:
    """One connection to the node of a home; one request at a time."""

    def __init__(
        self, url: str, *, timeout_ms: int = 30_000, starting_s: float = STARTING_S
    ) -> None:
        """Connect; for `starting_s` seconds a node that is just starting is asked again.

        Raises:
            NoNodeError: no node answers at `url`.

        """
        self._timeout_s = timeout_ms / 1000
        self._starting_s = starting_s
        self._socket = pynng.Req0(send_timeout=2_000, resend_time=-1)
        self._socket.recv_max_size = MAX_MESSAGE
        try:
            self._socket.dial(url, block=True)
        except pynng.Timeout as error:
            # Somebody listens there, and takes nobody in.
            self._socket.close()
            raise ControlError(_SILENT) from error
        except pynng.NNGException as error:
            self._socket.close()
            raise NoNodeError(
                "no node runs for this home; start one with `devstream` or `devstream node`"
            ) from error
        # Called in a thread of nng.
        self._gone = threading.Event()
        self._socket.add_post_pipe_remove_cb(lambda _: self._gone.set())
        self._answers = selectors.DefaultSelector()
        # nng's own wait cannot be ended when the node dies.
        self._answers.register(self._socket.recv_fd, selectors.EVENT_READ)

    def ask(self, request: Request[_R]) -> _R:
        """Return the answer to `request`.

        Raises:
            ControlError: it was refused, or the node ended or did not answer in time.

        """
        deadline = time.monotonic() + self._starting_s
        while True:
            try:
                return expect(self._exchange(request), request)
            except StartingError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _exchange(self, request: Request[Reply]) -> AnyReply:
        try:
            self._socket.send(encode_request(request))
            self._await_answer()
            return decode_reply(self._socket.recv())
        except pynng.Timeout:
            if self._gone.is_set():
                raise NodeStoppedError(_WENT) from None
            raise ControlError(_SILENT) from None
        except pynng.NNGException as error:
            raise NodeStoppedError(
                f"the node stopped while answering ({error}); try again"
            ) from error

    def _await_answer(self) -> None:
        """Wait for an answer while the node lives. nng would wait for a killed one to come back."""
        deadline = time.monotonic() + self._timeout_s
        while not self._answers.select(_LOOK_S):
            if self._gone.is_set() and not self._answers.select(0):
                raise NodeStoppedError(_WENT)
            if time.monotonic() > deadline:
                raise ControlError(_SILENT)

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
