"""The status of a mesh, as values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from devstream_desktop.control.messages.status import MissingStatus, PeerStatus, RefusedStatus, Why
from devstream_desktop.mesh.limits import MOST_OF_AUTHOR, MOST_OF_PEER
from devstream_desktop.mesh.replica.shortfall import Shortfall
from devstream_desktop.stream.entry import KEY_BYTES, device_id

_T = TypeVar("_T")


class MeshStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `devstream status` shows of the mesh."""

    address: str
    peers: tuple[PeerStatus, ...]
    refused: tuple[RefusedStatus, ...]
    catching_up: int
    """Events that peers have and this node lacks, as far as known."""
    catch_up_total: int
    """The count when this catch-up began, 0 when there is none."""
    missing: tuple[MissingStatus, ...]
    """Events that do not come although this node has caught up."""
    feeds: int
    events: int
    frozen: int
    """Feeds that ended because a number was used twice."""
    discovery: str
    """The state of finding peers on the local network, one sentence."""
    pruning_suspended: str
    """The reason to keep expired events for now; empty when there is none."""


class CatchUp:
    """The size of a catch-up, to show its progress."""

    def __init__(self) -> None:
        self._missing = self._total = 0

    def note(self, missing: int) -> int:
        """Note the count of missing events; returns the total of this catch-up."""
        # New events are added to the total, so the part that is done never shrinks.
        self._total = (
            min(MOST_OF_PEER, self._total + max(0, missing - self._missing)) if missing else 0
        )
        self._missing = missing
        return self._total


def missing_of(shortfall: Shortfall, *, level: bool, ahead: int = 0) -> tuple[MissingStatus, ...]:
    """Return a shortfall by author and reason.

    Args:
        shortfall: Everything that is lacking.
        level: Some neighbour has given all it has, so nobody has what still lacks.
        ahead: The team's time minus this clock, milliseconds.

    """
    found: list[MissingStatus] = []
    nobody = shortfall.gaps if level else ()
    for why, ranges in ((Why.NOBODY, nobody), (Why.REFUSED, shortfall.refused)):
        for author, items in _by_author(ranges, lambda item: item.feed).items():
            # An author numbers as it likes, so the gap between two of its numbers may be any size.
            count = min(sum(item.last - item.first + 1 for item in items), MOST_OF_AUTHOR)
            feeds = len({item.feed for item in items})
            found.append(MissingStatus(device=author, why=why, count=count, feeds=feeds))
    for author, held in _by_author(shortfall.held_back, lambda pair: pair[0]).items():
        until = min(until for _, until in held) - ahead
        late = MissingStatus(device=author, why=Why.FUTURE, count=0, until=until, feeds=len(held))
        found.append(late)
    for author, ended in _by_author(shortfall.frozen, lambda feed: feed).items():
        found.append(MissingStatus(device=author, why=Why.FROZEN, count=0, feeds=len(ended)))
    crowded = [device_id(key) for key in shortfall.crowded]
    found += [MissingStatus(device=device, why=Why.CROWDED, count=0) for device in crowded]
    return tuple(found)


def _by_author(items: Iterable[_T], feed: Callable[[_T], bytes]) -> dict[str, list[_T]]:
    """Items by device: an author has any number of feeds, and a person wants one line."""
    found: dict[str, list[_T]] = {}
    for item in items:
        found.setdefault(device_id(feed(item)[:KEY_BYTES]), []).append(item)
    return found
