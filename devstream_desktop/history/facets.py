"""Services, environments, branches and people to choose from, by day last seen."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from devstream_desktop.history.telling import Telling
from devstream_desktop.stream.entry import hlc_time
from devstream_desktop.stream.environment import environment_name
from devstream_desktop.stream.fact import AuthorClass, author_class
from devstream_desktop.stream.text import short_ref

_AUTHORS = frozenset({AuthorClass.COLLECTOR, AuthorClass.EXECUTOR})
"""Authors whose events name what there is to choose from."""
_MOST = 2_000
"""A list that is longer helps nobody to choose."""
_DAY_MS = 86_400_000


class Facets:
    """Writes the table of them; every call is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._days: dict[tuple[str, str], int] = {
            (name, value): day
            for name, value, day in connection.execute("SELECT name, value, day FROM facets")
        }
        self._since = 0

    def note(self, tellings: Sequence[Telling]) -> None:
        """Remember on which day each service and environment was last seen.

        The tellings come oldest first.
        """
        changed: dict[tuple[str, str], int] = {}
        for telling in tellings:
            event = telling.event
            if author_class(event.kind, event.state, event.request) not in _AUTHORS:
                continue
            day = hlc_time(telling.entry.hlc) // _DAY_MS
            for facet in (
                ("service", event.service),
                ("environment", environment_name(event.environment)),
                ("branch", short_ref(event.ref)),
                ("actor", event.actor),
            ):
                # Days ascend, so a facet is written once a day at most.
                known = self._days.get(facet)
                if (
                    facet[1]
                    and (known is None or known < day)
                    and (known or len(self._days) < _MOST)
                ):
                    self._days[facet] = changed[facet] = day
        if changed:
            self._connection.executemany(
                "INSERT OR REPLACE INTO facets (name, value, day) VALUES (?, ?, ?)",
                [(*facet, day) for facet, day in sorted(changed.items())],
            )

    def forget(self) -> None:
        """Drop the services and environments of which no row is left."""
        oldest = self._connection.execute("SELECT MIN(id) FROM lines").fetchone()[0]
        day = hlc_time(oldest) // _DAY_MS if oldest else 0
        if day <= self._since:
            return
        self._since = day
        self._connection.execute("DELETE FROM facets WHERE day < ?", (day,))
        self._days = {facet: seen for facet, seen in self._days.items() if seen >= day}

    def clear(self) -> None:
        """Drop all, before the rows are made anew."""
        self._connection.execute("DELETE FROM facets")
        self._days.clear()
