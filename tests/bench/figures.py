"""The table: what a row says, and the arithmetic of its figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table; a figure and its floor were measured in the same run.

    `ratio` is None where the goal is not about it; `met` is None where there is no goal.
    """

    name: str
    figure: str
    floor: str
    ratio: float | None
    goal: str
    met: bool | None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def table(rows: Sequence[Row]) -> str:
    """All rows as text, aligned."""
    head = ("row", "figure", "floor", "ratio", "goal", "met")
    cells = [head] + [
        (
            row.name,
            row.figure,
            row.floor,
            "" if row.ratio is None else f"{row.ratio:.2f}x",
            row.goal,
            "" if row.met is None else "yes" if row.met else "NO",
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )
