"""The signed entries of deploys, as they were signed: from the history and from the archive.

Rows are for reading; these are the bytes that prove who said what.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from devstream_desktop.history.archive import read_archive
from devstream_desktop.history.database import friendly, open_reader
from devstream_desktop.stream.entry import HASH_BYTES, Entry, MalformedEntryError, parse_entry
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.words import Kind

_KIND = b"\xa6deploy"
"""A deploy's kind in msgpack: most bodies need no further look."""


@dataclass(frozen=True)
class Evidence:
    """One entry, and the hash of its predecessor where that is here."""

    entry: Entry
    before: bytes | None


@dataclass(frozen=True)
class Gap:
    """Missing entries between a feed's first and last."""

    feed: bytes
    missing: int


def deploy_entries(history: Path, archive: Path) -> list[Evidence]:
    """Return every entry about a deploy, oldest first.

    Raises:
        HistoryError: there is no history, or it cannot be read.

    """
    found: dict[bytes, Evidence] = {}
    for body, signature in read_archive(archive):
        entry = _deploy(body, signature)
        if entry is not None:
            found[entry.hash] = Evidence(entry, None)
    with friendly(history), closing(open_reader(history)) as connection:
        for one in _of_history(connection):
            found[one.entry.hash] = one
    return sorted(found.values(), key=lambda one: (one.entry.hlc, one.entry.feed))


def gaps(history: Path, feeds: set[bytes]) -> list[Gap]:
    """Return what of these feeds is not in the history.

    Raises:
        HistoryError: there is no history, or it cannot be read.

    """
    counted = (
        "SELECT feeds.feed, MAX(log.seq) - MIN(log.seq) + 1 - COUNT(*) FROM log"
        " JOIN feeds ON feeds.id = log.feed GROUP BY log.feed"
    )
    with friendly(history), closing(open_reader(history)) as connection:
        rows = connection.execute(counted).fetchall()
    return [Gap(bytes(feed), missing) for feed, missing in rows if missing and feed in feeds]


def _of_history(connection: sqlite3.Connection) -> Iterator[Evidence]:
    rows = connection.execute(
        "SELECT log.body, log.signature, (SELECT old.body FROM log AS old WHERE old.feed ="
        " log.feed AND old.seq = log.seq - 1) FROM log WHERE instr(log.body, ?) > 0",
        (_KIND,),
    )
    for body, signature, old in rows:
        entry = _deploy(body, signature)
        if entry is None:
            continue
        before = None
        if isinstance(old, bytes):
            try:
                before = parse_entry(old, bytes(64)).hash
            except MalformedEntryError:
                before = bytes(HASH_BYTES)
        yield Evidence(entry, before)


def _deploy(body: object, signature: object) -> Entry | None:
    if not isinstance(body, bytes) or not isinstance(signature, bytes):
        return None
    try:
        entry = parse_entry(body, signature)
        about_deploys = entry.event.kind is Kind.DEPLOY
    except (MalformedEntryError, InvalidEventError):
        return None
    return entry if about_deploys else None
