"""Requests to the peer at the other end of a dialed link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.limits import MAX_WAIT_S, cost, cost_of_bytes
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.mesh.transport.link import Lane, Link, LinkError

_R = TypeVar("_R")


class PeerRefusedError(LinkError):
    """The peer does not want this link. `peers` are others to try."""

    def __init__(self, reason: str, peers: Sequence[wire.PeerAddress], *, busy: bool) -> None:
        super().__init__(reason)
        self.peers = list(peers)
        self.busy = busy


class Requester:
    """Asks one peer, and pays for the work that its answers cause."""

    def __init__(self, core: Core, link: Link, timing: Timing) -> None:
        self.last_seen = 0
        """Time of its last answer, UTC milliseconds; 0: never."""
        self._core = core
        self._link = link
        self._timing = timing

    async def ask(
        self,
        request: wire.Request,
        expected: type[_R],
        lane: Lane = Lane.OTHER,
        seconds: float | None = None,
    ) -> _R:
        """Send a request and await an answer of the expected type.

        Raises:
            LinkError: the link was lost.
            PeerRefusedError: the peer refuses to answer.
            MalformedMessageError: it answered something else.

        """
        asked = wire.encode(request)
        frame = await self._link.call(asked, lane, seconds or self._timing.request)
        reply = wire.decode_reply(frame)
        spent = cost_of_bytes(asked) + cost_of_bytes(frame) + cost(reply)
        wait = self._core.owes(self._link.device, spent)
        # Not longer, so that the heartbeat is in time; what is left over remains a debt.
        await self._link.rest(min(MAX_WAIT_S, wait))
        self.last_seen = self._core.clock()
        if isinstance(reply, expected):
            return reply
        if isinstance(reply, wire.Refused):
            raise PeerRefusedError(reply.reason, reply.peers, busy=reply.busy)
        message = f"{type(reply).__name__} in answer to {type(request).__name__}"
        raise wire.MalformedMessageError(message)
