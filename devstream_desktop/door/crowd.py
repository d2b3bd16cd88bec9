"""Places for strangers: where none is left, the oldest of the largest share leaves.

A share is what is counted together: the host that connections come from, or a path behind a proxy.
So whoever crowds a door takes room from nobody but itself, and one share alone may use all of it.
The oldest goes and not the newest: an honest one is done within moments, so what has stayed longest
is most likely there to stay.
"""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from functools import lru_cache

Share = Hashable


@dataclass(eq=False)
class Guest:
    """One that takes room until it leaves or has to."""

    share: Share
    out: Callable[[], None] = field(repr=False)
    """Called once when it has to leave; it has left then."""
    weight: int
    number: int


class Crowd:
    """All guests of one port.

    `room` bounds the sum of their weights: connections, or bytes.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._numbers = itertools.count()
        self._shares: dict[Share, dict[int, Guest]] = {}
        self._weights: dict[Share, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._shares.values()))

    @property
    def taken(self) -> int:
        """The sum of all weights, never more than the room."""
        return self._taken

    def weight_of(self, share: Share) -> int:
        """Return the weight of a share."""
        return self._weights.get(share, 0)

    def enter(self, share: Share, out: Callable[[], None], weight: int = 1) -> Guest:
        """Take room; others may have to give way for it."""
        guest = Guest(share, out, 0, next(self._numbers))
        self._shares.setdefault(share, {})[guest.number] = guest
        self.grow(guest, weight)
        return guest

    def grow(self, guest: Guest, weight: int) -> None:
        """Take more room, which may cost others or itself theirs.

        Nothing happens where it has left.
        """
        if not self._has(guest):
            return
        guest.weight += weight
        self._taken += weight
        self._weights[guest.share] = self._weights.get(guest.share, 0) + weight
        # The largest share gives way, so that whoever crowds the port takes nobody else's place.
        while self._taken > self._room:
            largest = max(self._weights, key=self._weights.__getitem__)
            oldest = next(iter(self._shares[largest].values()))
            self.leave(oldest)
            oldest.out()

    def move(self, guest: Guest, share: Share) -> None:
        """Count it with another share from now on, its newest; nothing where it has left."""
        if self._has(guest):
            weight = guest.weight
            self.leave(guest)
            guest.share, guest.weight = share, 0
            self._shares.setdefault(share, {})[guest.number] = guest
            self.grow(guest, weight)

    def leave(self, guest: Guest) -> None:
        """Give the room back; nothing where it has left."""
        if not self._has(guest):
            return
        guests = self._shares[guest.share]
        del guests[guest.number]
        self._taken -= guest.weight
        self._weights[guest.share] -= guest.weight
        if not guests:
            del self._shares[guest.share], self._weights[guest.share]

    def _has(self, guest: Guest) -> bool:
        """Return True for a guest of this crowd.

        One of another crowd may have its number.
        """
        return self._shares.get(guest.share, {}).get(guest.number) is guest


@lru_cache(maxsize=1024)
def share_of(host: str) -> str:
    """Return the share of a host.

    Its address; of IPv6 the /64, which one machine has all of.
    """
    try:
        # Without the zone of a link-local address.
        ip = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
