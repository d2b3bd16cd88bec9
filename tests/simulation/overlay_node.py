"""Nodes of a simulated overlay, and the links between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from devstream_desktop.mesh.limits import NAMED_BURST, NAMED_RATE, Buckets
from devstream_desktop.mesh.overlay.table import ACCEPT_CAP, Overlay


@dataclass(eq=False, repr=False)
class Lane:
    """One direction of a link: what is still to be sent, with one batch under way at most."""

    link: Link
    source: Node
    target: Node
    pending: dict[int, None] = field(default_factory=dict)
    busy: bool = False


@dataclass(eq=False, repr=False)
class Link:
    dialer: Node
    listener: Node
    address: str
    alive: bool = True
    live: bool = False
    """Compared and in step: what the session calls LIVE."""
    lanes: tuple[Lane, Lane] = field(init=False)

    def __post_init__(self) -> None:
        self.lanes = (
            Lane(self, self.dialer, self.listener),
            Lane(self, self.listener, self.dialer),
        )

    def other(self, node: Node) -> Node:
        return self.listener if node is self.dialer else self.dialer

    def lane_from(self, node: Node) -> Lane:
        return self.lanes[0] if node is self.dialer else self.lanes[1]


@dataclass(eq=False, repr=False)
class Node:
    device: str
    address: str
    overlay: Overlay
    site: int
    """The subnet: its nodes hear each other's announcements and reach each other."""
    bridge: bool = False
    """Reaches the bridges of other sites, too."""
    open: bool = True
    """Can be dialed at all."""
    lies: bool = False
    """Names addresses where nobody is, as those of devices that are elsewhere, and passes nothing
    on.
    """
    cap: int = ACCEPT_CAP
    up: bool = False
    life: int = 0
    """Counts its starts, so that what was planned before a crash does not happen after it."""
    dials: dict[str, Link | None] = field(default_factory=dict)
    links: dict[Link, None] = field(default_factory=dict)
    """Ordered, or one seed would not be one run."""
    served: dict[str, float] = field(default_factory=dict)
    """The callers it accepted, and until when each holds a place.

    A place is held for a while after its caller has left.
    """
    named: Buckets = field(default_factory=lambda: Buckets(NAMED_RATE, NAMED_BURST))
    """Addresses that each neighbour may still name (mesh/overlay/dialer.py)."""
    have: dict[int, float] = field(default_factory=dict)
    asked: int = 0
    """The times it was dialed with success, or refused somebody as full."""
    looking: bool = False

    def callers(self) -> Iterable[Link]:
        return (link for link in self.links if link.listener is self)

    def peers(self) -> set[Node]:
        return {link.other(self) for link in self.links if link.live}
