"""Ids of rows: the hybrid clock, so that newest-first needs no sort."""

from __future__ import annotations

import json
import sqlite3


def free_ids(connection: sqlite3.Connection, clocks: list[int]) -> list[int]:
    """Find a free row id for each ascending clock.

    It is the clock itself, or the next free number after it.
    """
    span = (clocks[0], clocks[-1])
    taken: set[int] = set()
    if connection.execute("SELECT 1 FROM lines WHERE id BETWEEN ? AND ? LIMIT 1", span).fetchone():
        query = "SELECT id FROM lines WHERE id IN (SELECT value FROM json_each(?))"
        taken.update(row_id for (row_id,) in connection.execute(query, (json.dumps(clocks),)))
    ids: list[int] = []
    last = 0
    for clock in clocks:
        # Two clocks that tie take neighbouring numbers.
        row_id = max(clock, last + 1)
        while row_id in taken or (
            row_id != clock
            and connection.execute("SELECT 1 FROM lines WHERE id = ?", (row_id,)).fetchone()
        ):
            row_id += 1
        ids.append(row_id)
        last = row_id
    return ids
