"""The desk of a simulated node: the product's history in memory, filled from its log."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sqlite_utils import Database

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.history.schema import migrations
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

EVERYTHING = 1_000_000


class _Reserve:
    """A disk that is never full."""

    full = False

    def require(self) -> None:
        """It is there."""

    def give(self) -> None:
        """Nothing is kept."""


@cache
def _empty() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrations.apply(Database(connection))
    return connection


class Desk(History):
    """Rows made by the product from what a log in memory holds.

    Args:
        people: The person behind each device.

    """

    def __init__(self, people: Mapping[str, str]) -> None:
        self._path = Path(__file__)  # not opened; it only must have a place
        self._mirror, self._device, self._team = FeedMirror(None), bytes(32), "t"
        self._durable = self._group = self.damaged = False
        self.on_damage = self.on_group = lambda: None
        self._commits = 0
        self.reserve = _Reserve()
        self._shown: list[bytes] = []
        self._open()
        self.follow(people, {})

    def _open(self) -> None:
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        _empty().backup(self._connection)
        self._durable = False
        self._derive()

    def goes_on(self, rows) -> bool:
        """Tell whether a log's rows begin with those that are shown."""
        shown = self._shown
        return len(rows) >= len(shown) and all(
            arrival.entry.hash == known for (_, arrival), known in zip(rows, shown, strict=False)
        )

    def show(self, rows) -> None:
        """Make rows of what came since."""
        new = [arrival for _, arrival in rows[len(self._shown) :]]
        if new:
            # Every other time as a backlog is.
            self.add(new, later=bool(len(self._shown) % 2))
            while self.keep_up():
                pass
            self._shown += [arrival.entry.hash for arrival in new]

    def lines(self) -> list[Line]:
        """Every row, newest first, those too whose place another took."""
        reader = Reader(self._path)
        reader._opened = self._connection
        return reader.page(Query(), limit=EVERYTHING, superseded=True)
