"""Memory of a desk, `desk.sqlite`: what it showed and why, what was seen, what is muted.

Nothing here is worth more than a popup: a damaged file is set aside and begun anew, and a write
that fails is logged and forgotten. Writes are small and wait for no disk (WAL, synchronous=NORMAL).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import msgspec

from devstream_desktop import machine, sqlite_file
from devstream_desktop.stream.rules import Attention
from devstream_desktop.stream.seen import Seen

_LOG = logging.getLogger(__name__)
VERSION = 1
REASONS = 5_000
"""Reasons that are kept; about two weeks of a busy team."""
SHOWN = 500
"""Popups that are remembered until their thing is over."""
OPENED = "opened"
"""Note that the app was once open here."""
LEFT = "left"
"""Note of the last end of duty: UTC milliseconds, in digits."""
SNOOZED = "snoozed"
"""Note of the end of a snooze: UTC milliseconds, in digits."""
TURNED = "turned"
"""Note of the moment up to which hours of duty were kept: UTC milliseconds, in digits."""
PLACE = "window"
"""Note with the place of the window."""
_SEEN = "seen"
"""Note of what was seen: an arrival number and a moment, in digits."""
_SCHEMA = """
CREATE TABLE reason (
  number INTEGER PRIMARY KEY,
  entry TEXT NOT NULL UNIQUE,
  attention TEXT NOT NULL,
  reason TEXT NOT NULL
) STRICT;
CREATE TABLE red (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE mute (topic TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE note (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
_TABLES = frozenset({"reason", "red", "mute", "note"})


class Reason(msgspec.Struct, frozen=True):
    """The verdict on one line, as it was given."""

    entry: str
    """Id of the line's entry: row ids may change when a history is read anew."""
    attention: Attention
    reason: str


class DeskStore:
    """The memory of a desk. A store that cannot be opened remembers until the app ends."""

    def __init__(self, path: Path) -> None:
        self.trouble = ""
        """The reason why nothing is kept beyond this run; empty when it is."""
        try:
            self._connection = _open(path)
        except (OSError, sqlite3.Error) as error:
            self.trouble = machine.reason(error)
            _LOG.warning("what was shown is not kept: %s", self.trouble)
            self._connection = sqlite3.connect(":memory:", isolation_level=None)
            self._connection.executescript(_SCHEMA)
        self._reds = self._read_reds()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def keep_reasons(self, reasons: Iterable[Reason]) -> None:
        """Remember why lines did or did not pop up; the oldest beyond `REASONS` go."""
        rows = [(one.entry, one.attention.value, one.reason) for one in reasons]
        self._write(
            "INSERT OR REPLACE INTO reason (entry, attention, reason) VALUES (?, ?, ?)", *rows
        )
        self._write(
            "DELETE FROM reason WHERE number <= (SELECT MAX(number) FROM reason) - ?", (REASONS,)
        )

    def reason(self, entry: str) -> Reason | None:
        """Return the verdict on the line of an entry; None where none was given."""
        query = "SELECT entry, attention, reason FROM reason WHERE entry = ?"
        for found, attention, reason in self._read(query, entry):
            return Reason(found, Attention(attention), reason)
        return None

    def is_red(self, key: str) -> bool:
        """Tell whether a thing was shown as broken, and not as over."""
        return key in self._reds

    def keep_red(self, key: str) -> None:
        """Remember that a thing was shown as broken; the oldest beyond `SHOWN` go."""
        self._write("INSERT OR REPLACE INTO red (key) VALUES (?)", (key,))
        self._write("DELETE FROM red WHERE number <= (SELECT MAX(number) FROM red) - ?", (SHOWN,))
        self._reds = self._read_reds()

    def forget_red(self, key: str) -> None:
        """Forget that a thing was shown as broken."""
        if key in self._reds:
            self._write("DELETE FROM red WHERE key = ?", (key,))
            self._reds = self._read_reds()

    def mute(self, topic: str, until: int) -> None:
        """Keep a thing quiet until a moment (UTC milliseconds); 0 ends it."""
        if until:
            self._write("INSERT OR REPLACE INTO mute VALUES (?, ?)", (topic, until))
        else:
            self._write("DELETE FROM mute WHERE topic = ?", (topic,))

    def muted(self, now: int) -> frozenset[str]:
        """Return the things that are quiet at a moment; the command may have added some."""
        found = self._read("SELECT topic FROM mute WHERE until > ?", now)
        return frozenset(topic for (topic,) in found)

    def note(self, name: str) -> bytes:
        """Return what was noted under a name; empty for nothing."""
        found = self._read("SELECT value FROM note WHERE name = ?", name)
        return bytes(found[0][0]) if found else b""

    def set_note(self, name: str, value: bytes) -> None:
        """Note a value, such as the place of a window."""
        self._write("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))

    def moment(self, name: str) -> int:
        """Return a moment that was noted, UTC milliseconds; 0 for none."""
        digits = self.note(name)
        return int(digits) if digits.isdigit() else 0

    def set_moment(self, name: str, at: int) -> None:
        """Note a moment, UTC milliseconds."""
        self.set_note(name, str(at).encode())

    def seen(self) -> Seen:
        """Return what the person has seen; nothing is said before they first looked."""
        found = self.note(_SEEN).split()
        if len(found) == 2 and all(one.isdigit() for one in found):
            return Seen(int(found[0]), int(found[1]))
        return Seen()

    def keep_seen(self, seen: Seen) -> None:
        """Remember what the person has seen."""
        self.set_note(_SEEN, f"{seen.arrival} {seen.began}".encode())

    def _read_reds(self) -> frozenset[str]:
        # Only the desk writes them, so they are read with each change alone.
        return frozenset(key for (key,) in self._read("SELECT key FROM red"))

    def _read(self, query: str, *values: str | int) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            _LOG.warning("what was shown cannot be read: %s", machine.reason(error))
            return []

    def _write(self, query: str, *rows: tuple[object, ...]) -> None:
        try:
            # One transaction: else each row is one of its own, on the thread of the screen.
            self._connection.execute("BEGIN")
            try:
                self._connection.executemany(query, rows)
            finally:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            _LOG.warning("what was shown is not kept: %s", machine.reason(error))


def _open(path: Path) -> sqlite3.Connection:
    if path.exists() and (wrong := sqlite_file.damage(path, VERSION, _TABLES)):
        aside = sqlite_file.set_aside(path)
        _LOG.warning("%s was damaged (%s) and is kept as %s", path.name, wrong, aside.name)
    sqlite_file.create(path, VERSION, _SCHEMA)
    sqlite_file.make_private(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=0.05)
    try:
        with closing(connection.execute("PRAGMA journal_mode = WAL")):
            connection.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        connection.close()
        raise
    return connection
