"""Lists of ranges of feeds, as they travel: differences and counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.wire import Range


def without(ranges: Sequence[Range], others: Sequence[Range]) -> list[Range]:
    """Return the parts of `ranges`, in order, that are in no other."""
    taken: dict[bytes, Ranges] = {}
    for item in others:
        taken[item.feed] = intervals.add(taken.get(item.feed, []), item.first, item.last)
    return cut(ranges, taken)


def cut(ranges: Sequence[Range], taken: Mapping[bytes, Ranges]) -> list[Range]:
    """Return the ranges without the numbers in `taken`, by feed."""
    # The usual case, without any set.
    if not taken:
        return list(ranges)
    return [
        Range(item.feed, first, last)
        for item in ranges
        for first, last in reversed(
            intervals.subtract([(item.first, item.last)], taken.get(item.feed, []))
        )
    ]


def total(ranges: Sequence[Range]) -> int:
    """Return the count of numbers in these ranges, which do not overlap."""
    return sum(item.last - item.first + 1 for item in ranges)


def by_feed(ranges: Iterable[Range]) -> dict[bytes, Ranges]:
    """Return the numbers of these ranges by feed, each once."""
    found: dict[bytes, list[tuple[int, int]]] = {}
    for item in ranges:
        found.setdefault(item.feed, []).append((item.first, item.last))
    return {feed: intervals.union(parts) for feed, parts in found.items()}


def distinct(ranges: Iterable[Range]) -> int:
    """Return the count of different numbers in these ranges."""
    return sum(intervals.size(parts) for parts in by_feed(ranges).values())
