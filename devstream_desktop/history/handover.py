"""Question of whoever comes on duty: everything that happened and holds since a moment."""

from __future__ import annotations

from devstream_desktop.history.pages import Pages
from devstream_desktop.history.present import Present
from devstream_desktop.history.rows import COLUMNS, CURRENT, NOT_STRUCK, beginning, numbers
from devstream_desktop.history.telling import subject_hash
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import GAP, SUPPRESSED, Line
from devstream_desktop.stream.thing import MOST_NEWS, HandOver
from devstream_desktop.stream.words import Kind, Transition

_FAILED = ("failure", "error", "unknown")
_SOURCES = (
    "WITH RECURSIVE one (service) AS (SELECT MIN(service) FROM subjects UNION ALL"
    " SELECT (SELECT MIN(service) FROM subjects WHERE subjects.service > one.service) FROM one"
    " WHERE service IS NOT NULL LIMIT 10000) SELECT service FROM one WHERE EXISTS (SELECT 1 FROM"
    " subjects WHERE subjects.service = one.service AND subjects.kind = 'source')"
)
"""Names of the sources, by one seek for each service."""
_SHOWN = 5
"""Changes of each place that wait which are shown; the rest is counted."""


class HandOvers(Present, Pages):
    """Puts a hand-over together from the other questions."""

    def hand_over(self, since_ms: int, *, now: int = 0, limit: int = MOST_NEWS) -> HandOver:
        """Return the news since a time (UTC milliseconds), for a hand-over.

        Raises:
            HistoryError: there is no history yet, or it cannot be read.
        """
        with self._moment():
            after = beginning(since_ms)
            fixed = self._lines(
                f"{COLUMNS} WHERE lines.transition = ? AND lines.transition != '' AND lines.id >= ?"
                f" AND lines.kind != ? AND lines.run >= 0{CURRENT} ORDER BY lines.id DESC LIMIT ?",
                (Transition.FIXED.value, after, Kind.TICKET.value, limit),
            )
            waits = self._all_waiting(self.running(), _SHOWN)
            return HandOver(
                since_ms=since_ms,
                red=tuple(self._red_but((Kind.SOURCE,), limit)),
                shipped=tuple(self._deploys(("success",), since_ms, limit)),
                failed=tuple(self._deploys(_FAILED, since_ms, limit)),
                fixed=tuple(fixed),
                tickets=tuple(
                    thing.line for thing in self.open_tickets(since_ms=since_ms, limit=limit)
                ),
                locks=tuple(self.locks(now)),
                silent=tuple(self.silent(limit=limit)),
                waiting=tuple(one for one in waits if one.changes),
                gaps=tuple(self._gaps(after, limit)),
            )

    def _deploys(self, states: tuple[str, ...], since_ms: int, limit: int) -> list[Line]:
        """Return the newest deploys that ended so, at or after a moment."""
        query = Query(kind=Kind.DEPLOY, states=states, since=max(0, since_ms))
        return self.page(query, limit=limit, struck=False)

    def _gaps(self, after: int, limit: int) -> list[Line]:
        """Return the newest notices of gaps, from a row id on."""
        sources = [name for (name,) in self._ask(_SOURCES)]
        things = [
            subject_hash(f"source/{name}{end}") for name in sources for end in (GAP, SUPPRESSED)
        ]
        return self._lines(
            f"{COLUMNS} WHERE lines.subject IN (SELECT value FROM json_each(?))"
            f" AND lines.place >= ?{NOT_STRUCK}{CURRENT} ORDER BY lines.id DESC LIMIT ?",
            (numbers(things), after.to_bytes(8, "big"), limit),
        )
