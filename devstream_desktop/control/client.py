"""The blocking client, for commands.

The desk has its own that never blocks (desktop/client/node_client.py).
"""

from __future__ import annotations

import sys
import time
from typing import Protocol, Self, TypeVar

from devstream_desktop.control.errors import StartingError
from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.control.wire import decode_answer, encode_request

STARTING_S = 20.0
"""Seconds for which a node that is just starting is asked again."""

_R = TypeVar("_R", bound=Reply)


class Connection(Protocol):
    """Carries one request at a time."""

    def exchange(self, message: bytes) -> bytes:
        """Send a request, and return the answer."""

    def close(self) -> None:
        """End it."""


class Client:
    """One connection to the node of a home; one request at a time."""

    def __init__(
        self, url: str, *, timeout_ms: int = 30_000, starting_s: float = STARTING_S
    ) -> None:
        """Connect; for `starting_s` seconds a node that is just starting is asked again.

        Raises:
            NoNodeError: no node answers at `url`.
            ControlError: somebody there is silent, or is no node.

        """
        self._starting_s = starting_s
        self._connection = connect(url, timeout_ms / 1000)

    def ask(self, request: Request[_R]) -> _R:
        """Return the answer to `request`.

        Raises:
            ControlError: it was refused, or the node ended or did not answer in time.

        """
        message = encode_request(request)
        deadline = time.monotonic() + self._starting_s
        while True:
            try:
                return decode_answer(self._connection.exchange(message), request)
            except StartingError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(url: str, timeout_s: float) -> Connection:
    """Connect to the node at `url`; `timeout_s` is for each answer."""
    # A named pipe is read without a limit of time, except by nng.
    if sys.platform == "win32":
        from devstream_desktop.control.nng_socket import NngSocket

        return NngSocket(url, timeout_s)
    # Late: each platform has one of them.
    from devstream_desktop.control.local_socket import LocalSocket

    return LocalSocket(url, timeout_s)
