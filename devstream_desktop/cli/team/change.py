"""Changes of the team: signed by the node that runs here, or in this process."""

from __future__ import annotations

from devstream_desktop.cli.node_client import ask
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.members import ApproveJoin, Grant, Revoke, Ungrant
from devstream_desktop.control.messages.policy import (
    ApprovePolicy,
    MakeRecoveryKey,
    Recover,
    SetPolicy,
)
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home

Change = Grant | Ungrant | SetPolicy | ApprovePolicy | MakeRecoveryKey | Recover
"""A change that a home can make without its node."""


def sign(home: Home, change: Change) -> str:
    """Sign a change and return a sentence about it."""
    try:
        return ask(home, change).text
    except NoNodeError:
        # The node publishes it when it starts.
        from devstream_desktop.node import enrolment, team_requests

        return team_requests.act(enrolment.open_team(home), change)


def sign_by_node(home: Home, change: ApproveJoin | Revoke, why: str) -> str:
    """Have the node sign a change; `why` explains why nothing else can.

    Raises:
        DevstreamError: no node runs for this home.

    """
    try:
        return ask(home, change).text
    except NoNodeError:
        raise DevstreamError(
            f"no node runs for this home, and {why}: start devstream (or devstream node) first"
        ) from None
