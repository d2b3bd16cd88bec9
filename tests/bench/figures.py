"""The table: what a row says, and the arithmetic of its figures."""

from __future__ import annotations

import math
import os
import platform
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec


class Row(msgspec.Struct, frozen=True):
    """One line of the table; a figure was measured in the same run as what stands beside it.

    `ratio` is None where the goal is not about it; `met` is None where there is no goal.
    """

    name: str
    figure: str
    floor: str
    """The same work without what devstream adds to it; empty for none."""
    ratio: float | None
    """The figure by its floor; where there is a peer, by the peer."""
    goal: str
    met: bool | None
    peer: str = ""
    """Another program that does the same work; or why it was not measured."""


class Machine(msgspec.Struct, frozen=True):
    """The machine that a table comes from."""

    processor: str
    cores: int
    system: str
    python: str
    sqlite: str

    def __str__(self) -> str:
        return (
            f"{self.processor}, {self.cores} cores; {self.system}; Python {self.python},"
            f" SQLite {self.sqlite}"
        )


class Table(msgspec.Struct, frozen=True):
    """The rows of a run by their part, in the order of the parts."""

    machine: Machine
    parts: dict[str, list[Row]]


def this_machine() -> Machine:
    """Describe this machine."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return Machine(
        processor=next(names, platform.processor() or platform.machine()),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


_HEAD = ("row", "figure", "floor", "peer", "ratio", "goal", "met")


def text(sections: Mapping[str, Sequence[Row]]) -> str:
    """All rows, aligned; each section has a title."""
    cells = {title: [_cells(row) for row in rows] for title, rows in sections.items() if rows}
    every = [_HEAD, *(line for lines in cells.values() for line in lines)]
    widths = [max(len(line[column]) for line in every) for column in range(len(_HEAD))]

    def aligned(line: Sequence[str]) -> str:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        return "  ".join(padded).rstrip()

    said = [aligned(_HEAD)]
    for title, lines in cells.items():
        said += ["", title, *map(aligned, lines)]
    return "\n".join(said)


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}x"
    met = "" if row.met is None else "yes" if row.met else "NO"
    return (row.name, row.figure, row.floor, row.peer, ratio, row.goal, met)
