"""The port of a node, and the addresses that lead to it.

A team of one that nobody can join is reached from its own machine only. Its port opens to others
with the first invite, unless a person named the port: then it is open from the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from devstream_desktop import address
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.node_words import ADDRESS_GONE, PORT_TAKEN
from devstream_desktop.interfaces import own_addresses, reachable_hosts
from devstream_desktop.language import N_
from devstream_desktop.mesh.service import ListenError

CLOSED = N_("off while nobody can join this team of one: an invite opens it")
_HERE = "127.0.0.1"

Listen = Callable[[str], Awaitable[str]]
"""Listens at HOST:PORT, and returns the bound one."""


class Reach:
    """The port of a node, open while somebody can use it.

    Args:
        listen: HOST:PORT that a person named, or the default.
        kept: The port of last time; 0 for none.
        named: Addresses that a person says lead here, as through a router.
        alone: True while nobody else is in the team, or can join.
        notices: What is wrong; kept up to date here under `port` and `address`.

    """

    def __init__(
        self,
        listen: str,
        kept: int,
        *,
        named: Sequence[str],
        alone: Callable[[], bool],
        notices: dict[str, str],
    ) -> None:
        self._host, self._port = address.split(listen)
        self._may_close = address.is_any(self._host) and not self._port
        self._kept = kept
        self._named = tuple(named)
        self._alone = alone
        self._notices = notices
        self._moving = asyncio.Lock()
        self._move: Listen
        self._listens = False
        self.bound = ""
        """HOST:PORT that the node listens at; empty before it does."""
        self.closed = False
        """True while only this machine reaches it."""

    async def start(self, begin: Listen, move: Listen) -> None:
        """Listen at first by `begin`, and by `move` whenever that changes.

        Raises:
            ListenError: the address cannot be listened on.

        """
        self.closed = self._may_close and self._alone()
        self._move = move
        await self._listen(begin)

    def name(self, addresses: Sequence[str]) -> None:
        """Take over where others reach this node besides."""
        self._named = tuple(addresses)

    async def follow(self, *, joining: bool = False) -> bool:
        """Open or close the port as the team needs it; true when that changed.

        `joining`: somebody is about to be invited.

        Raises:
            ListenError: neither that port nor another can be listened on.

        """
        async with self._moving:
            closed = self._may_close and self._alone() and not joining
            # What failed the last time is tried again.
            changed = closed is not self.closed or not self._listens
            self.closed = closed
            if changed:
                await self._listen(self._move)
        self._look()
        return changed

    async def _listen(self, listen: Listen) -> None:
        self._listens = False
        host, wanted = _HERE if self.closed else self._host, self._port or self._kept
        try:
            self.bound = await listen(address.join(host, wanted))
        except ListenError:
            # Whoever named the port wants that one or none.
            if self._port or not self._kept:
                raise
            self.bound = await listen(address.join(host, 0))
        self._listens = True
        self._port_taken(self.port, wanted)
        self._look()

    def _port_taken(self, port: int, wanted: int) -> None:
        self._kept = port
        if wanted and port != wanted:
            self._notices["port"] = PORT_TAKEN.format(wanted=wanted, port=port)

    def _look(self) -> None:
        """Notice an address that this machine lacks, as a VPN's."""
        self._notices.pop("address", None)
        try:
            own = {address.plain(one) for one in own_addresses()}
        # No descriptor is left, which is said elsewhere.
        except OSError:
            return
        host = address.plain(address.split(self.bound)[0])
        if not address.is_any(host) and not address.is_loopback(host) and host not in own:
            self._notices["address"] = ADDRESS_GONE.format(address=host)

    @property
    def port(self) -> int:
        return address.split(self.bound)[1]

    @property
    def shown(self) -> str:
        """The one address to show; this machine's own where there is no better."""
        if not self.bound:
            return ""
        # A team of one shows where it can be looked at, not where it will be reached.
        return next(iter(() if self.closed else self._own()), address.join(_HERE, self.port))

    def addresses(self) -> list[str]:
        """List where others reach this node, HOST:PORT, the best first.

        As it is now: a laptop changes its network while the node runs. None off every network.
        """
        if not self.bound or self.closed:
            return []
        return list(dict.fromkeys((*self._named, *self._own())))

    def invited(self, first: str = "") -> list[str]:
        """List the addresses that an invite names; `first` is one that a person chose.

        Raises:
            ControlError: this machine has none that another could reach.

        """
        return invited(self.bound, (first, *self._named))

    def _own(self) -> list[str]:
        return reached_at(self.bound)


def reached_at(bound: str) -> list[str]:
    """List the addresses of a node at `bound`, the best first."""
    host, port = address.split(bound)
    if not address.is_any(host):
        return [bound]
    # A listener on "::" takes callers by IPv4 as well.
    return [address.join(one, port) for one in reachable_hosts(six=":" in host)]


def invited(bound: str, named: Sequence[str]) -> list[str]:
    """List an invite's addresses for a node at `bound`, the likeliest first.

    Raises:
        ControlError: this machine has none that another could reach, and none is named.

    """
    host, port = address.split(bound)
    said = [one for one in named if one]
    # One on loopback is for another home of this machine: of no use beside a named one.
    own = [] if said and address.is_loopback(host) else reached_at(bound)
    # A link-local one with its interface leads from this machine only.
    own = [one for one in own if "%" not in one]
    found = list(dict.fromkeys((*said, *own)))
    if not found:
        raise ControlError(
            "this machine has no network address that another could reach now, so an invite would"
            " lead nowhere: connect it to a network, or name the address that it will have:"
            f" devstream team invite --address HOST:{port}"
        )
    return found


def doubt_of(addresses: Sequence[str]) -> str:
    """Say why an invite to these addresses may be of no use; empty when it is."""
    if not all(address.is_loopback(address.split(one)[0]) for one in addresses):
        return ""
    return (
        f"this invite is for this machine only, because its node listens on {addresses[0]}: to"
        ' invite another machine set [mesh] listen = "[::]:0" in settings.toml and start the node'
        " again"
    )
