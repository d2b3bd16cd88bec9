"""The interval algebra against Python's own sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.mesh.replica import intervals

numbers = st.frozensets(st.integers(1, 60), max_size=30)


def ranges(members):
    result = []
    for n in sorted(members):
        if result and result[-1][1] == n - 1:
            result[-1] = (result[-1][0], n)
        else:
            result.append((n, n))
    return result


@given(numbers, numbers)
def test_subtract_and_intersect_are_those_of_sets(left, right):
    assert intervals.subtract(ranges(left), ranges(right)) == ranges(left - right)
    assert intervals.intersect(ranges(left), ranges(right)) == ranges(left & right)


@given(numbers, st.integers(1, 60), st.integers(0, 10))
def test_add_is_union_and_keeps_the_form(members, first, more):
    added = intervals.add(ranges(members), first, first + more)
    assert added == ranges(members | set(range(first, first + more + 1)))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 8))))
def test_union_takes_overlaps_in_any_order(parts):
    pieces = [(first, first + more) for first, more in parts]
    assert intervals.union(pieces) == ranges(
        {n for first, last in pieces for n in range(first, last + 1)}
    )


@given(numbers, st.integers(0, 62))
def test_contains_below_above_and_size(members, n):
    held = ranges(members)
    assert intervals.contains(held, n) == (n in members)
    assert intervals.below(held, n) == max((m for m in members if m < n), default=None)
    assert intervals.above(held, n) == min((m for m in members if m > n), default=None)
    assert intervals.size(held) == len(members)


@given(numbers, st.integers(0, 60))
def test_gaps_are_what_is_missing_between_floor_and_head(members, floor):
    held = {n for n in members if n > floor}
    missing = set(range(floor + 1, max(held, default=floor) + 1)) - held
    assert intervals.gaps(ranges(held), floor) == ranges(missing)
