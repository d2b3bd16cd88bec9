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

import sqlite3
from collections.abc import Mapping, Sequence

from devstream_desktop.history.ends import Ends
from devstream_desktop.history.facets import Facets
from devstream_desktop.history.judging import PAST
from devstream_desktop.history.quarantine import stored_entry
from devstream_desktop.history.refresh import FIRST, STEP, Refresh
from devstream_desktop.history.row_ids import free_ids
from devstream_desktop.history.scopes import Scopes
from devstream_desktop.history.search_index import SearchIndex
from devstream_desktop.history.telling import Row, Telling, run_hash, subject_of, told_by
from devstream_desktop.history.things import PLACE, Things
from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import IDENTITY_VERSION, work_of
from devstream_desktop.stream.search_text import INDEX_VERSION
from devstream_desktop.stream.words import Kind

_ROWS_VERSION = f"{INDEX_VERSION}.{IDENTITY_VERSION}"
"""Of the rows and the index; rows of another one are read again (refresh.py)."""
_SAME_FACTS = ((4, 2), (6, 5))
"""First and last version that elected rows as this one does; others are made anew."""
_REBUILD_BATCH = 2_000
SETTLED = 600
"""Work of a step that settles things, in rows (`things.THING`); about 10 ms."""
_MAX_SEQ = (1 << 63) - 1


class Lines:
    """Writes and removes the rows of log entries; every call is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.index = SearchIndex(connection)
        self._facets = Facets(connection)
        self._things = Things(connection)
        self._scopes = Scopes(connection, self._stored, self._things)
        self.unreadable: set[int] = set()
        """Arrival numbers of entries that were met and cannot be read: the log sets them aside."""
        self._ends = Ends(connection)
        self._refresh = Refresh(connection, self.index, self._stored, self._rewrite)

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
        self._add(arrivals, wait=False)
        self._things.settle()

    def add_some(self, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Make rows of `(lsn, body, signature)`, to which more come before `settle`."""
        self._add(self._entries(rows), wait=True)

    @property
    def unsettled(self) -> int:
        """Work of giving the things of those rows their states, in rows."""
        return self._things.unsettled

    def settle_some(self) -> None:
        """Give the things of some of them their states."""
        self._things.settle(but=max(0, self.unsettled - SETTLED))

    def settle(self) -> None:
        """Finish what a commit must find finished. Words may wait."""
        self._things.settle()
        self.index.finish()

    def _add(self, arrivals: Sequence[tuple[int, Entry]], *, wait: bool) -> None:
        tellings: dict[bytes, Telling] = {}
        later: list[Telling] = []
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
            self._insert(list(tellings.values()), wait=wait)

    def remove(self, rows: Sequence[tuple[int, bytes, bytes]]) -> None:
        """Take out the rows of entries that the log will forget.

        They are `(lsn, body, signature)`.
        """
        gone: list[tuple[int, Telling]] = []
        for lsn, body, signature in rows:
            found = self._connection.execute(
                "SELECT id FROM lines WHERE lsn = ?", (lsn,)
            ).fetchone()
            telling = self._stored(lsn, body, signature) if found else None
            if telling is not None:
                gone.append((found[0], telling))
            elif found:
                self._take(found[0])
        self._delete([(row_id, telling.event) for row_id, telling in gone])
        self._connection.executemany(
            "DELETE FROM retold WHERE lsn = ?", [(lsn,) for lsn, *_ in rows]
        )
        self._tell_again([telling.fact for _, telling in gone])
        self._things.settle()
        self._facets.forget()

    def rebuild_if_outdated(self) -> None:
        """Begin to read another version's rows again, or make them anew."""
        found = self._connection.execute(
            "SELECT value FROM meta WHERE name = 'index_version'"
        ).fetchone()
        version = str(found[0]) if found is not None else ""
        if version == _ROWS_VERSION:
            return
        first, last = _SAME_FACTS
        if first <= _numbers(version) <= last:
            self._things.clear()
            self._refresh.begin()
            self._refresh.step(FIRST)
            self._things.settle()
        else:
            self._make_anew()
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('index_version', ?)", (_ROWS_VERSION,)
        )
        self._connection.execute("INSERT OR REPLACE INTO meta SELECT 'lines', COUNT(*) FROM lines")

    def read_again(self) -> bool:
        """Take one step through the rows of an earlier version; tells whether more wait."""
        more = self._refresh.step(STEP)
        self._things.settle()
        return more

    @property
    def waiting(self) -> bool:
        """Rows of an earlier version wait to be read again."""
        return bool(self._refresh.below)

    def _make_anew(self) -> None:
        self._connection.execute("DELETE FROM lines")
        self._facets.clear()
        self._things.clear()
        self._connection.execute("DELETE FROM retold")
        self.index.clear()
        last = 0
        while rows := self._connection.execute(
            "SELECT lsn, body, signature FROM log WHERE lsn > ? ORDER BY lsn LIMIT ?",
            (last, _REBUILD_BATCH),
        ).fetchall():
            self.add(self._entries(rows))
            last = rows[-1][0]

    def _rewrite(self, rows: Sequence[tuple[int, Telling]]) -> None:
        """Write the columns of rows again, which an earlier version left empty."""
        written = [telling.row(row_id) for row_id, telling in rows]
        names = ", ".join(f"{name} = ?" for name in Row._fields[1:])
        self._connection.executemany(
            f"UPDATE lines SET {names}, transition = '' WHERE id = ?",
            [(*row[1:], row.id) for row in written],
        )
        self._things.touch((row.kind, row.subject, row.plain, row.place) for row in written)
        self._facets.note(sorted((one for _, one in rows), key=lambda one: one.entry.hlc))

    def past(self, event: Event) -> list[Event]:
        """Return the words that `History.past` tells of, at most `PAST` of them."""
        column, value = "subject", subject_of(event)
        if event.kind in (Kind.BUILD, Kind.TEST, Kind.DEPLOY):
            column, value = "run", run_hash(event)
        rows = self._connection.execute(
            "SELECT log.lsn, log.body, log.signature FROM lines JOIN log ON log.lsn = lines.lsn"
            f" WHERE lines.{column} = ? AND lines.run >= 0 ORDER BY lines.place DESC LIMIT {PAST}",
            (value,),
        ).fetchall()
        stored = (self._stored(*row) for row in rows)
        words = [one.event for one in stored if one is not None and one.event.kind is event.kind]
        return sorted(words, key=work_of, reverse=True)

    def told(self, fact: bytes) -> Event | None:
        """Return the event of a fact; None where no row tells it."""
        row = self._connection.execute(
            "SELECT log.lsn, log.body, log.signature FROM lines JOIN log ON log.lsn = lines.lsn"
            " WHERE lines.key = ? AND lines.run >= 0",
            (fact,),
        ).fetchone()
        stored = None if row is None else self._stored(*row)
        return None if stored is None else stored.event

    def strike(self, ends: Mapping[bytes, int]) -> None:
        """Strike out what is beyond these `ends` (see `History.follow`), and nothing else."""
        # Nearly every new policy leaves them as they are.
        if self._ends.are(ends):
            return
        feeds: list[tuple[int, bytes]] = self._connection.execute(
            "SELECT id, feed FROM feeds"
        ).fetchall()
        # Only what changes is touched: a history has millions of rows.
        before = {feed: self._ends.of(feed) for _, feed in feeds}
        self._ends.replace(ends)
        for feed_id, feed in feeds:
            end = self._ends.of(feed)
            if end == before[feed]:
                continue
            self._restore(feed_id, end)
            if end is not None:
                beyond = "lsn IN (SELECT lsn FROM log WHERE feed = ? AND seq > ?)"
                self._things.touch(
                    self._connection.execute(
                        f"SELECT {PLACE} FROM lines WHERE {beyond}", (feed_id, end)
                    )
                )
                self._connection.execute(
                    "UPDATE lines SET run = -lsn, terminal = 0, transition = '', tone = 0"
                    f" WHERE {beyond}",
                    (feed_id, end),
                )
            self._decide_again(feed_id)
            self._things.settle()

    def _decide_again(self, feed_id: int) -> None:
        """Elect again the rows of facts that others report beside this feed."""
        keys = [
            key
            for (key,) in self._connection.execute(
                "SELECT retold.key FROM retold JOIN log ON log.lsn = retold.lsn WHERE log.feed ="
                " :feed UNION"
                " SELECT retold.key FROM retold JOIN lines ON lines.key = retold.key JOIN log ON"
                " log.lsn = lines.lsn WHERE log.feed = :feed",
                {"feed": feed_id},
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
        self.index.flush()

    def _restore(self, feed_id: int, end: int | None) -> None:
        """Believe what was struck out of a feed up to `end`.

        The policy that ended it earlier lost to another.
        """
        rows = self._connection.execute(
            "SELECT lines.id, log.lsn, log.body, log.signature FROM log"
            " JOIN lines ON lines.lsn = log.lsn"
            " WHERE log.feed = ? AND log.seq <= ? AND lines.run < 0",
            (feed_id, _MAX_SEQ if end is None else end),
        ).fetchall()
        stored = ((row_id, self._stored(lsn, *signed)) for row_id, lsn, *signed in rows)
        tellings = [(row_id, one) for row_id, one in stored if one is not None]
        self._rewrite(tellings)

    def _entries(self, rows: Sequence[tuple[int, bytes, bytes]]) -> list[tuple[int, Entry]]:
        return [
            (lsn, entry)
            for lsn, body, signature in rows
            if (entry := self.entry(lsn, body, signature)) is not None
        ]

    def _stored(self, lsn: int, body: bytes, signature: bytes) -> Telling | None:
        entry = self.entry(lsn, body, signature)
        return self._read(lsn, entry) if entry is not None else None

    def _read(self, lsn: int, entry: Entry) -> Telling | None:
        return told_by(lsn, entry, self._ends.of(entry.feed))

    def _drop_known(self, tellings: dict[bytes, Telling]) -> list[Telling]:
        """Decide between `tellings` and the rows there are.

        Returns the later ones of facts that have both.
        """
        later: list[Telling] = []
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
                self._take(row_id)
            elif tellings[key].order < stored.order:
                self._delete([(row_id, stored.event)])
                later.append(stored)
            else:
                later.append(tellings.pop(key))
        return later

    def _insert(self, tellings: list[Telling], *, wait: bool) -> None:
        """Insert rows; with `wait` their words wait for `put_some`."""
        # Ascending ids fill the index several times faster.
        tellings.sort(key=lambda telling: telling.order[1:])  # by time, struck out or not
        ids = free_ids(self._connection, [telling.entry.hlc for telling in tellings])
        rows = [telling.row(row_id) for row_id, telling in zip(ids, tellings, strict=True)]
        self._connection.executemany(
            f"INSERT INTO lines ({', '.join(Row._fields)}) VALUES"
            f" ({', '.join('?' * len(Row._fields))})",
            rows,
        )
        self._count(len(rows))
        self._things.arrive(rows)
        events = ((row_id, telling.event) for row_id, telling in zip(ids, tellings, strict=True))
        if wait:
            self.index.wait(events)
        else:
            self.index.add(events)
        self._facets.note(tellings)
        self._scopes.adopt(tellings)

    def _delete(self, rows: Sequence[tuple[int, Event]]) -> None:
        """Take rows out, and their words."""
        indexed = [(row_id, event) for row_id, event in rows if self._take(row_id)]
        if indexed:
            self.index.remove(indexed)

    def _take(self, row_id: int) -> bool:
        """Take a row out; tells whether its words are in the index."""
        row = self._connection.execute(
            f"DELETE FROM lines WHERE id = ? RETURNING {PLACE}, lsn", (row_id,)
        ).fetchone()
        if row is None:
            return False
        *place, lsn = row
        self._count(-1)
        self._things.touch([place])
        # What waits to be read again has none there yet.
        return bool(lsn >= self._refresh.below)

    def _count(self, more: int) -> None:
        """Keep the number of rows, which a status asks for; to count a million takes 10 ms."""
        self._connection.execute("UPDATE meta SET value = value + ? WHERE name = 'lines'", (more,))


def _numbers(version: str) -> tuple[int, int]:
    """Return the two numbers of a version of rows; zeros for what is none."""
    index, _, identity = version.partition(".")
    return (int(index), int(identity)) if index.isdecimal() and identity.isdecimal() else (0, 0)
