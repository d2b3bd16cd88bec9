"""Rows that an older version wrote: it gave subjects no scope."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from devstream_desktop.history.telling import Telling, subject_hash
from devstream_desktop.history.things import Things
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import topic_of, work_of

_MOST = 10_000
"""Topics that are remembered as looked at; beyond that they are looked at anew."""

ReadTelling = Callable[[int, bytes, bytes], Telling | None]
"""Reads `(lsn, body, signature)` of a row."""


class Scopes:
    """Gives those rows the scope; every call is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection, read: ReadTelling, things: Things) -> None:
        self._connection = connection
        self._read = read
        self._things = things
        self._adopted: set[str] = set()
        """The topics that were looked at for rows of an older version."""

    def adopt(self, tellings: Sequence[Telling]) -> None:
        """Let a scoped subject go on with an older version's rows. Those have no scope."""
        for telling in tellings:
            event = telling.event
            topic = topic_of(event)
            # Only what has a scope was without one before.
            if not topic.endswith(f"\x1f{event.scope}") or topic in self._adopted:
                continue
            if len(self._adopted) >= _MOST:
                self._adopted.clear()
            self._adopted.add(topic)
            for subject in {event.subject, event.subject.rpartition("@")[0]} - {""}:
                self._adopt_rows(subject, event)

    def _adopt_rows(self, subject: str, by: Event) -> None:
        rows = self._connection.execute(
            "SELECT lines.id, log.lsn, log.body, log.signature FROM lines"
            " JOIN log ON log.lsn = lines.lsn WHERE lines.subject = ? AND lines.run >= 0",
            (subject_hash(subject),),
        ).fetchall()
        for row_id, lsn, body, signature in rows:
            old = self._read(lsn, body, signature)
            if old is None or old.event.kind is not by.kind or topic_of(old.event) != subject:
                continue
            if work_of(old.event) == 0:
                # An executor's, which has no scope.
                continue
            event = msgspec.structs.replace(old.event, subject=by.subject, scope=by.scope)
            row = msgspec.structs.replace(old, event=event).row(row_id)
            self._connection.execute(
                "UPDATE lines SET subject = ?, plain = ?, run = ? WHERE id = ?",
                (row.subject, row.plain, row.run, row_id),
            )
            self._things.touch(
                (row.kind, about, row.plain, row.place)
                for about in (subject_hash(subject), row.subject)
            )
