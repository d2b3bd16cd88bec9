"""Exchange of policy documents with one peer, until both hold the same."""

from __future__ import annotations

import time

from devstream_desktop.door.bucket import Bucket
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.requester import Requester
from devstream_desktop.mesh.transport.link import Link

LEVEL_RATE, MAX_LEVELLED = 4.0, 16
"""Exchanges a second, and at once: a chain of some thousand versions takes as many."""


class PolicySync:
    """Brings this node and one peer to the same policies."""

    def __init__(self, core: Core, link: Link, requester: Requester) -> None:
        self._core = core
        self._link = link
        self._requester = requester
        self._levelled = (-1, -1)
        """The versions, ours and theirs, of the last exchange."""
        self._levels = Bucket(LEVEL_RATE, MAX_LEVELLED, time.monotonic())

    async def level(self, theirs: int) -> None:
        """Exchange documents with a peer that holds version `theirs`.

        Once for each pair of versions. The rest goes on with the next message of the peer, which
        shows its version each time.
        """
        for _ in range(MAX_LEVELLED):
            mine = self._core.policies.version()
            # The same pair twice means that neither side accepts the other's documents.
            if theirs == mine or self._levelled == (mine, theirs):
                return
            # A peer whose policy is always newer would have us ask without end.
            await self._link.rest(self._levels.take(1, time.monotonic()))
            self._levelled = (mine, theirs)
            request = wire.AskPolicy(mine, self._core.documents_after(theirs))
            reply = await self._requester.ask(request, wire.Policies)
            self._core.absorb_policy(reply.documents)
            theirs = reply.version
