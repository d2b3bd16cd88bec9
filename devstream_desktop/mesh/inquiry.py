"""Questions to one node that are not about the log.

Each goes over a connection of its own: it waits behind nothing that a link carries, and harms no
link when the other end cannot answer it.
"""

from __future__ import annotations

import asyncio
import time

from devstream_desktop.address import AddressError
from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.overlay.dialer import Dialer
from devstream_desktop.mesh.overlay.table import Overlay
from devstream_desktop.mesh.transport.link import Lane, Link, LinkError

MOST_ADDRESSES = 4
"""Addresses of one device to try; the last good one is first."""


class UnreachableError(DevstreamError):
    """The node did not answer; the message says why."""


class NotAnsweredError(DevstreamError):
    """The node answered that it cannot say; the message is its own."""


class Inquiries:
    """Asks other nodes."""

    def __init__(self, core: Core, overlay: Overlay, dialer: Dialer) -> None:
        self._core = core
        self._overlay = overlay
        self._dialer = dialer
        self._turns: dict[str, asyncio.Lock] = {}

    async def ask(self, device: str, topic: str, body: bytes, seconds: float) -> bytes:
        """Ask `device`, and return its answer.

        Raises:
            UnreachableError: it did not answer within `seconds`.
            NotAnsweredError: it refused to.

        """
        reason = "no address of it is known here"
        self._turns = {other: lock for other, lock in self._turns.items() if lock.locked()}
        # A node takes two connections of a device, and one of them is the link.
        async with self._turns.setdefault(device, asyncio.Lock()):
            end = time.monotonic() + seconds
            for address in self._addresses(device):
                left = end - time.monotonic()
                if left <= 0:
                    break
                try:
                    return await self._ask_at(address, device, topic, body, left)
                except (LinkError, AddressError, wire.MalformedMessageError) as error:
                    reason = str(error)
        raise UnreachableError(reason)

    def _addresses(self, device: str) -> list[str]:
        known = [item for item in self._overlay.all() if item.device == device]
        known.sort(key=lambda item: item.last_ok, reverse=True)
        # A node that dialed us says where it can be dialed itself.
        callers = [one.address for one in self._core.accepted.all() if one.device == device]
        found = dict.fromkeys((*(item.address for item in known), *filter(None, callers)))
        return list(found)[:MOST_ADDRESSES]

    async def _ask_at(
        self, address: str, device: str, topic: str, body: bytes, seconds: float
    ) -> bytes:
        end = time.monotonic() + seconds
        literal = (await self._dialer.literals(address))[0]

        def gate(other: str) -> str | None:
            return "another node is there" if other != device else self._core.gate(other)

        link = Link(literal, gate)
        try:
            await link.open(self._dialer.config, seconds)
            frame = wire.encode(wire.AskNode(topic, body))
            left = max(0.1, end - time.monotonic())
            reply = wire.decode_reply(await link.call(frame, Lane.OTHER, left))
        finally:
            await link.close()
        if isinstance(reply, wire.Refused):
            raise NotAnsweredError(reply.reason)
        if not isinstance(reply, wire.NodeAnswer):
            raise wire.MalformedMessageError(f"{type(reply).__name__} in answer to a question")
        return reply.body
