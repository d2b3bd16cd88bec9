"""Opening a history that may be damaged: found out, set aside, a new one begun, and what is genuine in the old one saved into it.

The rest comes from the peers. The new database starts a new epoch, so no number is given twice, whatever the old one had forgotten.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from devstream_desktop.history.database import HistoryDamagedError, damage_mark, friendly
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.integrity import DAMAGED, problems
from devstream_desktop.history.log import History
from devstream_desktop.stream.entry import KEY_BYTES, Entry, MalformedEntryError, parse_entry, preamble

START_CHECK_S = 0.25
"""A start waits no longer for the check; a running node checks everything once a day."""
_RANGE = 512
_KEPT = 2
"""Damaged databases that are kept."""

Verify = Callable[[bytes, bytes, bytes], bool]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Saved:
    entry: Entry
    sender: str = ""
    verified: bool = True


def open_sound(path: Path, mirror: FeedMirror, device: bytes, team: str, verify: Verify) -> tuple[History, str]:
    """The history at `path` (as `History`), whole; and one sentence where it was not, else empty.

    `verify` says whether `(public key, message, signature)` is right.

    Raises:
        HistoryError: it is from a newer version, or the disk is full.

    """
    doubt = damage_mark(path)
    found = ("it failed while the node ran",) if doubt.exists() else problems(path, seconds=START_CHECK_S)
    if not found:
        try:
            history = History(path, mirror, device, team)
        except HistoryDamagedError as error:
            found = (str(error.__cause__ or error),)
        else:
            return history, _go_on(history, team, verify)
    aside = _set_aside(path)
    history = History(path, mirror, device, team)
    _unfinished(path).write_text(aside.name)
    doubt.unlink(missing_ok=True)
    told = _go_on(history, team, verify)
    return history, f"the history was damaged ({found[0].removeprefix(DAMAGED)}): {told}"


def _go_on(history: History, team: str, verify: Verify) -> str:
    """Save what a set-aside database holds, where that is not done yet: a stop in between repeats it."""
    unfinished = _unfinished(history.path)
    if not unfinished.exists():
        return ""
    aside = history.path.with_name(unfinished.read_text())
    saved = _salvage(aside, history, preamble(team), verify)
    unfinished.unlink()
    return f"{saved:,} events were saved from it, the rest comes from the peers; the damaged file is kept as {aside.name}"


def _salvage(aside: Path, history: History, start: bytes, verify: Verify) -> int:
    """Put everything genuine of the damaged database into `history`; how many entries."""

    def signed(entry: Entry) -> bool:
        return verify(entry.feed[:KEY_BYTES], start + entry.body, entry.signature)

    saved = 0
    with closing(sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as old:
        for feed, floor, tip, proof in _feeds(old):
            if tip is not None and tip.feed == feed and tip.seq <= floor and signed(tip):
                history.settle(feed, floor, tip)
            if proof and all(entry.feed == feed and signed(entry) for entry in proof):
                history.freeze(feed, (proof[0], proof[1]))
        floors = {row.feed: row.floor for row in history.feeds()}
        for entries in _entries(old):
            # Each by its own signature: the chain would vouch for a body whose signature the damage has hit.
            good = [_Saved(entry) for entry in entries if entry.seq > floors.get(entry.feed, 0) and signed(entry)]
            history.add(good)
            saved += len(good)
    return saved


def _entries(old: sqlite3.Connection) -> Iterator[list[Entry]]:
    """What can be read of the log, in portions; around a bad place row by row."""
    last = max(_number(old, "SELECT MAX(seq) FROM sqlite_sequence"), _number(old, "SELECT MAX(lsn) FROM log"))
    for first in range(1, last + 1, _RANGE):
        yield list(_parsed(_range(old, first, min(first + _RANGE, last + 1))))


def _range(old: sqlite3.Connection, first: int, end: int) -> list[tuple[bytes, bytes]]:
    try:
        found: list[tuple[bytes, bytes]] = old.execute(
            "SELECT body, signature FROM log WHERE lsn >= ? AND lsn < ? ORDER BY lsn", (first, end)
        ).fetchall()
    except sqlite3.DatabaseError:
        if end - first <= 1:
            return []
        middle = (first + end) // 2
        return _range(old, first, middle) + _range(old, middle, end)
    return found


def _feeds(old: sqlite3.Connection) -> Iterator[tuple[bytes, int, Entry | None, list[Entry]]]:
    for feed, floor, body, signature, proof in _rows(old, "SELECT feed, floor, tip_body, tip_signature, proof FROM feeds"):
        tips = list(_parsed([(body, signature)])) if body else []
        try:
            pair = list(_parsed(msgspec.msgpack.decode(proof, type=list[tuple[bytes, bytes]]))) if proof else []
        except msgspec.DecodeError:
            pair = []
        yield feed, floor, tips[0] if tips else None, pair if len(pair) == 2 else []


def _number(old: sqlite3.Connection, sql: str) -> int:
    try:
        (number,) = old.execute(sql).fetchone()
    except sqlite3.DatabaseError:
        return 0
    return number or 0


def _rows(old: sqlite3.Connection, sql: str) -> Iterator[tuple[bytes, int, bytes, bytes, bytes]]:
    try:
        yield from old.execute(sql)
    except sqlite3.DatabaseError as error:
        _log.warning("not all of the damaged history can be read: %s", error)


def _parsed(rows: Iterable[tuple[bytes, bytes]]) -> Iterator[Entry]:
    for body, signature in rows:
        try:
            yield parse_entry(bytes(body), bytes(signature))
        except (MalformedEntryError, TypeError):
            continue


def _set_aside(path: Path) -> Path:
    """Rename the database and what belongs to it; the newest damaged ones are kept, older ones go."""
    aside = _beside(path, f"damaged-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}")
    with friendly(path):
        for suffix in ("-wal", "-shm", ""):
            file = path.with_name(path.name + suffix)
            if file.exists():
                file.replace(aside.with_name(aside.name + suffix))
    older = sorted(file for file in path.parent.glob(f"{path.name}.damaged-*") if not file.name.endswith(("-wal", "-shm")))
    for file in older[:-_KEPT]:
        for suffix in ("", "-wal", "-shm"):
            file.with_name(file.name + suffix).unlink(missing_ok=True)
    return aside


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}.{suffix}")


def _unfinished(path: Path) -> Path:
    return _beside(path, "salvage")
