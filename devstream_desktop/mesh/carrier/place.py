"""The place of one node in a log, on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import msgspec

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.private_file import read_kept, write_private

MOST_DOUBTFUL = 1000
"""Ranges of numbers remembered that were not taken."""


class Place(msgspec.Struct):
    """The progress of reading and sending.

    Another log, or another history, begins anew.
    """

    made: str = ""
    """Names the broker's log."""
    index: bytes = b""
    """Names the numbering of arrivals in the history here."""
    read: Ranges = msgspec.field(default_factory=list)
    """Numbers of the log that were read."""
    doubtful: Ranges = msgspec.field(default_factory=list)
    """Numbers read that were not taken and may be later: refused, or ahead of their time."""
    trusted: Ranges = msgspec.field(default_factory=list)
    """Numbers that another node of the site has read, by its word."""
    own: int = 0
    """Arrivals of this device up to here are sent."""
    others: int = 0
    """The same for arrivals of others."""
    anew: int = 0
    """Arrivals up to here are offered whoever brought them: the log is a new one."""

    def follow(self, made: str, index: bytes, newest: int) -> bool:
        """Take up this log and this history; True when that begins anew.

        After an unclean stop the history has a new numbering: something that was read may be lost.
        """
        if (made, index) == (self.made, self.index):
            return False
        self.made, self.index, self.anew = made, index, newest
        self.read, self.doubtful, self.own, self.others = [], [], 0, 0
        self.trusted = []
        return True

    def missing(self, first: int, last: int) -> Ranges:
        """Return the numbers of the log that were not read."""
        if last < first:
            return []
        return intervals.subtract(intervals.subtract([(first, last)], self.read), self.trusted)

    def taken(self) -> Ranges:
        """Return the numbers taken in, here or by the site's relay."""
        known = intervals.union([*self.read, *self.trusted])
        return intervals.subtract(known, self.doubtful)

    def trust(self, read: Ranges, arrival: int) -> None:
        """Note what another node has read, and sent of the arrivals here."""
        self.trusted = intervals.union([*self.trusted, *read])
        self.others = max(self.others, arrival)

    def bound(self, last: int) -> None:
        """Trust nobody about numbers that the log has not given yet."""
        if self.trusted and self.trusted[-1][1] > last:
            self.trusted = intervals.intersect(self.trusted, [(1, last)])

    def took(self, first: int, last: int, doubtful: Iterable[int] = ()) -> None:
        """Note that these were read, and which of them were not taken."""
        self.read = intervals.add(self.read, first, last)
        # Bounded, because anybody can write what is refused: the newest count.
        parts = [*self.doubtful, *((number, number) for number in doubtful)]
        self.doubtful = intervals.union(parts)[-MOST_DOUBTFUL:]

    def read_again(self) -> None:
        """Read again what was not taken."""
        self.read = intervals.subtract(self.read, self.doubtful)
        self.doubtful = []


class PlaceFile:
    """The file with the place of one carrier."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = b""

    async def load(self) -> Place:
        """Return the place that was saved; a new one where there is none."""
        return await asyncio.to_thread(read_kept, self._path, Place) or Place()

    async def save(self, place: Place) -> None:
        """Save a place, if it is another than before.

        Raises:
            OSError: the disk is full. The next start then reads again what it has.

        """
        content = msgspec.json.encode(place)
        if content != self._saved:
            await asyncio.to_thread(write_private, self._path, content)
            self._saved = content
