"""The lines that a list holds: an unbroken stretch of the history, newest first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.fact import run_of
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

PAGE = 100


class Stretch(msgspec.Struct, frozen=True):
    """Consecutive lines, newest first, and whether more exist either side."""

    lines: Sequence[Line] = ()
    newer: bool = False
    older: bool = False


def newest(reader: Reader, query: Query) -> Stretch:
    """Read the first page."""
    return older(reader, query, None)


def oldest(reader: Reader, query: Query) -> Stretch:
    """Read the last page."""
    page = reader.page(query, after=0, limit=PAGE)
    return Stretch(page, newer=len(page) == PAGE)


def around(reader: Reader, query: Query, line_id: int) -> Stretch:
    """Read a page either side of a line."""
    lines = reader.around(line_id, query, each=PAGE)
    above = sum(line.id > line_id for line in lines)
    below = sum(line.id < line_id for line in lines)
    return Stretch(lines, newer=above == PAGE, older=below == PAGE)


def older(reader: Reader, query: Query, before: int | None) -> Stretch:
    """Read the page below a line."""
    page = reader.page(query, before=before, limit=PAGE)
    return Stretch(page, older=len(page) == PAGE)


def newer(reader: Reader, query: Query, after: int) -> Stretch:
    """Read the page above a line."""
    page = reader.page(query, after=after, limit=PAGE)
    return Stretch(page, newer=len(page) == PAGE)


class Held:
    """The lines of one stretch; each run has one."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.newer = False
        """True when there may be newer lines that are not held."""
        self.older = False
        """True when there may be older lines that are not held."""
        self._runs: dict[str, int] = {}
        """The row id that shows each run (`stream.fact.run_of`)."""

    def start(self, stretch: Stretch) -> None:
        """Hold this stretch instead."""
        self.lines = list(stretch.lines)
        self.newer, self.older = stretch.newer, stretch.older
        self._runs = {_run(line): line.id for line in self.lines}

    def add_older(self, stretch: Stretch) -> None:
        """Hold the stretch below, too."""
        self.lines += stretch.lines
        self.older = stretch.older
        self._runs.update((_run(line), line.id) for line in stretch.lines)

    def add_newer(self, stretch: Stretch) -> None:
        """Hold the stretch above, too."""
        self.lines[:0] = stretch.lines
        self.newer = stretch.newer
        self._runs.update((_run(line), line.id) for line in stretch.lines)

    def insert(self, line: Line) -> None:
        """Hold a line that arrived, unless it belongs beyond what is held."""
        place = self._place(line.id)
        # It comes with its page. Where all were replaced, the next page is below this one.
        below = place == len(self.lines) > 0 and self.older
        if below or (place == 0 and self.newer):
            return
        # A page that was read since the line arrived has it already.
        if place < len(self.lines) and self.lines[place].id == line.id:
            return
        self.lines.insert(place, line)
        self._runs[_run(line)] = line.id

    def remove_run(self, line: Line) -> None:
        """Drop the line of the run that `line` goes on with."""
        shown = self._runs.get(_run(line))
        # A page that was read since the line arrived shows it already.
        if shown is None or shown == line.id:
            return
        del self._runs[_run(line)]
        place = self._place(shown)
        if place < len(self.lines) and self.lines[place].id == shown:
            del self.lines[place]

    def keep(self, low: int, high: int) -> None:
        """Drop the lines whose ids are not from `low` to `high`."""
        above, below = self._place(high), self._place(low - 1)
        if above == 0 and below == len(self.lines):
            return
        self.newer |= above > 0
        self.older |= below < len(self.lines)
        gone = self.lines[:above] + self.lines[below:]
        self.lines = self.lines[above:below]
        # Few of them, as a rule: naming the runs of all that stay would take half of a step.
        for line in gone:
            if self._runs.get(run := _run(line)) == line.id:
                del self._runs[run]

    def _place(self, line_id: int) -> int:
        """Return the place where `line_id` is or belongs; ids fall from line to line."""
        return bisect_left(self.lines, -line_id, key=lambda line: -line.id)


def _run(line: Line) -> str:
    # A row that is struck out replaces no other, so it is a run of its own.
    return run_of(line.event) if not line.struck else line.entry
