"""The ranges under way, so that no two links fetch the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.replica.ranges import cut
from devstream_desktop.mesh.wire import Range


class Fetches:
    """Claims of the links of one node: two neighbours fill a gap from disjoint parts."""

    def __init__(self) -> None:
        self._claimed: dict[bytes, Ranges] = {}

    @contextmanager
    def claim(self, ranges: Sequence[Range]) -> Iterator[None]:
        """Claim these for one link as long as the context lasts."""
        # By feed, because answers to peers look at thousands of ranges.
        for item in ranges:
            claimed = self._claimed.get(item.feed, [])
            self._claimed[item.feed] = intervals.add(claimed, item.first, item.last)
        try:
            yield
        finally:
            for item in ranges:
                claimed = self._claimed.get(item.feed, [])
                left = intervals.subtract(claimed, [(item.first, item.last)])
                if left:
                    self._claimed[item.feed] = left
                else:
                    self._claimed.pop(item.feed, None)

    def unclaimed(self, ranges: Sequence[Range]) -> list[Range]:
        """Return the parts of these that no link is fetching."""
        return cut(ranges, self._claimed)
