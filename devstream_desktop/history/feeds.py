"""Table of feeds: what is held and settled of each, its tip, and the proof that froze it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from itertools import starmap

import msgspec

from devstream_desktop.history.holdings import Holdings, above, forget_held
from devstream_desktop.history.quarantine import stored_entry, stored_proof
from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.log import FeedRecord

ReadEntry = Callable[[int, bytes, bytes], Entry | None]
"""Reads `(lsn, body, signature)` of a row (`Lines.entry`)."""


class Feeds:
    """Reads and writes the rows of feeds; what writes is inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._ids: dict[bytes, int] = {}
        self.holdings = Holdings(connection)
        self.frozen: set[int] = {
            row_id
            for (row_id,) in connection.execute("SELECT id FROM feeds WHERE proof IS NOT NULL")
        }
        """Row ids of the feeds with two meanings for one number."""
        self.read_ids()

    def read_ids(self) -> None:
        """Read the row ids again: those that a rolled-back transaction gave out are no more."""
        self.holdings.doubt()
        self._ids = {
            feed: row_id for row_id, feed in self._connection.execute("SELECT id, feed FROM feeds")
        }

    def id(self, feed: bytes) -> int:
        """Return the row id of a feed, made if need be."""
        if feed not in self._ids:
            self._ids[feed] = self._connection.execute(
                "INSERT INTO feeds (feed) VALUES (?) RETURNING id", (feed,)
            ).fetchone()[0]
        return self._ids[feed]

    def known_id(self, feed: bytes) -> int:
        """Return the row id of a feed; -1 for none."""
        return self._ids.get(feed, -1)

    def records(self) -> list[FeedRecord]:
        """List every feed, frozen ones too, with its runs of held numbers."""
        runs = self.holdings.runs()
        rows = self._connection.execute(
            "SELECT id, feed, floor, tip_body, tip_signature, proof IS NOT NULL FROM feeds"
        ).fetchall()
        return [
            FeedRecord(
                feed,
                floor,
                stored_entry(body, signature),
                bool(frozen),
                tuple(runs.get(row_id, ())),
            )
            for row_id, feed, floor, body, signature, frozen in rows
        ]

    def head(self, feed: bytes) -> int:
        """Return the largest number of a feed that is held or settled; 0 for none."""
        query = (
            "SELECT MAX(floor, COALESCE((SELECT MAX(seq) FROM log WHERE feed = feeds.id), 0)) FROM"
            " feeds WHERE feed = ?"
        )
        row = self._connection.execute(query, (feed,)).fetchone()
        return row[0] if row else 0

    def lacking(self, feed: bytes, last: int) -> int:
        """Count a feed's numbers up to `last`, neither held nor settled."""
        row: tuple[int, int] | None = self._connection.execute(
            "SELECT id, floor FROM feeds WHERE feed = ?", (feed,)
        ).fetchone()
        if row is None:
            return last
        feed_id, floor = row
        runs = above(self.holdings.runs().get(feed_id, []), floor)
        held = sum(max(0, min(end, last) - first + 1) for first, end in runs)
        return max(0, last - floor - held)

    def tip(self, feed: bytes) -> Entry | None:
        """Return the last settled entry of a feed; None where it is not kept."""
        row = self._connection.execute(
            "SELECT tip_body, tip_signature FROM feeds WHERE feed = ? AND tip_body IS NOT NULL",
            (feed,),
        ).fetchone()
        return stored_entry(*row) if row else None

    def entries(
        self,
        feed: bytes,
        numbers: tuple[int, int],
        read: ReadEntry,
        *,
        newest_first: bool,
        max_bytes: int,
    ) -> list[Entry]:
        """List the held entries between two numbers (`History.entries`)."""
        query = (
            "SELECT lsn, body, signature FROM log WHERE feed = ? AND seq BETWEEN ? AND ?"
            f" ORDER BY seq {'DESC' if newest_first else 'ASC'}"
        )
        with closing(self._connection.execute(query, (self.known_id(feed), *numbers))) as rows:
            return _fitting(starmap(read, rows), max_bytes)

    def verified(self, feed: bytes, seqs: Sequence[int]) -> None:
        """Note that the signatures of these entries were checked."""
        self._connection.executemany(
            "UPDATE log SET verified = 1 WHERE feed = ? AND seq = ?",
            [(self.known_id(feed), seq) for seq in seqs],
        )

    def settle(self, feed: bytes, floor: int, tip: Entry | None) -> list[tuple[int, bytes, bytes]]:
        """Forget the entries up to `floor`; returns their `(lsn, body, signature)`.

        `tip` is kept; None leaves the one there is.
        """
        feed_id = self.id(feed)
        rows = self._connection.execute(
            "SELECT lsn, body, signature FROM log WHERE feed = ? AND seq <= ?", (feed_id, floor)
        ).fetchall()
        self._connection.execute("DELETE FROM log WHERE feed = ? AND seq <= ?", (feed_id, floor))
        self._connection.execute(
            "UPDATE feeds SET floor = MAX(floor, ?) WHERE id = ?", (floor, feed_id)
        )
        if tip is not None:
            self._connection.execute(
                "UPDATE feeds SET tip_body = ?, tip_signature = ? WHERE id = ?",
                (tip.body, tip.signature, feed_id),
            )
        return rows

    def delete(self, feed: bytes) -> None:
        """Delete the row of a feed; `forget` follows when that is committed."""
        self._connection.execute("DELETE FROM feeds WHERE feed = ?", (feed,))
        # Its floor goes with it.
        forget_held(self._connection)

    def forget(self, feed: bytes) -> None:
        """Forget the row id of a feed whose row is gone."""
        self.frozen.discard(self._ids.pop(feed, -1))

    def prove(self, feed: bytes, proof: tuple[Entry, Entry]) -> int:
        """Store a proof against a feed; returns the row id, for `frozen` after the commit."""
        packed = msgspec.msgpack.encode([(entry.body, entry.signature) for entry in proof])
        feed_id = self.id(feed)
        self._connection.execute("UPDATE feeds SET proof = ? WHERE id = ?", (packed, feed_id))
        return feed_id

    def proofs(self) -> dict[bytes, tuple[Entry, Entry]]:
        """Return the proof of each frozen feed."""
        found: dict[bytes, tuple[Entry, Entry]] = {}
        for feed, packed in self._connection.execute(
            "SELECT feed, proof FROM feeds WHERE proof IS NOT NULL"
        ):
            if (proof := stored_proof(packed)) is not None:
                found[feed] = proof
        return found


def _fitting(entries: Iterable[Entry | None], max_bytes: int) -> list[Entry]:
    found: list[Entry] = []
    size = 0
    for entry in entries:
        if entry is None:
            continue
        size += len(entry.body) + len(entry.signature)
        if found and size > max_bytes:
            break
        found.append(entry)
    return found
