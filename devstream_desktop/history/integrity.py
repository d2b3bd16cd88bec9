"""Checks of a history's file.

A node asks before it opens one and now and then while it runs; `devstream doctor` asks too.
"""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.control import history_words
from devstream_desktop.history.database import SCHEMA_VERSION
from devstream_desktop.history.holdings import Holdings
from devstream_desktop.history.quarantine import stored_entry

DAMAGED = history_words.DAMAGED.format(cause="")
"""Begins a sentence on damage; the rest are trouble of the machine."""
_MAGIC = b"SQLite format 3\0"
_SAMPLE = 1_000
_BRIEF_SAMPLE = 250
"""Twice so many entries are read in 5 ms."""
WHOLE_BYTES = 32 << 20
"""A file that a start looks through: in some 30 ms."""
_START = ("meta", "feeds", "senders", "people", "facets", "running", "aside")
"""Tables that a start reads whole."""
_SAID = 5
# Each by itself: together they would walk through an index.
_ENDS = "SELECT (SELECT MIN(lsn) FROM log), (SELECT MAX(lsn) FROM log)"


def problems(path: Path, *, brief: bool = False) -> tuple[str, ...]:
    """Find what is wrong with the history at `path`, a sentence each.

    Looked at are the file's head, SQLite's own quick check, whether each line has its log entry,
    whether what is noted as held is, and of a sample of the log whether each entry is what its row
    says and the next one chains to it. With `brief`, for a start, of a large file only what a start
    reads, and the sample.
    """
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (history_words.UNREADABLE.format(cause=machine.reason(error)),)
    if head and head != _MAGIC:
        return (DAMAGED + history_words.NO_DATABASE,)
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        ) as connection:
            whole = not brief or path.stat().st_size <= WHOLE_BYTES
            return _look(connection, whole=whole)
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            return ()  # locked: no word about its health
        return (
            (history_words.UNREADABLE.format(cause=machine.reason(error, path)),)
            if machine.of_machine(error)
            else (f"{DAMAGED}{error}",)
        )
    except (sqlite3.DatabaseError, ValueError, TypeError, OverflowError) as error:
        return (f"{DAMAGED}{error}",)


def _look(connection: sqlite3.Connection, *, whole: bool) -> tuple[str, ...]:
    connection.execute("PRAGMA cell_size_check = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version != SCHEMA_VERSION:
        return ()  # an empty or another version's file is judged when it is opened
    for part in (str(_SAID),) if whole else _START:
        told = [
            line
            for (text,) in connection.execute(f"PRAGMA quick_check({part})")
            for line in text.splitlines()
            if not line.startswith("***")
        ]
        if told != ["ok"]:
            return (DAMAGED + (told[0] if told else history_words.CHECK_FAILS),)
    wrong = _wrong_entries(connection, _SAMPLE if whole else _BRIEF_SAMPLE)
    if wrong:
        return (DAMAGED + history_words.NOT_SIGNED.format(count=wrong),)
    if not whole:
        return ()
    (orphans,) = connection.execute(
        "SELECT COUNT(*) FROM lines WHERE NOT EXISTS (SELECT 1 FROM log WHERE log.lsn = lines.lsn)"
    ).fetchone()
    if orphans:
        return (DAMAGED + history_words.LINES_ALONE.format(count=orphans),)
    return () if _is_noted(connection) else (DAMAGED + history_words.NOT_HELD,)


def _is_noted(connection: sqlite3.Connection) -> bool:
    """Compare the note of held numbers (holdings.py) with the log."""
    # One moment: a node goes on writing.
    connection.execute("BEGIN")
    try:
        noted = {
            feed: sum(last - first + 1 for first, last in runs)
            for feed, runs in Holdings(connection).runs().items()
        }
        counted = dict(connection.execute("SELECT feed, COUNT(*) FROM log GROUP BY feed"))
    finally:
        connection.execute("COMMIT")
    return noted == counted


def _wrong_entries(connection: sqlite3.Connection, sample: int) -> int:
    """Entries of a sample that contradict their row or their successor."""
    first, last = connection.execute(_ENDS).fetchone()
    if last is None:
        return 0
    start = random.randint(first, last)  # noqa: S311 - where to look, no secret
    wrong = 0
    for since in {max(first, last - sample + 1), start}:
        rows = connection.execute(
            "SELECT log.feed, feeds.feed, seq, body, signature FROM log JOIN feeds ON feeds.id ="
            " log.feed"
            " WHERE lsn >= ? ORDER BY lsn LIMIT ?",
            (since, sample),
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
