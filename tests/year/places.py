"""Networks of a team's year: an office behind a router, homes, a hotel, and who reaches whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from devstream_desktop.address import join, split

PORT = 7400
OUTER = ("office.example", "198.51.100.7")
"""The router's name and address, of which one port is forwarded."""


class Kind(Enum):
    """The addresses that a network gives on a day."""

    FOUR = "IPv4"
    BOTH = "both"
    SIX = "IPv6"


class Guest(Protocol):
    """A machine in a network."""

    name: str
    number: int
    up: bool


@dataclass
class Place:
    """One network behind one router; its addresses change each week."""

    name: str
    number: int
    kind: Kind = Kind.BOTH
    week: int = 0
    guests: list[Guest] = field(default_factory=list)
    forwards: str = ""
    """The name of the machine that the router's one open port leads to."""

    def hosts(self, guest: Guest) -> list[str]:
        """Return a guest's addresses today."""
        four = f"10.{self.number}.{self.week}.{guest.number}"
        six = f"fd00:{self.number}:{self.week + 1}::{guest.number}"
        return {
            Kind.FOUR: [four],
            Kind.BOTH: [four, six],
            Kind.SIX: [six],
        }[self.kind]

    def addresses(self, guest: Guest) -> list[str]:
        return [join(host, PORT) for host in self.hosts(guest)]


@dataclass
class World:
    """All networks."""

    places: list[Place]

    def of(self, guest: Guest) -> Place | None:
        return next((place for place in self.places if guest in place.guests), None)

    def at(self, caller: Guest, address: str) -> Guest | None:
        """Return the machine that `caller` reaches at an address now; None for nobody."""
        here, (host, port) = self.of(caller), split(address)
        if here is None or port != PORT:
            return None
        # From inside, the router does not lead back in.
        if host in OUTER:
            there = next((place for place in self.places if place.forwards), None)
            if there is None or there is here or Kind.SIX in (here.kind, there.kind):
                return None
            found = [guest for guest in there.guests if guest.name == there.forwards]
        else:
            found = [guest for guest in here.guests if host in here.hosts(guest)]
        return next((guest for guest in found if guest.up and guest is not caller), None)

    def near(self, caller: Guest) -> list[Guest]:
        """List who hears a caller's multicast."""
        here = self.of(caller)
        return [one for one in here.guests if one.up and one is not caller] if here else []

    def reaches(self, caller: Guest, other: Guest) -> bool:
        """Return True when the network alone lets `caller` open a connection to `other`."""
        outer = join(OUTER[0], PORT)
        return other in self.near(caller) or self.at(caller, outer) is other
