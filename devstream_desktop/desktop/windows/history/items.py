"""The items of the stream: headings of days, rows with their steps, and runs of green folded.

A row is a thing and not a message: what one commit went through within a day is one item, told by
its weightiest line, with the others as its steps. Under a search each line that answers is an item,
for that is what was asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby

import msgspec

from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind, Transition

_OF_A_COMMIT = frozenset({Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY})
_RUNS = frozenset({Kind.BUILD, Kind.TEST})
_WORTH_FOLDING = 3
"""Green runs in a row that become one item."""


class Heading(msgspec.Struct, frozen=True):
    """The begin of a day."""

    day: date

    @property
    def key(self) -> str:
        return f"day {self.day}"


class Row(msgspec.Struct, frozen=True):
    """One line, with the others of its commit as steps, oldest first."""

    line: Line
    steps: tuple[Line, ...] = ()

    @property
    def key(self) -> str:
        # The oldest line stays when newer ones join it, so the item keeps its place in a selection.
        return f"thing {self.lines[0].id}"

    @property
    def lines(self) -> tuple[Line, ...]:
        """All its lines, oldest first."""
        return self.steps or (self.line,)

    @property
    def time(self) -> int:
        """The moment of its last line, UTC milliseconds."""
        return self.lines[-1].event.time


class Greens(msgspec.Struct, frozen=True):
    """Green runs of one service and branch, newest first, told as one."""

    lines: tuple[Line, ...]

    @property
    def key(self) -> str:
        return f"greens {self.lines[-1].id}"

    @property
    def line(self) -> Line:
        return self.lines[0]

    @property
    def branch(self) -> str:
        return short_ref(self.line.event.ref)


class Step(msgspec.Struct, frozen=True):
    """A line of a thing or of folded greens that was unfolded."""

    line: Line

    @property
    def key(self) -> str:
        return f"step {self.line.id}"


class Pinned(msgspec.Struct, frozen=True):
    """A thing that is red now, above everything else."""

    thing: Thing
    on_duty: tuple[str, ...] = ()
    """People who are on duty."""

    @property
    def key(self) -> str:
        return f"red {self.thing.id}"

    @property
    def line(self) -> Line:
        return self.thing.line


Item = Heading | Row | Greens | Step | Pinned


def days(lines: Iterable[Line]) -> Iterator[tuple[date, list[Line]]]:
    """Part lines, newest first, by the local day of their record; no day comes twice."""
    day, begin, of_day = date.min, 0, list[Line]()
    for line in lines:
        # The record's time orders the rows; only the first line of a day asks the calendar.
        if line.received >= begin and of_day:
            of_day.append(line)
            continue
        if of_day:
            yield day, of_day
        midnight = _midnight(line.received)
        day, begin, of_day = midnight.date(), int(midnight.timestamp() * 1000), [line]
    if of_day:
        yield day, of_day


def fold(
    day: date,
    lines: Sequence[Line],
    *,
    together: bool = True,
    unfolded: frozenset[str] = frozenset(),
) -> list[Item]:
    """Fold the lines of a day into items below its heading.

    Args:
        day: The day.
        lines: Its rows, newest first.
        together: False to show each line by itself.
        unfolded: Keys of items whose lines follow as steps.

    """
    items: list[Item] = [Heading(day)]
    for item in _fold_greens(_rows(lines)) if together else [Row(line) for line in lines]:
        items.append(item)
        if item.key in unfolded:
            newest_first = reversed(item.lines) if isinstance(item, Row) else item.lines
            items += [Step(line) for line in newest_first]
    return items


def _midnight(milliseconds: int) -> datetime:
    when = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    # Made without its offset, which on the day of a clock change is another at midnight.
    return datetime(when.year, when.month, when.day).astimezone()


def _rows(lines: Iterable[Line]) -> list[Row]:
    commits: dict[object, list[Line]] = {}
    for line in lines:
        commits.setdefault(_commit(line) or line.id, []).append(line)
    return [_row(of_commit) for of_commit in commits.values()]


def _commit(line: Line) -> tuple[str, str] | None:
    event = line.event
    # What nobody vouches for stands alone, and joins nothing.
    if line.struck or event.kind not in _OF_A_COMMIT or not event.revision:
        return None
    return event.service, event.revision


def _row(newest_first: Sequence[Line]) -> Row:
    if len(newest_first) == 1:
        return Row(newest_first[0])
    # A run that was mended is a step like any other; the last word about each counts.
    last_words: dict[str, Line] = {}
    for line in newest_first:
        last_words.setdefault(topic_of(line.event), line)
    return Row(max(last_words.values(), key=_weight), tuple(reversed(newest_first)))


def _weight(line: Line) -> tuple[int, int]:
    event = line.event
    outdated = line.transition is Transition.OUTDATED
    if (event.kind, event.state) in RED_STATES and not outdated:
        return 4, line.id
    by_kind = {Kind.DEPLOY: 3, Kind.CHANGE: 2}
    return by_kind.get(event.kind, 1), line.id


def _fold_greens(rows: Sequence[Row]) -> list[Row | Greens]:
    folded: list[Row | Greens] = []
    for place, group in groupby(rows, key=_green_place):
        found = list(group)
        if place is None or sum(len(row.lines) for row in found) < _WORTH_FOLDING:
            folded += found
        else:
            lines = [line for row in found for line in reversed(row.lines)]
            folded.append(Greens(tuple(lines)))
    return folded


def _green_place(row: Row) -> tuple[str, str] | None:
    """Return service and branch of green runs that tell nothing; None for all else."""
    if not all(_is_plain_green(line) for line in row.lines):
        return None
    return row.line.event.service, row.line.event.ref


def _is_plain_green(line: Line) -> bool:
    event = line.event
    green = (event.kind, event.state) in GREEN_STATES
    return event.kind in _RUNS and green and line.transition is Transition.NONE and not line.struck
