"""Requests to the node of a home."""

from __future__ import annotations

from typing import TypeVar

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.home import Home

_R = TypeVar("_R", bound=Reply)


def ask(home: Home, request: Request[_R]) -> _R:
    """Return the node's answer.

    Raises:
        NoNodeError: no node runs for this home.
        ControlError: the node refused; the sentence says why.

    """
    with Client(home.control_url()) as client:
        return client.ask(request)


def node_runs(home: Home) -> bool:
    """Return true when a node answers for this home."""
    # Connecting is enough: only a node listens there, and a locked one listens too.
    try:
        Client(home.control_url()).close()
    except NoNodeError:
        return False
    return True
