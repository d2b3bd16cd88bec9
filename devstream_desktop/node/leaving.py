"""A device goes by its own will: the team hears it first, then the home forgets the team."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.node_words import LINK_REJECTED
from devstream_desktop.home import Home
from devstream_desktop.node.core import Node
from devstream_desktop.team import Policy, Team

LINK_S = 5.0
"""Seconds for a link, which may just be dialed anew."""
HEARD_S = 20.0
"""Seconds for a peer to take this device's last word."""
_LOOK_S = 0.1
_ALONE = "; leave again where one is linked, or with --force, and have an admin revoke it"


def nobody_to_tell(policy: Policy, device: str) -> bool:
    """Return true when the team has no part in it: the device is alone, or out already."""
    return policy.of_one_device or not policy.is_member(device)


async def tell_team(node: Node, *, force: bool) -> str:
    """Tell the team that this device goes; return the outcome in words.

    It waits until a member has heard it. With `force` it may go unheard.

    Raises:
        ControlError: no member hears it; what to do.
        PolicyError: the team would be left without an admin; what to do first.

    """
    team = node.team
    gone = f"this device left team {team.name}"
    if nobody_to_tell(team.chain.current, node.device):
        return gone
    revoke = f"devstream team revoke {node.device[:8]}"
    linked = await _until(lambda: _linked(node), 0 if force else LINK_S)
    # A revoked device gets no newer policy: that nobody lets it in is all it can know.
    if not linked and any(one.reason == LINK_REJECTED for one in node.mesh.status().refused):
        unknown = f"where it is not revoked, an admin does it: {revoke}"
        return f"{gone}, which rejects it; {unknown}"
    if not force and not linked:
        raise ControlError(f"no member is linked, so nobody would hear it{_ALONE}: {revoke}")
    await node.trust.leave()
    if await _until(lambda: _heard(node), _LOOK_S if force else HEARD_S):
        return f"{gone}; the node of an admin takes it out of the policy"
    if not force:
        raise ControlError(f"no member has heard it yet{_ALONE}: {revoke}")
    return f"{gone}, and no member has heard it; an admin revokes it: {revoke}"


def forget_team(home: Home, team: Team) -> None:
    """Set the membership aside, and forget where its members are; blocks.

    Raises:
        TeamError: the disk refuses.

    """
    team.leave()
    home.peers.unlink(missing_ok=True)


async def _until(look: Callable[[], bool], seconds: float) -> bool:
    deadline = monotonic() + seconds
    while True:
        if look():
            return True
        if monotonic() >= deadline:
            return False
        await asyncio.sleep(_LOOK_S)


def _heard(node: Node) -> bool:
    level = any(peer.state == "live" and not peer.lag for peer in node.mesh.status().peers)
    return level or not node.team.chain.current.is_member(node.device)


def _linked(node: Node) -> bool:
    return any(peer.state in ("live", "syncing") for peer in node.mesh.status().peers)
