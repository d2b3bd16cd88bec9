"""Requests to a node, or to the home while no node runs."""

from __future__ import annotations

import time
from typing import TypeVar

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import (
    ControlError,
    HomeTakenError,
    NodeStoppedError,
    NoNodeError,
)
from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.home import Home

_R = TypeVar("_R", bound=Reply)

_TRIES = 5
"""A node may start or stop between two looks; so often in a row it does not."""
_PAUSE_S = 0.4
"""Seconds between two looks; a node makes a lost socket anew within a second."""


def ask(home: Home, request: Request[_R]) -> _R:
    """Return the node's answer, or this process's while none runs.

    Without a node the home is locked meanwhile, so there is never a second writer.

    Raises:
        NoNodeError: no node runs for this home, and the request takes one.
        ControlError: it was refused; the sentence says why.

    """
    taken: HomeTakenError | None = None
    for _ in range(_TRIES):
        try:
            return ask_node(home, request)
        except NodeStoppedError:
            # Not tried here: the node may have carried it out before it stopped.
            raise
        except NoNodeError:
            # Late, because a command that finds a node needs none of the node's libraries.
            from devstream_desktop.node import stopped_home

            try:
                return stopped_home.answer(home, request)
            except HomeTakenError as error:
                # A node started in the same moment, so it is asked instead.
                taken = error
                time.sleep(_PAUSE_S)
    raise ControlError(
        f"the node of this home cannot be reached, though it has the home: {taken}"
    ) from taken


def ask_node(home: Home, request: Request[_R]) -> _R:
    """Return the answer of a node that runs.

    Raises:
        NoNodeError: no node runs for this home.
        ControlError: the node refused; the sentence says why.

    """
    with Client(home.control_url()) as client:
        return client.ask(request)


def node_runs(home: Home) -> bool:
    """Return true when a node answers for this home."""
    # Connecting is enough: a locked node listens too, and a command is soon done.
    try:
        Client(home.control_url()).close()
    except NoNodeError:
        return False
    return True
