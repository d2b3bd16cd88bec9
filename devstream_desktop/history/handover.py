"""Question of whoever comes on duty: everything that happened and holds since a moment."""

from __future__ import annotations

from devstream_desktop.history.pages import Pages
from devstream_desktop.history.present import Present
from devstream_desktop.history.rows import COLUMNS, CURRENT, beginning
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import GAP, Line
from devstream_desktop.stream.thing import MOST_NEWS, HandOver
from devstream_desktop.stream.words import Kind, Transition

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
            red = self.red_now(limit=limit)
            deploys = self._since(Kind.DEPLOY, since_ms, limit)
            fixed = self._lines(
                f"{COLUMNS} WHERE lines.transition = ? AND lines.transition != '' AND lines.id >= ?"
                f" AND lines.kind != ? AND lines.run >= 0{CURRENT} ORDER BY lines.id DESC LIMIT ?",
                (Transition.FIXED.value, after, Kind.TICKET.value, limit),
            )
            waits = self._all_waiting(self.running(), _SHOWN)
            return HandOver(
                since_ms=since_ms,
                red=tuple(thing for thing in red if thing.kind is not Kind.SOURCE),
                shipped=tuple(line for line in deploys if line.event.state == "success"),
                failed=tuple(
                    line for line in deploys if line.event.state in ("failure", "error", "unknown")
                ),
                fixed=tuple(fixed),
                tickets=tuple(
                    thing.line for thing in self.open_tickets(since_ms=since_ms, limit=limit)
                ),
                locks=tuple(self.locks(now)),
                silent=tuple(thing for thing in red if thing.kind is Kind.SOURCE),
                waiting=tuple(one for one in waits if one.changes),
                gaps=tuple(
                    line
                    for line in self._since(Kind.SOURCE, since_ms, limit)
                    if line.event.subject.endswith((GAP, "/suppressed"))
                ),
            )

    def _since(self, kind: Kind, since_ms: int, limit: int) -> list[Line]:
        """Return the newest rows of a kind, at or after a moment."""
        page = self.page(Query(kind=kind, since=max(0, since_ms)), limit=limit)
        return [line for line in page if not line.struck]
