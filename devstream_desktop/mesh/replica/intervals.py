"""Sets of numbers as sorted closed intervals.

A set is a list of `(first, last)`, ascending, never touching. Functions return new lists and walk
their inputs once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

Ranges = list[tuple[int, int]]

_TOP = float("inf")


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return the union of ranges, which may overlap and come unordered."""
    result: Ranges = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(last, result[-1][1]))
        else:
            result.append((first, last))
    return result


def add(ranges: Ranges, first: int, last: int) -> Ranges:
    """`ranges` with `first` to `last`."""
    # The usual case first: news at the end.
    if ranges and ranges[-1][0] <= first <= ranges[-1][1] + 1:
        return [*ranges[:-1], (ranges[-1][0], max(ranges[-1][1], last))]
    return union([*ranges, (first, last)])


def subtract(ranges: Ranges, cuts: Ranges) -> Ranges:
    """Return the numbers of `ranges` that are not in `cuts`."""
    result: Ranges = []
    at = 0
    for whole_first, last in ranges:
        first = whole_first
        while at < len(cuts) and cuts[at][1] < first:
            at += 1
        look = at
        while look < len(cuts) and cuts[look][0] <= last:
            if first < cuts[look][0]:
                result.append((first, cuts[look][0] - 1))
            first = cuts[look][1] + 1
            look += 1
        if first <= last:
            result.append((first, last))
    return result


def intersect(left: Ranges, right: Ranges) -> Ranges:
    """Return the numbers in both sets."""
    result: Ranges = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first <= last:
            result.append((first, last))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return result


def take(ranges: Ranges, first: int, last: int) -> Ranges:
    """Take the numbers `first` to `last` out; returns those found.

    In place, so that thousands of looks at one set cost little each.
    """
    # The first and last interval that it touches, by halving.
    low = bisect_right(ranges, (first, _TOP))
    low -= low > 0 and ranges[low - 1][1] >= first
    high = low
    while high < len(ranges) and ranges[high][0] <= last:
        high += 1
    parts = ranges[low:high] if first <= last else []
    if not parts:
        return []
    before = [(parts[0][0], first - 1)] if parts[0][0] < first else []
    after = [(last + 1, parts[-1][1])] if parts[-1][1] > last else []
    ranges[low:high] = [*before, *after]
    return [(max(at, first), min(end, last)) for at, end in parts]


def contains(ranges: Ranges, number: int) -> bool:
    """Return True when `number` is in the set."""
    at = bisect_right(ranges, (number, _TOP))
    return at > 0 and ranges[at - 1][1] >= number


def below(ranges: Ranges, number: int) -> int | None:
    """Return the largest member smaller than `number`."""
    at = bisect_right(ranges, (number - 1, _TOP))
    return min(ranges[at - 1][1], number - 1) if at else None


def above(ranges: Ranges, number: int) -> int | None:
    """Return the smallest member larger than `number`."""
    at = bisect_right(ranges, (number + 1, _TOP))
    if at and ranges[at - 1][1] > number:
        return number + 1
    return ranges[at][0] if at < len(ranges) else None


def gaps(ranges: Ranges, floor: int) -> Ranges:
    """Return the numbers above `floor` that lie between the members."""
    return subtract([(floor + 1, ranges[-1][1])], ranges) if ranges else []


def newest(ranges: Ranges, limit: int) -> Ranges:
    """Return the largest `limit` members of `ranges`."""
    result: Ranges = []
    for first, last in reversed(ranges):
        if limit <= 0:
            break
        result.append((max(first, last - limit + 1), last))
        limit -= last - first + 1
    result.reverse()
    return result


def numbers(ranges: Iterable[tuple[int, int]]) -> list[int]:
    """Return the members one by one, ascending."""
    return [number for first, last in ranges for number in range(first, last + 1)]


def size(ranges: Iterable[tuple[int, int]]) -> int:
    """Return the count of numbers in the set."""
    return sum(last - first + 1 for first, last in ranges)
