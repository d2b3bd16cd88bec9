"""Exchange of policy documents with one peer, until both hold the same."""

from __future__ import annotations

import time

from devstream_desktop.door.bucket import Bucket
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.policy_parts import PolicyParts
from devstream_desktop.mesh.requester import Requester
from devstream_desktop.mesh.transport.link import Link

LEVEL_RATE, MAX_LEVELLED = 4.0, 16
"""Exchanges a second, and at once: a chain of some thousand versions takes as many."""
PART_S = 0.25
"""Seconds between two parts."""


class PolicySync:
    """Brings this node and one peer to the same policies."""

    def __init__(self, core: Core, link: Link, requester: Requester) -> None:
        self._core = core
        self._link = link
        self._requester = requester
        self._parts = PolicyParts()
        self._levels = Bucket(LEVEL_RATE, MAX_LEVELLED, time.monotonic())

    async def level(self, theirs: int) -> None:
        """Exchange documents with a peer that holds version `theirs`.

        Each part once for each pair of versions, and again after some time. The rest goes on with
        the next message of the peer, which shows its version each time.
        """
        policies, had = self._core.policies, list[bytes]()
        for _ in range(MAX_LEVELLED):
            # Neither side accepts what it got, or is still at it.
            if theirs == policies.version() or not (had or self._parts.due(policies, theirs)):
                return
            # A peer whose policy is always newer would have us ask without end. It takes some time
            # to check a part, and drops what comes while many wait.
            pause = PART_S if had or self._parts.begun(policies, theirs) else 0.0
            await self._link.rest(max(pause, self._levels.take(1, time.monotonic())))
            part = self._parts.next(policies, theirs)
            request = wire.AskPolicy(policies.version(), part)
            reply = await self._requester.ask(request, wire.Policies)
            self._core.absorb_policy(reply.documents)
            # It may have more than fits one message. An older node sends the same part again.
            had = reply.documents if reply.documents != had else []
            theirs = reply.version
