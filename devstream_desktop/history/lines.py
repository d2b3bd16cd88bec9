"""The projection of the log that is read: one row a fact, and its words in the full-text index.

The same fact told twice (by webhook and poll, by two collectors) is one row: the earliest telling,
by clock and then by feed, on every node; when that one is forgotten, the next. Tellings are the
same by `stream.fact.fact_id`, so that nobody's word takes the row of a fact that is not his to
tell. Rows can be rebuilt from the log at any time.

What a device wrote beyond where the policy lets its feeds end is struck out: its row stays to be
seen, but is a run of its own (the number of its arrival, negative), so that it takes the place of
no other row, gives no later one its meaning, and gives way to any other telling of its fact.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from devstream_desktop.history.quarantine import stored_entry
from devstream_desktop.history.search_index import SearchIndex
from devstream_desktop.stream.entry import KEY_BYTES, VERSION, Entry, hlc_time
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.fact import (
    IDENTITY_VERSION,
    AuthorClass,
    author_class,
    event_of,
    fact_id,
    run_of,
    topic_of,
    work_of,
)
from devstream_desktop.stream.query import INDEX_VERSION
from devstream_desktop.stream.subject import is_terminal, rank
from devstream_desktop.stream.words import Kind

_ROWS_VERSION = f"{INDEX_VERSION}.{IDENTITY_VERSION}"
"""Of the rows and the index; rows that another one wrote are made anew."""
_REBUILD_BATCH = 2_000
_FACET_AUTHORS = frozenset({AuthorClass.COLLECTOR, AuthorClass.EXECUTOR})
"""Authors whose events name services and environments."""
_MOST_FACETS = 2_000
"""A list that is longer helps nobody to choose."""
_MOST_ADOPTED = 10_000
"""Topics that are remembered as looked at; beyond that they are looked at anew."""
PAST = 16
"""Earlier words of a subject that are searched for the newest work."""
_DAY_MS = 86_400_000
_MAX_SEQ = (1 << 63) - 1
_TIE_BYTES = 4


class _Telling(msgspec.Struct, frozen=True):
    """An event in the log, by what elects the row."""

    lsn: int
    entry: Entry
    event: Event
    fact: bytes
    """Its identity (`stream.fact.fact_id`)."""
    struck: bool

    @property
    def order(self) -> tuple[bool, int, bytes, int]:
        return (self.struck, self.entry.hlc, self.entry.feed, self.entry.seq)

    @property
    def place(self) -> bytes:
        """Decides which of two rows is the later: by clock, and where those tie by hash.

        Sorts as bytes do.
        """
        return self.entry.hlc.to_bytes(8, "big") + self.entry.hash[:_TIE_BYTES]

    @property
    def run(self) -> int:
        return -self.lsn if self.struck else _hash(run_of(self.event))

    @property
    def terminal(self) -> bool:
        return not self.struck and is_terminal(self.event.kind, self.event.state)


class Lines:
    """Writes and removes the rows of log entries; every call is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.index = SearchIndex(connection)
        self._facets: dict[tuple[str, str], int] = {
            (name, value): day
            for name, value, day in connection.execute("SELECT name, value, day FROM facets")
        }
        self._facets_since = 0
        self._adopted: set[str] = set()
        """The topics that were looked at for rows of an older version."""
        self.unreadable: set[int] = set()
        """Arrival numbers of entries that were met and cannot be read: the log sets them aside."""
        found = connection.execute("SELECT value FROM meta WHERE name = 'ends'").fetchone()
        self._ends: dict[bytes, int] = _read_ends(found[0]) if found else {}

    def entry(self, lsn: int, body: bytes, signature: bytes) -> Entry | None:
        """Read an entry of the log; None, and noted, where it cannot be read."""
        entry = stored_entry(body, signature)
        if entry is None:
            self.unreadable.add(lsn)
        return entry

    def add(self, arrivals: Sequence[tuple[int, Entry]]) -> None:
        """Make rows of `(lsn, entry)` pairs.

        What this version cannot read stays in the log only.
        """
        tellings: dict[bytes, _Telling] = {}
        later: list[_Telling] = []
        for lsn, entry in arrivals:
            telling = self._read(lsn, entry)
            # A later version reads it; until then it only travels.
            if telling is None:
                continue
            # The same fact twice in one batch.
            other = tellings.setdefault(telling.fact, telling)
            if other is not telling:
                tellings[telling.fact], loser = (
                    (telling, other) if telling.order < other.order else (other, telling)
                )
                later.append(loser)
        if tellings:
            later += self._drop_known(tellings)
        if later:
            self._connection.executemany(
                "INSERT INTO retold (lsn, key) VALUES (?, ?)",
                [(telling.lsn, telling.fact) for telling in later],
            )
        if tellings:
            self._insert(list(tellings.values()), arrivals[-1][0])

    def remove(self, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Take out the rows of entries that the log will forget.

        They are `(lsn, body, signature)`.
        """
        gone: list[tuple[int, _Telling]] = []
        for lsn, body, signature in rows:
            found = self._connection.execute(
                "SELECT id FROM lines WHERE lsn = ?", (lsn,)
            ).fetchone()
            telling = self._stored(lsn, body, signature) if found else None
            if telling is not None:
                gone.append((found[0], telling))
            elif found:
                self._connection.execute("DELETE FROM lines WHERE id = ?", found)
        self._delete([(row_id, telling.event) for row_id, telling in gone])
        self._connection.executemany(
            "DELETE FROM retold WHERE lsn = ?", [(lsn,) for lsn, *_ in rows]
        )
        self._tell_again([telling.fact for _, telling in gone])
        self._forget_facets()

    def rebuild_if_outdated(self) -> None:
        """Fill rows and index anew where another version wrote them."""
        found = self._connection.execute(
            "SELECT value FROM meta WHERE name = 'index_version'"
        ).fetchone()
        if found is not None and str(found[0]) == _ROWS_VERSION:
            return
        self._connection.execute("DELETE FROM lines")
        self._connection.execute("DELETE FROM facets")
        self._facets.clear()
        self._connection.execute("DELETE FROM retold")
        self.index.clear()
        last = 0
        while rows := self._connection.execute(
            "SELECT lsn, body, signature FROM log WHERE lsn > ? ORDER BY lsn LIMIT ?",
            (last, _REBUILD_BATCH),
        ).fetchall():
            self.add(self._entries(rows))
            last = rows[-1][0]
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('index_version', ?)", (_ROWS_VERSION,)
        )

    def past(self, event: Event) -> list[Event]:
        """Return the words that `History.past` tells of, at most `PAST` of them."""
        column, value = "subject", subject_hash(topic_of(event))
        if event.kind in (Kind.BUILD, Kind.TEST, Kind.DEPLOY):
            column, value = "run", _hash(run_of(event))
        rows = self._connection.execute(
            "SELECT log.lsn, log.body, log.signature FROM lines JOIN log ON log.lsn = lines.lsn"
            f" WHERE lines.{column} = ? AND lines.run >= 0 ORDER BY lines.place DESC LIMIT {PAST}",
            (value,),
        ).fetchall()
        stored = (self._stored(*row) for row in rows)
        words = [one.event for one in stored if one is not None and one.event.kind is event.kind]
        return sorted(words, key=work_of, reverse=True)

    def strike(self, ends: Mapping[bytes, int]) -> None:
        """Strike out what is beyond these `ends` (see `History.follow`), and nothing else."""
        # Nearly every new policy leaves them as they are.
        if ends == self._ends:
            return
        feeds: list[tuple[int, bytes]] = self._connection.execute(
            "SELECT id, feed FROM feeds"
        ).fetchall()
        # Only what changes is touched: a history has millions of rows.
        before = {feed: self._end(feed) for _, feed in feeds}
        self._ends = dict(ends)
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('ends', ?)", (msgspec.msgpack.encode(self._ends),)
        )
        for feed_id, feed in feeds:
            end = self._end(feed)
            if end == before[feed]:
                continue
            self._restore(feed_id, end)
            if end is not None:
                self._connection.execute(
                    "UPDATE lines SET run = -lsn, terminal = 0 WHERE lsn IN (SELECT lsn FROM log"
                    " WHERE feed = ? AND seq > ?)",
                    (feed_id, end),
                )
            self._decide_again(feed_id)

    def _decide_again(self, feed_id: int) -> None:
        """Elect again the rows of facts that others report beside this feed."""
        keys = [
            key
            for (key,) in self._connection.execute(
                "SELECT retold.key FROM retold JOIN log ON log.lsn = retold.lsn WHERE log.feed ="
                " ?1 UNION"
                " SELECT retold.key FROM retold JOIN lines ON lines.key = retold.key JOIN log ON"
                " log.lsn = lines.lsn WHERE log.feed = ?1",
                (feed_id,),
            )
        ]
        for at in range(0, len(keys), _REBUILD_BATCH):
            batch = keys[at : at + _REBUILD_BATCH]
            rows = self._connection.execute(
                "SELECT lines.id, log.lsn, log.body, log.signature FROM lines JOIN log ON log.lsn"
                " = lines.lsn"
                f" WHERE lines.key IN ({','.join('?' * len(batch))})",
                batch,
            ).fetchall()
            tellings = [
                (row_id, self._stored(lsn, body, signature))
                for row_id, lsn, body, signature in rows
            ]
            self._delete([(row_id, one.event) for row_id, one in tellings if one is not None])
            self._connection.executemany(
                "INSERT INTO retold (lsn, key) VALUES (?, ?)",
                [(one.lsn, one.fact) for _, one in tellings if one is not None],
            )
            self._tell_again(batch)

    def _tell_again(self, keys: Sequence[bytes]) -> None:
        """Rows for those facts that another telling in the log still tells."""
        rows = self._connection.execute(
            "SELECT log.lsn, log.body, log.signature FROM retold JOIN log ON log.lsn = retold.lsn"
            f" WHERE retold.key IN ({','.join('?' * len(keys))}) ORDER BY log.lsn",
            keys,
        ).fetchall()
        if not rows:
            return
        self._connection.executemany(
            "DELETE FROM retold WHERE lsn = ?", [(lsn,) for lsn, *_ in rows]
        )
        self.add(self._entries(rows))
        # They arrived before what waits for its group, so they cannot wait themselves.
        self.index.flush(self._connection.execute("SELECT MAX(lsn) FROM log").fetchone()[0])

    def _restore(self, feed_id: int, end: int | None) -> None:
        """Believe what was struck out of a feed up to `end`.

        The policy that ended it earlier lost to another.
        """
        rows = self._connection.execute(
            "SELECT log.lsn, log.body, log.signature FROM log JOIN lines ON lines.lsn = log.lsn"
            " WHERE log.feed = ? AND log.seq <= ? AND lines.run < 0",
            (feed_id, _MAX_SEQ if end is None else end),
        ).fetchall()
        tellings = (self._stored(lsn, body, signature) for lsn, body, signature in rows)
        self._connection.executemany(
            "UPDATE lines SET run = ?, terminal = ? WHERE lsn = ?",
            [(one.run, one.terminal, one.lsn) for one in tellings if one is not None],
        )

    def _end(self, feed: bytes) -> int | None:
        return self._ends.get(feed, self._ends.get(feed[:KEY_BYTES])) if self._ends else None

    def _entries(self, rows: Sequence[tuple[int, bytes, bytes]]) -> list[tuple[int, Entry]]:
        return [
            (lsn, entry)
            for lsn, body, signature in rows
            if (entry := self.entry(lsn, body, signature)) is not None
        ]

    def _stored(self, lsn: int, body: bytes, signature: bytes) -> _Telling | None:
        entry = self.entry(lsn, body, signature)
        return self._read(lsn, entry) if entry is not None else None

    def _read(self, lsn: int, entry: Entry) -> _Telling | None:
        if entry.version != VERSION:
            return None
        try:
            event = event_of(entry)
        except InvalidEventError:
            return None
        end = self._end(entry.feed)
        fact = fact_id(event, entry.device)
        return _Telling(lsn, entry, event, fact, struck=end is not None and entry.seq > end)

    def _drop_known(self, tellings: dict[bytes, _Telling]) -> list[_Telling]:
        """Decide between `tellings` and the rows there are.

        Returns the later ones of facts that have both.
        """
        later: list[_Telling] = []
        marks = ",".join("?" * len(tellings))
        known = self._connection.execute(
            "SELECT lines.id, lines.key, log.lsn, log.body, log.signature FROM lines JOIN log ON"
            " log.lsn = lines.lsn"
            f" WHERE lines.key IN ({marks})",
            list(tellings),
        ).fetchall()
        for row_id, key, lsn, body, signature in known:
            stored = self._stored(lsn, body, signature)
            if stored is None:
                self._connection.execute("DELETE FROM lines WHERE id = ?", (row_id,))
            elif tellings[key].order < stored.order:
                self._delete([(row_id, stored.event)])
                later.append(stored)
            else:
                later.append(tellings.pop(key))
        return later

    def _insert(self, tellings: list[_Telling], newest: int) -> None:
        # Ascending ids fill the index several times faster.
        tellings.sort(key=lambda telling: telling.order[1:])  # by time, struck out or not
        ids = self._free_ids([telling.entry.hlc for telling in tellings])
        self._connection.executemany(
            "INSERT INTO lines (id, place, lsn, key, subject, run, rank, terminal, state, work)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    row_id,
                    telling.place,
                    telling.lsn,
                    telling.fact,
                    subject_hash(topic_of(telling.event)),
                    telling.run,
                    rank(telling.event.kind, telling.event.state),
                    telling.terminal,
                    telling.event.state,
                    work_of(telling.event),
                )
                for row_id, telling in zip(ids, tellings, strict=True)
            ],
        )
        self.index.add(
            ((row_id, telling.event) for row_id, telling in zip(ids, tellings, strict=True)), newest
        )
        self._note_facets(tellings)
        self._adopt(tellings)

    def _adopt(self, tellings: Sequence[_Telling]) -> None:
        """Let a scoped subject go on with an older version's rows. Those have no scope."""
        for telling in tellings:
            event = telling.event
            topic = topic_of(event)
            if topic == event.subject or topic in self._adopted:
                continue
            if len(self._adopted) >= _MOST_ADOPTED:
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
            old = self._stored(lsn, body, signature)
            if old is None or old.event.kind is not by.kind or topic_of(old.event) != subject:
                continue
            if work_of(old.event) == 0:
                # An executor's, which has no scope.
                continue
            event = msgspec.structs.replace(old.event, subject=by.subject, scope=by.scope)
            place = (subject_hash(topic_of(event)), _hash(run_of(event)), row_id)
            self._connection.execute("UPDATE lines SET subject = ?, run = ? WHERE id = ?", place)

    def _note_facets(self, tellings: Sequence[_Telling]) -> None:
        """Remember on which day each service and environment was last seen."""
        changed: dict[tuple[str, str], int] = {}
        for telling in tellings:
            event = telling.event
            if author_class(event.kind, event.state, event.request) not in _FACET_AUTHORS:
                continue
            day = hlc_time(telling.entry.hlc) // _DAY_MS
            for facet in (("service", event.service), ("environment", event.environment)):
                # Days ascend, so a facet is written once a day at most.
                known = self._facets.get(facet)
                if (
                    facet[1]
                    and (known is None or known < day)
                    and (known or len(self._facets) < _MOST_FACETS)
                ):
                    self._facets[facet] = changed[facet] = day
        if changed:
            self._connection.executemany(
                "INSERT OR REPLACE INTO facets (name, value, day) VALUES (?, ?, ?)",
                [(*facet, day) for facet, day in sorted(changed.items())],
            )

    def _forget_facets(self) -> None:
        """Drop the services and environments of which no row is left."""
        oldest = self._connection.execute("SELECT MIN(id) FROM lines").fetchone()[0]
        day = hlc_time(oldest) // _DAY_MS if oldest else 0
        if day <= self._facets_since:
            return
        self._facets_since = day
        self._connection.execute("DELETE FROM facets WHERE day < ?", (day,))
        self._facets = {facet: seen for facet, seen in self._facets.items() if seen >= day}

    def _free_ids(self, clocks: list[int]) -> list[int]:
        """Find a free row id for each ascending clock.

        It is the clock itself, or the next free number after it.
        """
        span = (clocks[0], clocks[-1])
        taken: set[int] = set()
        if self._connection.execute(
            "SELECT 1 FROM lines WHERE id BETWEEN ? AND ? LIMIT 1", span
        ).fetchone():
            query = "SELECT id FROM lines WHERE id IN (SELECT value FROM json_each(?))"
            taken.update(
                row_id for (row_id,) in self._connection.execute(query, (json.dumps(clocks),))
            )
        ids: list[int] = []
        last = 0
        for clock in clocks:
            # Two clocks that tie take neighbouring numbers.
            row_id = max(clock, last + 1)
            while row_id in taken or (
                row_id != clock
                and self._connection.execute(
                    "SELECT 1 FROM lines WHERE id = ?", (row_id,)
                ).fetchone()
            ):
                row_id += 1
            ids.append(row_id)
            last = row_id
        return ids

    def _delete(self, rows: Sequence[tuple[int, Event]]) -> None:
        if rows:
            self.index.remove(rows)
            self._connection.executemany(
                "DELETE FROM lines WHERE id = ?", [(row_id,) for row_id, _ in rows]
            )


def _read_ends(packed: bytes) -> dict[bytes, int]:
    try:
        return msgspec.msgpack.decode(packed, type=dict[bytes, int])
    except (ValueError, TypeError):
        return {}  # the policy says them anew at the start


@lru_cache(maxsize=1024)
def subject_hash(subject: str) -> int:
    """Return a 63-bit number for a subject, for a small index."""
    return _hash(subject)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
