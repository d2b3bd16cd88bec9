"""What a node says about its mesh: the typed picture behind `devstream status`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import TypeVar

import msgspec

from devstream_desktop.mesh.limits import MOST_OF_AUTHOR, MOST_OF_PEER
from devstream_desktop.mesh.replica.shortfall import Shortfall
from devstream_desktop.stream.entry import KEY_BYTES, device_id

_T = TypeVar("_T")


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One peer that this node is, or wants to be, linked with."""

    device: str
    """Empty until it has said who it is."""
    address: str
    """`host:port` it is dialed at; the host alone where it dialed us."""
    direction: str
    """`dialed` or `accepted`."""
    state: str
    """`connecting`, `syncing`, `live` or `lost`."""
    behind: int
    """How many events it has that this node lacks, as far as known."""
    lag: int
    """How many of this node's arrivals it has not asked for or taken yet, as far as known."""
    clock_offset: int
    """Its clock minus ours, milliseconds."""
    last_seen: int
    """UTC milliseconds, 0 for never."""


SEVERAL = "several addresses"


class RefusedPeer(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who was turned away, or who turned us away."""

    address: str
    device: str
    reason: str
    count: int
    last: int
    """UTC milliseconds."""


class Why(StrEnum):
    """Why something is missing."""

    NOBODY = "nobody"
    """No linked neighbour has it."""
    FUTURE = "future"
    """Its author's clock is ahead; it is held back until its time has come."""
    REFUSED = "refused"
    """Its author may not write this."""
    FROZEN = "frozen"
    """Its author used a number twice, as a restored backup does."""
    CROWDED = "crowded"
    """Its author began more feeds than are kept of one device."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing of one author for one reason."""

    device: str
    why: Why
    count: int
    """How many events; 0 where that is not known."""
    until: int = 0
    """When the first of it is asked for again, UTC milliseconds by this clock; 0 where that is not by the clock."""
    feeds: int = 1
    """How many of its author's feeds this is about."""


class MeshStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `devstream status` shows of the mesh."""

    address: str
    peers: tuple[PeerStatus, ...]
    refused: tuple[RefusedPeer, ...]
    catching_up: int
    """Events that peers have and this node lacks, as far as known."""
    catch_up_total: int
    """How many there were when this catch-up began, 0 when there is none."""
    missing: tuple[Missing, ...]
    """What does not come although this node has caught up, and why."""
    feeds: int
    events: int
    frozen: int
    """Feeds that a number used twice has ended."""
    discovery: str
    """How finding peers on the local network goes, one sentence."""
    pruning_suspended: str
    """Why old events are kept for now; empty when they are not."""


class Refusals:
    """Who was turned away and why, the latest few; each told once in the log.

    Strangers, who showed no certificate of the team, can be as many as they like: they are one line for each reason.
    """

    LIMIT = 50

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str, str], RefusedPeer] = {}

    def note(self, address: str, device: str, reason: str, now: int) -> bool:
        """Count one more; True when it is the first of its kind."""
        return self._note((address, device, reason), address, now)

    def note_stranger(self, host: str, reason: str, now: int) -> bool:
        """Count one more of nobody's; True when it is the first of its kind."""
        key = ("", "", reason)
        before = self._seen.get(key)
        return self._note(key, host if before is None or before.address == host else SEVERAL, now)

    def all(self) -> tuple[RefusedPeer, ...]:
        """The latest first."""
        return tuple(reversed(self._seen.values()))

    def _note(self, key: tuple[str, str, str], address: str, now: int) -> bool:
        before = self._seen.pop(key, None)
        count = before.count + 1 if before else 1
        self._seen[key] = RefusedPeer(address=address, device=key[1], reason=key[2], count=count, last=now)
        while len(self._seen) > self.LIMIT:
            del self._seen[next(iter(self._seen))]
        return before is None


class CatchUp:
    """Remembers how much was missing when a catch-up began, so that it can be told how far it is."""

    def __init__(self) -> None:
        self._missing = self._total = 0

    def note(self, missing: int) -> int:
        """This much is missing; returns the total of this catch-up. What turns up meanwhile is added, so what is done never shrinks."""
        self._total = min(MOST_OF_PEER, self._total + max(0, missing - self._missing)) if missing else 0
        self._missing = missing
        return self._total


def missing_of(shortfall: Shortfall, *, level: bool, ahead: int = 0) -> tuple[Missing, ...]:
    """A shortfall by author and reason.

    `level`: some neighbour has given all it has, so that what still lacks is with nobody. `ahead`: the team's time minus this clock.
    """
    found: list[Missing] = []
    for why, ranges in ((Why.NOBODY, shortfall.gaps if level else ()), (Why.REFUSED, shortfall.refused)):
        for author, items in _by_author(ranges, lambda item: item.feed).items():
            # Its author numbers as it likes, so what lies between two of its numbers may be any number.
            count = min(sum(item.last - item.first + 1 for item in items), MOST_OF_AUTHOR)
            found.append(Missing(device=author, why=why, count=count, feeds=len({item.feed for item in items})))
    for author, held in _by_author(shortfall.held_back, lambda pair: pair[0]).items():
        until = min(until for _, until in held) - ahead
        found.append(Missing(device=author, why=Why.FUTURE, count=0, until=until, feeds=len(held)))
    for author, feeds in _by_author(shortfall.frozen, lambda feed: feed).items():
        found.append(Missing(device=author, why=Why.FROZEN, count=0, feeds=len(feeds)))
    found += [Missing(device=device_id(author), why=Why.CROWDED, count=0) for author in shortfall.crowded]
    return tuple(found)


def _by_author(items: Iterable[_T], feed: Callable[[_T], bytes]) -> dict[str, list[_T]]:
    """What is of each device: an author has as many feeds as it likes, and a person wants one line."""
    found: dict[str, list[_T]] = {}
    for item in items:
        found.setdefault(device_id(feed(item)[:KEY_BYTES]), []).append(item)
    return found
