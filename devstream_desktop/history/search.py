"""Search in SQL: the conditions of a query that the index of words does not know."""

from __future__ import annotations

import time

from devstream_desktop.history.rows import LISTED, beginning
from devstream_desktop.stream.query import Is, Query
from devstream_desktop.stream.words import MEANINGS

MAX_ID = (1 << 63) - 1
_OF_THINGS = {
    Is.RED: "tone = 2 AND kind != 'ticket'",
    Is.OPEN: "tone = 2",
    Is.CLAIMED: "tone = 2 AND claim",
}


def span(query: Query) -> tuple[int, int]:
    """Return the row ids that a query's moments leave: first, and first beyond."""
    first = beginning(_moment(query.since)) if query.since else 0
    return first, beginning(_moment(query.until)) if query.until else MAX_ID


def few_rows(query: Query) -> str:
    """Return the condition of rows that are few as a rule; empty for none in a query."""
    found = [_line_of(state) for state in sorted(query.now & _OF_THINGS.keys())]
    if query.meaning:
        # A word of ours, and no text from outside.
        change = MEANINGS[query.meaning].change.value
        found.append(f"lines.transition != '' AND lines.transition = '{change}'")
    return " AND ".join(found)


def _moment(said: int) -> int:
    """Return a moment of a query as UTC milliseconds; a negative one is before now."""
    return said if said > 0 else int(time.time() * 1000) + said


def conditions(query: Query) -> tuple[str, list[object]]:
    """Return the conditions on a row, each after AND, and their values.

    Its moments are bounds of row ids (`span`).
    """
    found: list[str] = []
    values: list[object] = []
    if query.meaning:
        found.append(_meant(query.meaning, values))
    found += [f"NOT ({_meant(said, values)})" for said in sorted(query.not_meant)]
    found += [_now(query, state, values) for state in sorted(query.now)]
    found += [f"NOT ({_now(query, state, values)})" for state in sorted(query.not_now)]
    return LISTED + "".join(f" AND {one}" for one in found), values


def _meant(said: str, values: list[object]) -> str:
    change, kinds = MEANINGS[said]
    values += [change.value, *(kind.value for kind in kinds)]
    # The index of transitions leaves out the many rows without one.
    marks = ", ".join("?" * len(kinds))
    return f"lines.transition != '' AND lines.transition = ? AND lines.kind IN ({marks})"


def _now(query: Query, state: Is, values: list[object]) -> str:
    if state is Is.MINE:
        values += [name.casefold() for name in query.names]
        return f"casefold(lines.actor) IN ({', '.join('?' * len(query.names))})"
    if state is Is.UNSEEN:
        # Whoever does not say what they have seen has seen everything.
        seen = query.seen
        values += [seen.arrival, seen.arrival, beginning(seen.began)]
        # The plus: the rows are met by id, from the bound that `Pages` finds.
        return "(? >= 0 AND +lines.lsn > ? AND lines.id >= ?)"
    return _line_of(state)


def _line_of(state: Is) -> str:
    # The one row that says the thing's state: its earlier ones are over.
    return f"lines.id IN (SELECT line FROM subjects WHERE {_OF_THINGS[state]})"
