"""`intake.sqlite`, and the one thread that writes it.

Commits are grouped: the thread takes all the work that waits and runs it in one transaction. Only
then it releases the waiters. So a burst of deliveries costs one flush to the disk, and what was
answered is stored (WAL, synchronous=FULL).
"""

from __future__ import annotations

import asyncio
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

from devstream_desktop import machine, sqlite_file
from devstream_desktop.errors import DevstreamError
from devstream_desktop.intake.rescue import rescue

T = TypeVar("T")
Item = TypeVar("Item")
Work = Callable[[sqlite3.Connection, list[Item]], Sequence[T]]
"""Work on many items at once; returns the result of each."""

MAX_BATCH = 256
_LOG = logging.getLogger(__name__)
VERSION = 3
_SCHEMA = """
CREATE TABLE raw (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  headers TEXT NOT NULL,
  body BLOB NOT NULL,
  received INTEGER NOT NULL,
  -- A number that takes no byte of the row, whatever it is: to set it writes no body again.
  done INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX raw_waiting ON raw (source, id) WHERE done = 0;
CREATE TABLE delivery (
  source TEXT NOT NULL,
  id TEXT NOT NULL,
  received INTEGER NOT NULL,
  PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
TABLES = frozenset({"raw", "delivery", "note"})
_STEPS = (
    """
    DROP INDEX raw_waiting;
    ALTER TABLE raw ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
    UPDATE raw SET done = 1 WHERE outcome IS NOT NULL;
    ALTER TABLE raw DROP COLUMN outcome;
    CREATE INDEX raw_waiting ON raw (id) WHERE done = 0;
    """,
    """
    DROP INDEX raw_waiting;
    CREATE INDEX raw_waiting ON raw (source, id) WHERE done = 0;
    """,
)
"""Steps from each schema to the next, beginning with the first."""


class StoreError(DevstreamError):
    """Nothing was stored: the disk is full or broken, or the store is closed."""


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work[Any, Any]
    item: object
    future: asyncio.Future[Any]


class Store:
    """Runs work on the database, in order, away from the event loop."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._collected: list[_Job] = []
        self._jobs: queue.SimpleQueue[list[_Job] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="intake-store", daemon=True)
        self._opened: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def open(self) -> None:
        """Make or open the file (0600).

        Raises:
            StoreError: it cannot be opened, is damaged, or is of a newer devstream.

        """
        self._loop = asyncio.get_running_loop()
        self._opened = self._loop.create_future()
        self._thread.start()
        await self._opened

    async def close(self) -> None:
        """Finish what waits, then close the file."""
        if not self._closed and self._thread.ident is not None:
            self._closed = True
            self._hand_over()
            self._jobs.put(None)
            await asyncio.to_thread(self._thread.join)

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` and return its result once it is committed.

        It may share a transaction with other work. If it raises, it alone is undone.

        Raises:
            StoreError: nothing of it was stored.

        """

        def alone(connection: sqlite3.Connection, _: list[None]) -> list[T]:
            return [work(connection)]

        return await self.each(alone, None)

    async def each(self, work: Work[Item, T], item: Item) -> T:
        """Run `work` on an item, together with the items beside it.

        As `run`, for work that takes many items in a few statements. Before and after each of
        those the thread waits for the interpreter, which the loop gives it late while requests
        come in.

        Raises:
            StoreError: nothing of it was stored.

        """
        if self._closed or self._loop is None:
            raise StoreError("the intake store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._collected.append(_Job(work, item, future))
        if len(self._collected) == 1:
            # Everything asked for in this turn of the loop shares one commit, which costs as much
            # time as many deliveries.
            self._loop.call_soon(self._hand_over)
        return await future

    def _hand_over(self) -> None:
        jobs, self._collected = self._collected, []
        # A statement takes only so many values.
        for first in range(0, len(jobs), MAX_BATCH):
            self._jobs.put(jobs[first : first + MAX_BATCH])

    def _work(self) -> None:
        try:
            connection = self._connect()
        except (sqlite3.Error, OSError, StoreError) as error:
            reason = (
                str(error) if isinstance(error, StoreError) else machine.reason(error, self._path)
            )
            self._call(
                lambda: _fail(self._opened, StoreError(f"{self._path} cannot be opened: {reason}"))
            )
            return
        self._call(lambda: _succeed(self._opened))
        with closing(connection):
            last = False
            # Ends at the None of `close`, which may come in the middle of a batch.
            while not last and (batch := self._jobs.get()) is not None:
                while len(batch) < MAX_BATCH and not self._jobs.empty() and not last:
                    following = self._jobs.get()
                    last = following is None
                    batch += following or []
                self._call(_transact(connection, batch))

    def _connect(self) -> sqlite3.Connection:
        if damage := sqlite_file.damage(self._path, VERSION, TABLES):
            rescue(self._path, damage, VERSION, _SCHEMA)
        sqlite_file.make_private(self._path)
        sqlite_file.create(self._path, VERSION, _SCHEMA)
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=10)
        # One value that is not UTF-8 must not spoil the query.
        connection.text_factory = lambda content: content.decode("utf-8", "replace")
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _call(self, outcome: Callable[[], None]) -> None:
        if self._loop is None:
            return
        try:
            self._loop.call_soon_threadsafe(outcome)
        except RuntimeError:
            _LOG.warning("the event loop ended before the intake store did")


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA journal_size_limit=67108864")
    # Bodies hold tokens, so deleted rows are overwritten.
    connection.execute("PRAGMA secure_delete=FAST")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise StoreError(f"it was written by a newer devstream (schema {version}); update this one")
    if version < VERSION:
        steps = " ".join(_STEPS[version - 1 :])
        connection.executescript(f"BEGIN; {steps} PRAGMA user_version={VERSION}; COMMIT;")


def _transact(connection: sqlite3.Connection, batch: list[_Job]) -> Callable[[], None]:
    """Run a batch in one transaction; return the function that releases every waiter."""
    results: list[tuple[_Job, object]] = []
    try:
        connection.execute("BEGIN")
        for work, jobs in groupby(batch, attrgetter("work")):
            results += _work_on(connection, work, list(jobs))
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        trouble = StoreError(f"nothing was stored: {_why(error)}")
        results = [(job, trouble) for job in batch]

    def release() -> None:
        for job, result in results:
            if job.future.done():
                continue
            if isinstance(result, Exception):
                job.future.set_exception(result)
            else:
                job.future.set_result(result)

    return release


def _work_on(
    connection: sqlite3.Connection, work: Work[Any, Any], jobs: list[_Job]
) -> list[tuple[_Job, object]]:
    """Do the shared work of jobs; return the result of each, or the error."""
    # One caller's mistake must not undo the work of others in the batch.
    connection.execute("SAVEPOINT job")
    try:
        results = work(connection, [job.item for job in jobs])
    except sqlite3.Error:
        # The disk's trouble is everybody's: the whole batch fails.
        raise
    except Exception as error:  # noqa: BLE001 - it is the waiter's, who gets it raised
        connection.execute("ROLLBACK TO job")
        results = [error] * len(jobs)
    connection.execute("RELEASE job")
    return list(zip(jobs, results, strict=True))


def _why(error: sqlite3.Error) -> str:
    if machine.is_corrupt(error):
        return (
            f"intake.sqlite is damaged ({error}); start the node again to rescue what can be read"
        )
    return machine.reason(error)


def _fail(future: asyncio.Future[None] | None, error: Exception) -> None:
    if future is not None and not future.done():
        future.set_exception(error)


def _succeed(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
