"""Pages of a history's database: how many bytes are used, and giving free ones back."""

from __future__ import annotations

import sqlite3

_SPARE_PAGES = 512
"""Of 4 KiB: free pages that are kept for the next rows."""
_VACUUM_PAGES = 16
"""Given back in one step."""


def used_bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the pages that hold something."""
    pages, free, size = (
        _pragma(connection, name) for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def give_back(connection: sqlite3.Connection) -> bool:
    """Give some free pages back to the disk; tells whether there are more to give."""
    free = _pragma(connection, "freelist_count")
    if free > _SPARE_PAGES:
        connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
    return free > _SPARE_PAGES + _VACUUM_PAGES


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
