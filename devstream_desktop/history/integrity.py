"""Checks of a history's file.

A node asks before it opens one and now and then while it runs; `devstream doctor` asks too.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.history.database import SCHEMA_VERSION
from devstream_desktop.history.quarantine import stored_entry

DAMAGED = "it is damaged: "
_MAGIC = b"SQLite format 3\0"
_SAMPLE = 1_000
_STEPS = 10_000
"""Of SQLite's machine between two looks at the clock: about a millisecond."""
_SAID = 5


def problems(path: Path, *, seconds: float | None = None) -> tuple[str, ...]:
    """Find what is wrong with the history at `path`, a sentence each.

    Looked at are the file's head, SQLite's own quick check, whether each line has its log entry,
    and of a sample of the log whether each entry is what its row says and the next one chains to
    it. After `seconds` what was not looked at counts as whole.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (f"it cannot be read: {machine.reason(error)}",)
    if head and head != _MAGIC:
        return (f"{DAMAGED}its first bytes are not those of a database",)
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            if seconds is not None:
                end = time.monotonic() + seconds
                connection.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS)
            return _look(connection)
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY):
            return ()  # out of time, or locked: no word about its health
        return (
            (f"it cannot be read: {machine.reason(error, path)}",)
            if machine.of_machine(error)
            else (f"{DAMAGED}{error}",)
        )
    except (sqlite3.DatabaseError, ValueError, TypeError, OverflowError) as error:
        return (f"{DAMAGED}{error}",)


def _look(connection: sqlite3.Connection) -> tuple[str, ...]:
    connection.execute("PRAGMA cell_size_check = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        return ()  # an empty or another version's file is judged when it is opened
    told = [
        line
        for (text,) in connection.execute(f"PRAGMA quick_check({_SAID})")
        for line in text.splitlines()
        if not line.startswith("***")
    ]
    if told != ["ok"]:
        return (f"{DAMAGED}{told[0] if told else 'the quick check fails'}",)
    wrong = _wrong_entries(connection)
    if wrong:
        return (f"{DAMAGED}{wrong} of its entries are not what was signed",)
    (orphans,) = connection.execute(
        "SELECT COUNT(*) FROM lines WHERE NOT EXISTS (SELECT 1 FROM log WHERE log.lsn = lines.lsn)"
    ).fetchone()
    return (f"{DAMAGED}{orphans} lines have no entry",) if orphans else ()


def _wrong_entries(connection: sqlite3.Connection) -> int:
    """Entries of a sample that contradict their row or their successor."""
    first, last = connection.execute("SELECT MIN(lsn), MAX(lsn) FROM log").fetchone()
    if last is None:
        return 0
    start = random.randint(first, last)  # noqa: S311 - where to look, no secret
    wrong = 0
    for since in {max(first, last - _SAMPLE), start}:
        rows = connection.execute(
            "SELECT log.feed, feeds.feed, seq, body, signature FROM log JOIN feeds ON feeds.id ="
            " log.feed"
            " WHERE lsn >= ? ORDER BY lsn LIMIT ?",
            (since, _SAMPLE),
        )
        for feed_id, feed, seq, body, signature in rows.fetchall():
            entry = stored_entry(body, signature)
            if entry is None:
                continue  # it is set aside, and that is all that is lost (quarantine.py)
            following = connection.execute(
                "SELECT body, signature FROM log WHERE feed = ? AND seq = ?", (feed_id, seq + 1)
            ).fetchone()
            after = stored_entry(*following) if following is not None else None
            chained = after is None or after.prev == entry.hash
            wrong += (entry.feed, entry.seq) != (feed, seq) or not chained
    return wrong
