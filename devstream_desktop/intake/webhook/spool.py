"""Spool of raw deliveries, between their answer and their events.

A raw delivery holds e-mail addresses, diffs and tokens. It stays in this node's file and is deleted
after `KEEP`.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Sized
from enum import Enum
from itertools import chain, islice, zip_longest
from typing import Final, NamedTuple

import msgspec

from devstream_desktop.intake.store import Store

KEEP: Final = 72 * 3600 * 1000
"""Retention of raw deliveries, milliseconds."""
MAX_KEPT_BYTES: Final = 1 << 30
"""Size from which the oldest that are done go earlier: no sender fills the disk."""
KEEP_DELIVERY_IDS: Final = 7 * 24 * 3600 * 1000
"""Retention of delivery ids, milliseconds. GitHub redelivers for three days."""
MAX_WAITING: Final = 20_000
MAX_WAITING_OF_ONE: Final = 15_000
"""Limit of one source: a sender that floods leaves room for the others."""
MAX_WAITING_BYTES: Final = 512 * 1024 * 1024
TEST_HEADER: Final = "devstream-test"
"""Name of the test that waits for a delivery.

The receiver sets it, and takes from a request only a name that it gave out itself.
"""


class Taken(Enum):
    """Result of offering a delivery."""

    STORED = "stored"
    SEEN = "seen"
    FULL = "full"
    TOO_MANY = "too many"
    """Too many of this source."""


class Raw(msgspec.Struct, frozen=True):
    """A stored delivery that waits."""

    id: int
    source: str
    headers: dict[str, str]
    body: bytes
    received: int


class _New(NamedTuple):
    """A delivery to store; its id may be empty."""

    source: str
    id: str
    headers: str
    body: bytes
    received: int


_headers = msgspec.json.Decoder(dict[str, str])


class Spool:
    """The queue of raw deliveries."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: Counter[str] = Counter()
        self._waiting_bytes = 0

    async def open(self) -> None:
        """Count the deliveries that wait from before."""

        def count(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
            query = (
                "SELECT source, count(*), sum(length(body)) FROM raw WHERE done = 0 GROUP BY source"
            )
            return [
                (str(source), int(number), int(size))
                for source, number, size in connection.execute(query)
            ]

        for source, number, size in await self._store.run(count):
            self._waiting[source] = number
            self._waiting_bytes += size

    @property
    def waiting(self) -> int:
        """Number of deliveries that wait."""
        return self._waiting.total()

    async def put(
        self, source: str, delivery_id: str, headers: Mapping[str, str], body: bytes, received: int
    ) -> Taken:
        """Store a delivery. It is on the disk when this returns `STORED`.

        Raises:
            StoreError: it is not.

        """
        # Its own limit first: it is this sender that must slow down, and it is told so.
        if self._waiting[source] >= MAX_WAITING_OF_ONE:
            return Taken.TOO_MANY
        if (
            self._waiting.total() >= MAX_WAITING
            or self._waiting_bytes + len(body) > MAX_WAITING_BYTES
        ):
            return Taken.FULL

        # Reserved before the wait, so that a burst cannot pass the limit together.
        self._waiting[source] += 1
        self._waiting_bytes += len(body)
        taken = None
        try:
            encoded = msgspec.json.encode(dict(headers)).decode()
            new = _New(source, delivery_id, encoded, body, received)
            taken = await self._store.each(_insert, new)
        finally:
            # Also where the store failed or the wait was cancelled.
            if taken is not Taken.STORED:
                self._waiting[source] -= 1
                self._waiting_bytes -= len(body)
        return taken

    async def next(self, limit: int, without: Collection[str] = ()) -> list[Raw]:
        """Read deliveries that wait, in the order in which they came: at most `limit`, about 8 MiB.

        The sources take turns, so that the backlog of one holds up no other. Those `without` have
        none.
        """

        def read(connection: sqlite3.Connection) -> list[Raw]:
            chosen: list[int] = []
            size = 0
            for number, length in _in_turn(connection, limit, without):
                size += length
                # One of any size goes through, or it would stop the queue.
                if chosen and size > 8 * 1024 * 1024:
                    break
                chosen.append(number)
            query = (
                "SELECT id, source, headers, body, received FROM raw"
                f" WHERE id IN ({_marks(chosen)}) ORDER BY id"
            )
            return [
                Raw(identity, source, _read_headers(headers), body, received)
                for identity, source, headers, body, received in connection.execute(query, chosen)
            ]

        return await self._store.run(read)

    async def done(self, rows: Sequence[Raw]) -> None:
        """Take deliveries off the queue."""

        def mark(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"UPDATE raw SET done = 1 WHERE id IN ({_marks(rows)})", [row.id for row in rows]
            )

        await self._store.run(mark)
        for row in rows:
            self._waiting[row.source] -= 1
            self._waiting_bytes -= len(row.body)

    async def prune(self, now: int) -> int:
        """Delete what is past its retention, and the oldest of too much; return the number."""

        def delete(connection: sqlite3.Connection) -> int:
            connection.execute(
                "DELETE FROM delivery WHERE received < ?", (now - KEEP_DELIVERY_IDS,)
            )
            past = connection.execute(
                "DELETE FROM raw WHERE done = 1 AND received < ?", (now - KEEP,)
            ).rowcount
            last = _last_of(connection, _stored_bytes(connection) - MAX_KEPT_BYTES)
            many = connection.execute("DELETE FROM raw WHERE done = 1 AND id <= ?", (last,))
            return past + many.rowcount

        return await self._store.run(delete)


def _insert(connection: sqlite3.Connection, rows: list[_New]) -> list[Taken]:
    """Store deliveries, each id of a source once."""
    # In the transaction that stores them, so that neither is without the other.
    ids = list(dict.fromkeys((row.source, row.id) for row in rows if row.id))
    # Joined in this order: the index finds each, and `IN` would walk through all that there are.
    query = (
        f"WITH new (source, id) AS (VALUES {_marks(ids, '(?, ?)')})"
        " SELECT source, id FROM new CROSS JOIN delivery USING (source, id)"
    )
    seen = set(connection.execute(query, list(chain.from_iterable(ids)))) if ids else set()
    taken: list[Taken] = []
    fresh: list[_New] = []
    for row in rows:
        known = (row.source, row.id) in seen
        taken.append(Taken.SEEN if known else Taken.STORED)
        if known:
            continue
        fresh.append(row)
        if row.id:
            seen.add((row.source, row.id))
    named = [(row.source, row.id, row.received) for row in fresh if row.id]
    _insert_into(connection, "delivery (source, id, received)", named)
    _insert_into(
        connection,
        "raw (source, headers, body, received)",
        [(row.source, row.headers, row.body, row.received) for row in fresh],
    )
    return taken


def _insert_into(
    connection: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows in one statement."""
    if rows:
        one = f"({_marks(rows[0])})"
        connection.execute(
            f"INSERT INTO {table} VALUES {_marks(rows, one)}", list(chain.from_iterable(rows))
        )


def _marks(values: Sized, one: str = "?") -> str:
    """Write a place for each value of a statement."""
    return ", ".join([one] * len(values))


def _in_turn(
    connection: sqlite3.Connection, limit: int, without: Collection[str]
) -> Iterator[tuple[int, int]]:
    """Choose the oldest deliveries, one of each source in turn; yield ids and sizes."""
    sources = [
        source
        for (source,) in connection.execute("SELECT DISTINCT source FROM raw WHERE done = 0")
        if source not in without
    ]
    oldest = "SELECT id, length(body) FROM raw WHERE done = 0 AND source = ? ORDER BY id LIMIT ?"
    queues = [connection.execute(oldest, (source, limit)).fetchall() for source in sources]
    turns = (found for turn in zip_longest(*queues) for found in turn if found is not None)
    return islice(turns, limit)


def _stored_bytes(connection: sqlite3.Connection) -> int:
    """Size of what is in the file, without its free pages."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _last_of(connection: sqlite3.Connection, size: int) -> int:
    """Find how far the oldest that are done make up `size` bytes."""
    last = 0
    query = "SELECT id, length(body) FROM raw WHERE done = 1 ORDER BY id"
    for number, length in connection.execute(query):
        if size <= 0:
            break
        last, size = number, size - length
    return last


def _read_headers(text: str) -> dict[str, str]:
    """Read the headers of a row; none where they are damaged.

    The collector then drops the delivery for what it lacks.
    """
    try:
        return _headers.decode(text)
    except (ValueError, RecursionError):
        return {}
