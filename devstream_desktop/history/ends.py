"""Numbers at which the policy ends feeds, as the rows know them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from devstream_desktop.stream.entry import KEY_BYTES


class Ends:
    """Keeps them with the rows; written inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        found = connection.execute("SELECT value FROM meta WHERE name = 'ends'").fetchone()
        self._ends: dict[bytes, int] = _read_ends(found[0]) if found else {}

    def of(self, feed: bytes) -> int | None:
        """Return the last number of a feed that is vouched for; None for no end."""
        return self._ends.get(feed, self._ends.get(feed[:KEY_BYTES])) if self._ends else None

    def are(self, ends: Mapping[bytes, int]) -> bool:
        """Tell whether these are the ones that are kept."""
        return ends == self._ends

    def replace(self, ends: Mapping[bytes, int]) -> None:
        """Keep these instead."""
        self._ends = dict(ends)
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('ends', ?)", (msgspec.msgpack.encode(self._ends),)
        )


def _read_ends(packed: bytes) -> dict[bytes, int]:
    try:
        return msgspec.msgpack.decode(packed, type=dict[bytes, int])
    except (ValueError, TypeError):
        return {}  # the policy says them anew at the start
