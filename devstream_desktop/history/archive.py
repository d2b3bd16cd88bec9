"""Deploys outlive the rest of a history: their signed entries, for as long as the policy says.

Executors and collectors keep them in a small database of its own, byte for byte, so that an audit
can prove later who asked for what. A device that is neither forgets them like everything else.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from devstream_desktop import sqlite_file
from devstream_desktop.control.node_words import DEPLOYS_NOT_KEPT
from devstream_desktop.stream.entry import Entry, hlc_time
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.words import Kind

VERSION = 1
TABLES = frozenset({"entries"})
_SCHEMA = """
CREATE TABLE entries (
    hash BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    signature BLOB NOT NULL
) STRICT;
CREATE INDEX entries_at ON entries (at);
"""

_log = logging.getLogger(__name__)


def keep(path: Path, entries: Sequence[Entry], oldest: int) -> str:
    """Add the deploys among `entries`, and drop what is older than `oldest`; in a thread.

    That is a time in UTC milliseconds; 0 drops nothing.

    Returns why that was not possible, empty when it was: nothing waits for an archive.
    """
    deploys = [one for one in entries if _is_deploy(one)]
    if not deploys and not path.exists():
        return ""
    try:
        if damage := sqlite_file.damage(path, VERSION, TABLES):
            aside = sqlite_file.set_aside(path)
            _log.error("%s was damaged (%s) and is now %s", path.name, damage, aside.name)
        sqlite_file.create(path, VERSION, _SCHEMA)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT OR IGNORE INTO entries VALUES (?, ?, ?, ?)",
                [(one.hash, hlc_time(one.hlc), one.body, one.signature) for one in deploys],
            )
            connection.execute("DELETE FROM entries WHERE at < ?", (oldest,))
            connection.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        return DEPLOYS_NOT_KEPT.format(file=path.name, reason=error)
    return ""


def read_archive(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield body and signature of each entry; nothing where there is no archive."""
    if not path.exists():
        return
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        for body, signature in connection.execute("SELECT body, signature FROM entries"):
            yield bytes(body), bytes(signature)


def _is_deploy(entry: Entry) -> bool:
    try:
        return entry.event.kind is Kind.DEPLOY
    except InvalidEventError:
        return False
