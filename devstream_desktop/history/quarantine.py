"""Quarantine of what this version cannot read: set aside, counted and named.

So it stops neither a start nor an answer.

Nothing of that sort comes in over the wire: an earlier version took it, or the disk changed it. An
entry is moved out of the log, so that its number counts as missing; a peer that has it in a form
that can be read gives it again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import msgspec

from devstream_desktop.clock import now_ms
from devstream_desktop.control import history_words
from devstream_desktop.history.holdings import forget_held
from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.stream.entry import (
    KEY_BYTES,
    Entry,
    MalformedEntryError,
    device_id,
    parse_entry,
)
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.fact import event_of

KEEP_MS = 30 * 86_400_000
"""Milliseconds that something is kept and reported."""
MOST = 1_000
_NAMED = 3
_PAUSE = 1_000
"""Entries between two looks at the clock."""
_proof = msgspec.msgpack.Decoder(tuple[tuple[bytes, bytes], tuple[bytes, bytes]])


def stored_entry(body: object, signature: object) -> Entry | None:
    """Return an entry as the database has it; None where it cannot be read."""
    if not isinstance(body, bytes) or not isinstance(signature, bytes):
        return None
    try:
        return parse_entry(body, signature)
    except MalformedEntryError:
        return None


def stored_event(body: object, signature: object) -> Event | None:
    """Return the event of an entry as the database has it; None where it cannot be read."""
    entry = stored_entry(body, signature)
    try:
        return event_of(entry) if entry is not None else None
    except InvalidEventError:
        return None


def stored_proof(packed: bytes) -> tuple[Entry, Entry] | None:
    """Return the two entries of a proof as the database has it; None where they cannot be read."""
    try:
        # The disk may have changed it into something that nests without end.
        check_msgpack(packed, len(packed))
        first, second = _proof.decode(packed)
    except (ValueError, TypeError):
        return None
    one, other = stored_entry(*first), stored_entry(*second)
    return (one, other) if one is not None and other is not None else None


def author(feed: object) -> str:
    """Return the start of the id of a feed's device; `?` where it cannot be read."""
    key = feed[:KEY_BYTES] if isinstance(feed, bytes) else b""
    return device_id(key)[:8] if key else "?"


class Quarantine:
    """Table of what was set aside; written inside the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.told = told(connection)
        """Sentence on what is in it; empty for nothing."""

    def clear_feeds(self) -> None:
        """Set aside tips and proofs that cannot be read. Forget the oldest."""
        self._connection.execute("DELETE FROM aside WHERE at < ?", (now_ms() - KEEP_MS,))
        rows = self._connection.execute(
            "SELECT id, feed, tip_body, tip_signature, proof FROM feeds"
        ).fetchall()
        for feed_id, feed, body, signature, proof in rows:
            if body is not None and stored_entry(body, signature) is None:
                self._put(history_words.SETTLED_ENTRY.format(device=author(feed)), body, signature)
                self._connection.execute(
                    "UPDATE feeds SET tip_body = NULL, tip_signature = NULL WHERE id = ?",
                    (feed_id,),
                )
            if proof and stored_proof(proof) is None:
                # An empty proof: the feed stays frozen, as far as this node knows for good reason.
                self._put(history_words.PROOF.format(device=author(feed)), proof)
                self._connection.execute("UPDATE feeds SET proof = x'' WHERE id = ?", (feed_id,))
        self.told = told(self._connection)

    def heads(self) -> list[tuple[int, bytes, bytes]]:
        """Read `(lsn, body, signature)` of each feed's newest entry.

        A start must be able to read these.
        """
        newest = (
            "SELECT (SELECT lsn FROM log WHERE feed = feeds.id ORDER BY seq DESC LIMIT 1) FROM"
            " feeds"
        )
        return self._connection.execute(
            f"SELECT lsn, body, signature FROM log WHERE lsn IN ({newest})"
        ).fetchall()

    def take(self, lsn: int) -> list[tuple[int, bytes, bytes]]:
        """Move an arrival out of the log; returns its row there."""
        query = (
            "SELECT lsn, body, signature, seq, feeds.feed FROM log JOIN feeds ON feeds.id ="
            " log.feed WHERE lsn = ?"
        )
        rows = self._connection.execute(query, (lsn,)).fetchall()
        for _, body, signature, seq, feed in rows:
            self._put(history_words.ENTRY.format(number=seq, device=author(feed)), body, signature)
        self._connection.execute("DELETE FROM log WHERE lsn = ?", (lsn,))
        forget_held(self._connection)
        self.told = told(self._connection)
        return [row[:3] for row in rows]

    def _put(self, what: str, *content: object) -> None:
        """Keep it, for whoever wants to look into it."""
        kept = b"".join(part if isinstance(part, bytes) else str(part).encode() for part in content)
        self._connection.execute(
            "INSERT INTO aside (what, content, at) VALUES (?, ?, ?)", (what, kept, now_ms())
        )
        self._connection.execute(
            "DELETE FROM aside WHERE id <= (SELECT MAX(id) FROM aside) - ?", (MOST,)
        )


def told(connection: sqlite3.Connection) -> str:
    """Name what was set aside, in a sentence; empty for nothing."""
    (count,) = connection.execute("SELECT COUNT(*) FROM aside").fetchone()
    named = [
        str(what)
        for (what,) in connection.execute(
            "SELECT what FROM aside ORDER BY id DESC LIMIT ?", (_NAMED,)
        )
    ]
    return _named(history_words.SET_ASIDE, count, named) if count else ""


def unreadable(connection: sqlite3.Connection, go_on: Callable[[], bool]) -> str:
    """Name what cannot be read and is not set aside yet; empty for nothing.

    `go_on` may end the look early.
    """
    count, named = 0, list[str]()
    for what in _unreadable(connection, go_on):
        count += 1
        named += [what] * (count <= _NAMED)
    return _named(history_words.NOT_SET_ASIDE, count, named) if count else ""


def _unreadable(connection: sqlite3.Connection, go_on: Callable[[], bool]) -> Iterator[str]:
    for feed, body, signature, proof in connection.execute(
        "SELECT feed, tip_body, tip_signature, proof FROM feeds"
    ):
        if body is not None and stored_entry(body, signature) is None:
            yield history_words.SETTLED_ENTRY.format(device=author(feed))
        if proof and stored_proof(proof) is None:
            yield history_words.PROOF.format(device=author(feed))
    rows = connection.execute(
        "SELECT feeds.feed, seq, body, signature FROM log JOIN feeds ON feeds.id = log.feed ORDER"
        " BY lsn DESC"
    )
    for number, (feed, seq, body, signature) in enumerate(rows, 1):
        if stored_entry(body, signature) is None:
            yield history_words.ENTRY.format(number=seq, device=author(feed))
        if not number % _PAUSE and not go_on():
            return


def _named(sentence: str, count: int, named: list[str]) -> str:
    if more := count - len(named):
        named = [*named, history_words.MORE_PARTS.format(count=f"{more:,}")]
    return sentence.format(parts=", ".join(named))
