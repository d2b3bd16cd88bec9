"""Asking the node of a home, and saying in JSON what it answered."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.home import Home

_R = TypeVar("_R", bound=Reply)


def ask(home: Home, request: Request[_R]) -> _R:
    """The node's answer.

    Raises:
        NoNodeError: none runs for this home.
        ControlError: it refused; the sentence says why.

    """
    with Client(home.control_url()) as client:
        return client.ask(request)


def node_runs(home: Home) -> bool:
    """Whether a node answers for this home."""
    try:
        Client(home.control_url()).close()
    except NoNodeError:
        return False
    return True


def print_json(value: object) -> None:
    """One JSON value on one line of standard output, at once."""
    print(msgspec.json.encode(value).decode(), flush=True)
