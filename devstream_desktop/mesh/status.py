"""What a node says about its mesh: the typed picture behind `devstream status`."""

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
    """What `devstream status` shows of the mesh."""

    address: str
    peers: tuple[PeerStatus, ...]
    refused: tuple[RefusedStatus, ...]
    catching_up: int
    """Events that peers have and this node lacks, as far as known."""
    catch_up_total: int
    """How many there were when this catch-up began, 0 when there is none."""
    missing: tuple[MissingStatus, ...]
    """What does not come although this node has caught up, and why."""
    feeds: int
    events: int
    frozen: int
    """Feeds that a number used twice has ended."""
    discovery: str
    """How finding peers on the local network goes, one sentence."""
    pruning_suspended: str
    """Why old events are kept for now; empty when they are not."""


class CatchUp:
    """Remembers how much was missing when a catch-up began, so that it can be told how far it is."""

    def __init__(self) -> None:
        self._missing = self._total = 0

    def note(self, missing: int) -> int:
        """This much is missing; returns the total of this catch-up. What turns up meanwhile is added, so what is done never shrinks."""
        self._total = min(MOST_OF_PEER, self._total + max(0, missing - self._missing)) if missing else 0
        self._missing = missing
        return self._total


def missing_of(shortfall: Shortfall, *, level: bool, ahead: int = 0) -> tuple[MissingStatus, ...]:
    """A shortfall by author and reason.

    `level`: some neighbour has given all it has, so that what still lacks is with nobody. `ahead`: the team's time minus this clock.
    """
    found: list[MissingStatus] = []
    for why, ranges in ((Why.NOBODY, shortfall.gaps if level else ()), (Why.REFUSED, shortfall.refused)):
        for author, items in _by_author(ranges, lambda item: item.feed).items():
            # Its author numbers as it likes, so what lies between two of its numbers may be any number.
            count = min(sum(item.last - item.first + 1 for item in items), MOST_OF_AUTHOR)
            found.append(MissingStatus(device=author, why=why, count=count, feeds=len({item.feed for item in items})))
    for author, held in _by_author(shortfall.held_back, lambda pair: pair[0]).items():
        until = min(until for _, until in held) - ahead
        found.append(MissingStatus(device=author, why=Why.FUTURE, count=0, until=until, feeds=len(held)))
    for author, feeds in _by_author(shortfall.frozen, lambda feed: feed).items():
        found.append(MissingStatus(device=author, why=Why.FROZEN, count=0, feeds=len(feeds)))
    found += [MissingStatus(device=device_id(author), why=Why.CROWDED, count=0) for author in shortfall.crowded]
    return tuple(found)


def _by_author(items: Iterable[_T], feed: Callable[[_T], bytes]) -> dict[str, list[_T]]:
    """What is of each device: an author has as many feeds as it likes, and a person wants one line."""
    found: dict[str, list[_T]] = {}
    for item in items:
        found.setdefault(device_id(feed(item)[:KEY_BYTES]), []).append(item)
    return found
