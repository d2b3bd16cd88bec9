"""Reading half of a history, for screens and scripts.

Its connection is its own and can only read. Queries are a few milliseconds even at a million rows
(tests/bench, rows `search` and `asked`); the desk asks them on a thread of its own.

| question | function | answer (stream/thing.py) |
|---|---|---|
| lines, newest first; before or after one | `page` | `list[Line]` |
| every line of a search | `every` | `Line` |
| a page around a line | `around` | `list[Line]` |
| which of some lines answer a search | `among` | row ids |
| how many lines a search finds | `hits` | `int`, at most what is asked for |
| lines that came after an arrival number | `since`, `all_since` | `Line` |
| what I have not seen and matters | `unseen` | `list[Line]` |
| the newest that matters | `recent` | `list[Line]` |
| steps of a thing, to a line | `subject` | `list[Line]` |
| red now; open tickets; silent sources | `red_now`, `open_tickets`, `silent` | `list[Thing]` |
| the state of one thing | `thing` | `Thing` or None |
| what runs where | `running` | `list[Running]` |
| services by environments | `board` | `Board` |
| changes that wait for a place | `waiting` | `Waiting` or None |
| a commit from change to consequence | `trail` | `Trail` or None |
| whether a commit is out | `where` | `list[Place]` |
| deploys before an incident, what they brought | `suspects` | `list[Suspect]` |
| what to know when one comes on duty | `hand_over` | `HandOver` |
| locks that hold | `locks` | `list[Line]` |
| the line of an entry, by the beginning of its id | `find` | `list[Line]` |
| values to filter by | `facets` | `Facets` |
| rows of an earlier version still to be read | `refreshing` | `Progress` or None |

All raise `HistoryError` where there is no history yet, or it cannot be read.
"""

from __future__ import annotations

import time
from itertools import chain

import msgspec

from devstream_desktop.control.node_words import HISTORY_REREAD
from devstream_desktop.history import quarantine
from devstream_desktop.history.database import HistoryError, friendly
from devstream_desktop.history.handover import HandOvers
from devstream_desktop.history.quarantine import stored_entry
from devstream_desktop.history.refresh import PROGRESS
from devstream_desktop.history.rows import COLUMNS, LISTED, beginning
from devstream_desktop.history.telling import TIE_BYTES, claims_of, subject_hash
from devstream_desktop.history.trails import Trails
from devstream_desktop.stream.entry import HASH_BYTES, hlc_time
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.subject import Line

HistoryUnavailableError = HistoryError

_LAST_PLACE = b"\xff" * 12
_SECOND_MS = 1_000
_OPEN = "id IN (SELECT line FROM subjects WHERE tone = 2)"


class Facets(msgspec.Struct, frozen=True):
    """Values to filter by, in order."""

    services: tuple[str, ...]
    environments: tuple[str, ...]
    branches: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()


class Progress(msgspec.Struct, frozen=True):
    """Rows of an earlier version that were read again; until then no search finds them."""

    done: int
    total: int

    @property
    def sentence(self) -> str:
        """The meaning for a person who searches."""
        return HISTORY_REREAD.format(done=f"{self.done:,}", total=f"{self.total:,}")


class Reader(HandOvers, Trails):
    """Reads a history that a node writes.

    It is opened when first asked, so that it can exist before the history does.
    """

    def subject(self, of: Event, *, limit: int = 50, until: Line | None = None) -> list[Line]:
        """Return the past of the event's thing, newest first, with its claims.

        With `until` it ends with that line.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        topic = topic_of(of)
        things = (subject_hash(topic), subject_hash(of.subject))
        place = self._ask("SELECT place FROM lines WHERE id = ?", until.id) if until else []
        last = place[0][0] if place else _LAST_PLACE
        # Each by itself: together they would be sorted whole.
        each = (
            f"SELECT * FROM (SELECT id FROM lines WHERE subject = ? AND place <= ?{LISTED}"
            " ORDER BY place DESC LIMIT ?)"
        )
        numbers = {*things, *map(claims_of, things)}
        found = self._lines(
            f"{COLUMNS} WHERE lines.id IN ({' UNION ALL '.join([each] * len(numbers))})"
            " ORDER BY lines.place DESC LIMIT ?",
            (*chain.from_iterable((number, last, limit) for number in numbers), limit),
        )
        return [line for line in found if topic_of(line.event) in (topic, of.subject)]

    def find(self, entry: str, *, received: int = 0) -> list[Line]:
        """List the lines whose entry has an id that begins so; eight digits at least.

        With `received`, UTC milliseconds, only rows of that second are looked at. A whole id is
        looked for among what is open first. Else it looks at every row, some 0.1 s at a million.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        wanted = entry.casefold()
        try:
            # The place of a row ends with the beginning of its entry's id.
            tie = bytes.fromhex(wanted[: 2 * TIE_BYTES])
        except ValueError:
            return []
        if len(tie) < TIE_BYTES:
            return []
        if received:
            end = beginning(received + _SECOND_MS)
            return self._tied(tie, wanted, f"id >= {beginning(received)} AND id < {end}")
        open_first = len(wanted) == 2 * HASH_BYTES and self._tied(tie, wanted, _OPEN)
        return open_first or self._tied(tie, wanted, "id > 0")

    def _tied(self, tie: bytes, wanted: str, which: str) -> list[Line]:
        found = self._ask(
            f"SELECT id FROM lines WHERE substr(place, 9) = ? AND {which} LIMIT 10", tie
        )
        lines = self._in_order(row_id for (row_id,) in found)
        return [line for line in lines if line.entry.startswith(wanted)]

    def count(self) -> int:
        """Return the number of rows.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        return self._number(
            "SELECT COALESCE((SELECT value FROM meta WHERE name = 'lines'),"
            " (SELECT COUNT(*) FROM lines))"
        )

    def span(self) -> tuple[int, int]:
        """Return the times of the oldest and newest row.

        UTC milliseconds; zeros when there is none.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        first = self._number("SELECT COALESCE(MIN(id), 0) FROM lines")
        last = self._number("SELECT COALESCE(MAX(id), 0) FROM lines")
        return hlc_time(first), hlc_time(last)

    def troubles(self, seconds: float) -> list[str]:
        """Name what cannot be read and what was set aside.

        After `seconds` what was not looked at counts as readable.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        end = time.monotonic() + seconds
        with friendly(self._path):
            connection = self._connection()
            found = [
                quarantine.unreadable(connection, lambda: time.monotonic() < end),
                quarantine.told(connection),
            ]
        return [sentence for sentence in found if sentence]

    def refreshing(self) -> Progress | None:
        """Return how far the rows of an earlier version are read again; None when all are.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        below = self._ask(PROGRESS)
        if not below:
            return None
        (total,) = self._ask("SELECT COUNT(*) FROM lines")[0]
        (left,) = self._ask("SELECT COUNT(*) FROM lines WHERE lsn < ?", below[0][0])[0]
        return Progress(total - left, total)

    def last_words(self) -> dict[str, int]:
        """Return when each device wrote its newest entry here, UTC milliseconds.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        newest = (
            "SELECT body, signature FROM log WHERE lsn IN (SELECT (SELECT lsn FROM log WHERE"
            " log.feed = feeds.id ORDER BY seq DESC LIMIT 1) FROM feeds)"
        )
        with friendly(self._path):
            rows = self._connection().execute(newest).fetchall()
        found: dict[str, int] = {}
        for entry in (stored_entry(*row) for row in rows):
            if entry is not None:
                found[entry.device] = max(hlc_time(entry.hlc), found.get(entry.device, 0))
        return found

    def facets(self) -> Facets:
        """Return the services and environments that the history has seen.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.

        """
        with friendly(self._path):
            rows = (
                self._connection()
                .execute("SELECT name, value FROM facets ORDER BY value COLLATE NOCASE")
                .fetchall()
            )
        return Facets(
            services=tuple(value for name, value in rows if name == "service"),
            environments=tuple(value for name, value in rows if name == "environment"),
            branches=tuple(value for name, value in rows if name == "branch"),
            actors=tuple(value for name, value in rows if name == "actor"),
        )
