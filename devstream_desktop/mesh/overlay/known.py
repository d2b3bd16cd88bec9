"""The entries of the overlay's table: known addresses, and subnets that never answered."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

from devstream_desktop.address import split


class Source(IntEnum):
    """The origin of an address.

    The more it weighs, the later it is forgotten.
    """

    GOSSIP = 0
    DISCOVERED = 1
    HINT = 2
    STATIC = 3


@dataclass
class Known:
    """An address that a peer may be dialed at."""

    address: str
    source: Source
    device: str = ""
    last_ok: int = 0
    left: int = 0
    """Time when a steady link with it broke."""
    failures: int = 0
    next_try: int = 0
    tried: int = 0
    seen: bool = False
    """Its device has dialed us from this host."""
    subnet: str = field(init=False)

    def __post_init__(self) -> None:
        self.subnet = subnet(self.address)

    @property
    def rumour(self) -> bool:
        """True when nothing but another's word speaks for it.

        Such an address may be anybody's.
        """
        return self.source is Source.GOSSIP and not self.last_ok and not self.seen

    @property
    def vain(self) -> bool:
        """True for a rumour that was tried in vain so far."""
        return self.rumour and self.failures > 0


@dataclass
class Closed:
    """A subnet that never answered and is probably unreachable.

    Once there are neighbours, it is retried as rarely as a dead address.
    """

    failures: int = 0
    next_try: int = 0


@lru_cache(4096)
def subnet(address: str) -> str:
    """Return the /24 of an address, or its IPv6 like.

    One neighbour in each reachable one keeps the islands joined. The addresses of a team are asked
    about again with each word of them, so what was found is kept.
    """
    host, scope = split(address)[0].partition("%")[::2]
    try:
        ip = ipaddress.ip_address(host)
    # A name has none but itself.
    except ValueError:
        return host
    bits = 24 if ip.version == 4 else 64
    return f"{ipaddress.ip_network(f'{ip}/{bits}', strict=False)}{scope}"


def worth(known: Known) -> tuple[bool, bool, int, int, int]:
    """Return the order in which addresses are forgotten, the least useful first."""
    named, worked = known.source is Source.STATIC, known.last_ok > 0
    return named, worked, known.source, known.last_ok, -known.failures
