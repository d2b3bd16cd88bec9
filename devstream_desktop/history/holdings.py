"""Held numbers of each feed, noted so that no start counts them.

The note says which numbers the log held when an arrival was its newest. Numbers come only with
later arrivals and go only below a feed's floor, so what is held now follows from the note, the
floors and the arrivals since. Whatever else takes a row out forgets the note; without one the log
is counted.
"""

from __future__ import annotations

import sqlite3

import msgspec

Run = tuple[int, int]
"""First and last of numbers without a gap."""
FEW = 500
"""Numbers that are read rather than counted."""
HALVINGS = 8
"""Times that a part is halved at most: no author's gaps make a start long."""
SINCE = 10_000
"""Arrivals after which the note is written anew: reading so many takes some 10 ms."""
MOST_RUNS = 10_000
"""Runs in a note: who leaves more gaps than that is counted, so that no note grows without end."""
_COUNT = "SELECT COUNT(*) FROM log WHERE feed = ? AND seq BETWEEN ? AND ?"
# Numbers minus their rank are equal inside an unbroken run.
_RUNS = (
    "SELECT MIN(seq), MAX(seq) FROM"
    " (SELECT seq, seq - ROW_NUMBER() OVER (ORDER BY seq) AS run"
    " FROM log WHERE feed = ? AND seq BETWEEN ? AND ?)"
    " GROUP BY run ORDER BY 1"
)
_RUNS_SINCE = (
    "SELECT feed, MIN(seq), MAX(seq) FROM"
    " (SELECT feed, seq, seq - ROW_NUMBER() OVER (PARTITION BY feed ORDER BY seq) AS run"
    # By the arrivals: the index of numbers would be walked whole.
    " FROM log NOT INDEXED WHERE lsn > ?)"
    " GROUP BY feed, run"
)
_BOUNDS = (
    "SELECT id, (SELECT MIN(seq) FROM log WHERE feed = feeds.id),"
    " (SELECT MAX(seq) FROM log WHERE feed = feeds.id) FROM feeds"
)


class _Note(msgspec.Struct):
    lsn: int
    """The newest arrival number then."""
    runs: dict[int, list[Run]]
    """By the row id of the feed."""


_decoder = msgspec.msgpack.Decoder(_Note)


class Holdings:
    """Finds the runs of held numbers; what writes is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._noted: int | None = None
        """The newest arrival of the note, 0 without one; None where that is not known."""

    def runs(self) -> dict[int, list[Run]]:
        """Return the runs of held numbers by the feed's row id."""
        note = self._read()
        if note is None:
            bounds = self._connection.execute(_BOUNDS).fetchall()
            return {
                feed: self._counted(feed, first, last)
                for feed, first, last in bounds
                if first is not None
            }
        found = {
            feed: above(note.runs.get(feed, []), floor)
            for feed, floor in self._connection.execute("SELECT id, floor FROM feeds")
        }
        for feed, *run in self._connection.execute(_RUNS_SINCE, (note.lsn,)):
            found.setdefault(feed, []).append((run[0], run[1]))
        return {feed: _joined(runs) for feed, runs in found.items() if runs}

    def is_old(self, newest: int) -> bool:
        """Tell whether a start would read many arrivals beside the note."""
        if self._noted is None:
            note = self._read()
            self._noted = note.lsn if note is not None else 0
        return newest - self._noted >= SINCE

    def write(self, newest: int) -> None:
        """Note what is held now; `newest` is the newest arrival number."""
        runs = self.runs()
        self._noted = newest
        if sum(map(len, runs.values())) > MOST_RUNS:
            self._connection.execute("DELETE FROM meta WHERE name = 'held'")
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('held', ?)",
            (msgspec.msgpack.encode(_Note(newest, runs)),),
        )

    def doubt(self) -> None:
        """Learn anew what the note says: a transaction was rolled back."""
        self._noted = None

    def _read(self) -> _Note | None:
        found = self._connection.execute("SELECT value FROM meta WHERE name = 'held'").fetchone()
        try:
            return _decoder.decode(found[0]) if found is not None else None
        except (ValueError, TypeError):
            # The disk changed it; it is counted.
            return None

    def _counted(self, feed_id: int, first: int, last: int) -> list[Run]:
        """Find the runs of held numbers between two held ones.

        Counting an index is twenty times faster than reading it, and a feed has few gaps: they are
        looked for where a part holds fewer numbers than it spans.
        """
        runs: list[Run] = []
        parts = [(first, last, 0)]
        while parts:
            first, last, depth = parts.pop()
            bounds = (feed_id, first, last)
            (count,) = self._connection.execute(_COUNT, bounds).fetchone()
            if count == last - first + 1:
                _join(runs, first, last)
            elif count < FEW or depth == HALVINGS:
                for run in self._connection.execute(_RUNS, bounds):
                    _join(runs, *run)
            else:
                middle = (first + last) // 2
                parts += [(middle + 1, last, depth + 1), (first, middle, depth + 1)]
        return runs


def forget_held(connection: sqlite3.Connection) -> None:
    """Forget the note: a row above a floor goes, or a feed with its floor."""
    connection.execute("DELETE FROM meta WHERE name = 'held'")


def above(runs: list[Run], floor: int) -> list[Run]:
    """Return the parts of runs that are above a floor."""
    return [(max(first, floor + 1), last) for first, last in runs if last > floor]


def _joined(runs: list[Run]) -> list[Run]:
    joined: list[Run] = []
    for first, last in sorted(runs):
        _join(joined, first, last)
    return joined


def _join(runs: list[Run], first: int, last: int) -> None:
    """Add the next run; it may go on where the last one ends."""
    if runs and runs[-1][1] == first - 1:
        first = runs.pop()[0]
    runs.append((first, last))
