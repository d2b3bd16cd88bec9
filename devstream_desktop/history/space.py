"""Pages of a history's database: how many bytes are used, and giving free ones back."""

from __future__ import annotations

import sqlite3

_SPARE_PAGES = 512
"""Of 4 KiB: free pages that are kept for the next rows."""
_SPARE_SHARE = 4
"""One page of so many is kept as well.

Pages are moved to cut the file, which costs more than all that freed them: merging the index of a
million rows took 26 µs a row with it. The next rows, or the next merge, fill them.
"""
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
    free, pages = _pragma(connection, "freelist_count"), _pragma(connection, "page_count")
    spare = max(_SPARE_PAGES, pages // _SPARE_SHARE)
    if free > spare:
        connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
    return free > spare + _VACUUM_PAGES


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: int = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return value
