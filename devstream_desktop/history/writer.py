"""Writing connection of a history: transactions, a full disk, a damaged file."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from devstream_desktop.history.database import (
    LONG_WAL,
    HistoryDamagedError,
    HistoryFullError,
    friendly,
    mark_damaged,
    open_writer,
)
from devstream_desktop.history.reserve import Reserve


class Writer(ABC):
    """Opens the database and keeps it; its content is the subclass's."""

    def __init__(self, path: Path) -> None:
        """Open or make the database at `path`.

        Raises:
            HistoryError: it is damaged, from a newer version, or the disk is full.

        """
        self._path = path
        self._durable = False
        self._group = False
        """A transaction is open that several steps share."""
        self._commits = self._folded = 0
        """Transactions that were committed; and those when the write-ahead log was folded in."""
        self.damaged = False
        self.on_damage: Callable[[], None] = lambda: None
        """Called when the database turns out to be damaged; the next start mends it (repair.py)."""
        self.on_group: Callable[[], None] = lambda: None
        """Called when the steps of a group were committed."""
        self.reserve = Reserve(path)
        try:
            self._open()
        except HistoryFullError:
            self.reserve.give()
            self._open()
        self.reserve.keep()

    @property
    def path(self) -> Path:
        return self._path

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the database.

        May be called in another thread, because it waits for the disk. What is committed
        meanwhile stays in the log.
        """
        commits = self._commits
        with (
            friendly(self._path),
            closing(sqlite3.connect(self._path, isolation_level=None)) as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._folded = commits

    @property
    def should_fold(self) -> bool:
        """The write-ahead log is long, and holds commits since its folding."""
        # The file is cut by the next write only.
        return self._folded != self._commits and self.unfolded() >= LONG_WAL

    def unfolded(self) -> int:
        """Bytes of the write-ahead log, the part that `checkpoint` folds in."""
        log = self._path.with_name(self._path.name + "-wal")
        return log.stat().st_size if log.exists() else 0

    def size(self) -> int:
        """Bytes on the disk."""
        return sum(
            file.stat().st_size
            for suffix in ("", "-wal")
            if (file := self._path.with_name(self._path.name + suffix)).exists()
        )

    def _open(self) -> None:
        self._connection = open_writer(self._path)
        self._durable = self._group = False
        try:
            self._derive()
        except BaseException:
            self._connection.close()
            raise

    @abstractmethod
    def _derive(self) -> None:
        """Learn from the rows what is kept in memory."""

    @abstractmethod
    def _forget_uncommitted(self) -> None:
        """Learn anew what a rolled-back transaction may have changed in memory."""

    @abstractmethod
    def _finish_group(self) -> None:
        """Write what the steps of a group leave to its end."""

    def _meta(self, name: str) -> bytes | None:
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def _set_meta(self, name: str, value: bytes) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Act at once on a full disk and on a damaged file."""
        try:
            with friendly(self._path):
                yield
        except HistoryFullError:
            self.reserve.give()
            raise
        except HistoryDamagedError:
            self.damaged = True
            mark_damaged(self._path)
            self.on_damage()
            raise

    @contextmanager
    def _transaction(self, *, durable: bool = False) -> Iterator[None]:
        self._end_group()
        with self._disk():
            # The pragma holds for the connection, so it is set only where it changes.
            if durable != self._durable:
                self._connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self._connection.execute("BEGIN IMMEDIATE")
            with self._or_nothing():
                yield
                self._commit()

    @contextmanager
    def _step_of_group(self) -> Iterator[None]:
        """Write a part of a transaction that later steps go on with.

        Whatever else is written ends it first; readers see none of it before.
        """
        with self._disk():
            if not self._group:
                self._connection.execute("BEGIN IMMEDIATE")
                self._group = True
            with self._or_nothing():
                yield

    @contextmanager
    def _any_transaction(self) -> Iterator[None]:
        """Write with an open group, and lose it with that one."""
        with self._step_of_group() if self._group else self._transaction():
            yield

    def _end_group(self) -> None:
        """Commit what the steps of a group have written."""
        if not self._group:
            return
        with self._disk(), self._or_nothing():
            self._finish_group()
            self._commit()
        self._group = False
        self.on_group()

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
        self._commits += 1

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        """Roll the open transaction back where it fails."""
        try:
            yield
        except BaseException:
            self._group = False
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            # Ids that were given out inside it exist no more.
            self._forget_uncommitted()
            raise
