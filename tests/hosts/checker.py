"""Decides whether a team of nodes kept its word, knowing nothing of how: only what was
acknowledged, and what the databases hold.

It imports nothing of devstream. It knows the format of an entry, msgpack `[version, feed, seq, hlc,
prev, event]`, whose event carries its key in the fifth place and whose `hlc >> 16` is the UTC
millisecond that its author stamped it with; that a `log` row is one entry of a feed, and a feed
with a `proof` is withdrawn; and that a `lines` row is what a screen shows of one `log` row.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec

KEY_BYTES = 32
"""Of a feed's name: its author's key. What follows is the epoch."""
MARGIN_MS = 5_000
"""The time around an event's end in which both is right.

The event may be there or not: no two nodes look at their clocks in one instant.
"""
AHEAD_MS = 86_400_000
"""The most that a stamp may be ahead and be taken.

Until its time, an event further ahead is nobody's but its author's. What was acknowledged is there
under another stamp.
"""
RESTAMP_MS = 60_000
"""An author whose clock was set says again, in a new feed and under an earlier time, what it had
stamped too far ahead: people see one line, the log has both tellings. Where no clock was set the
two would be seconds apart."""


@dataclass(frozen=True)
class Acknowledged:
    """One line of an emitter's file: `node` told it that the event `key` is safe."""

    node: str
    key: str
    at: int
    """By that node's clock, UTC milliseconds."""


@dataclass(frozen=True)
class Held:
    """One row of a log."""

    feed: bytes
    seq: int
    digest: bytes
    key: str
    at: int
    shown: bool = True
    """Shown on a screen; of one fact that was told twice only one is."""


@dataclass(frozen=True)
class Look:
    """The events (key to stamp) that a node's log held once."""

    node: str
    at: int
    keys: Mapping[str, int]


@dataclass(frozen=True)
class Verdict:
    """The faults found, a sentence each."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    returned: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """True when all is well."""
        return not any(vars(self).values())

    def __str__(self) -> str:
        found = vars(self).items()
        return "\n".join(
            f"{len(lines)} {name}" + "".join(f"\n    {line}" for line in lines[:8])
            for name, lines in found
        )


def read_acknowledged(path: Path) -> list[Acknowledged]:
    """The emitter's file: one JSON object a line."""
    return (
        [Acknowledged(**json.loads(line)) for line in path.read_text().splitlines()]
        if path.exists()
        else []
    )


def read_log(path: Path, ignored: bytes = b"") -> list[Held]:
    """The rows of a database that are not withdrawn; its node may run.

    What the author with the key `ignored` says is nobody's loss.
    """
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        shown = "EXISTS (SELECT 1 FROM lines WHERE lines.lsn = log.lsn)"
        rows = connection.execute(
            f"SELECT body, {shown} FROM log JOIN feeds ON feeds.id = log.feed WHERE feeds.proof IS "
            f"NULL"
        ).fetchall()
    finally:
        connection.close()
    entries = [
        (body, msgspec.msgpack.decode(body, type=_Body), bool(shown)) for body, shown in rows
    ]
    return [_held(*row) for row in entries if not ignored or not row[1].feed.startswith(ignored)]


class _Body(msgspec.Struct, array_like=True):
    version: int
    feed: bytes
    seq: int
    hlc: int
    prev: bytes
    event: msgspec.Raw


def _held(body: bytes, entry: _Body, shown: bool) -> Held:
    key = msgspec.msgpack.decode(entry.event)[4]
    return Held(entry.feed, entry.seq, hashlib.sha256(body).digest(), key, entry.hlc >> 16, shown)


def judge(
    acknowledged: Sequence[Acknowledged],
    logs: Mapping[str, Sequence[Held]],
    looks: Sequence[Look],
    *,
    now: int,
    retention_ms: int,
) -> Verdict:
    """Compare what was promised with what is there at `now` (UTC milliseconds, true time)."""
    verdict = Verdict()
    logs = {node: [row for row in rows if row.at <= now + AHEAD_MS] for node, rows in logs.items()}
    keys = {node: {row.key for row in rows} for node, rows in logs.items()}
    for node, rows in logs.items():
        shown = {row.key for row in rows if row.shown}
        verdict.hidden.extend(
            f"{key} is held at {node} and shown nowhere" for key in sorted(keys[node] - shown)
        )
    for item in acknowledged:
        if item.at > now - retention_ms + MARGIN_MS:
            verdict.lost.extend(
                f"{item.key} of {item.node} is not at {node}"
                for node in logs
                if item.key not in keys[node]
            )
    _find_doubled(logs, verdict.doubled)
    _find_returned(
        [*looks, *(_look(node, now, rows) for node, rows in logs.items())],
        retention_ms,
        verdict.returned,
    )
    _find_unequal(logs, now - retention_ms + MARGIN_MS, verdict.unequal)
    return verdict


def look(node: str, at: int, path: Path, ignored: bytes = b"") -> Look:
    """The events that a node holds, but for those of the author `ignored`."""
    return _look(node, at, read_log(path, ignored))


def _look(node: str, at: int, rows: Sequence[Held]) -> Look:
    return Look(node, at, {row.key: row.at for row in rows})


def _find_doubled(logs: Mapping[str, Sequence[Held]], found: list[str]) -> None:
    said: dict[tuple[bytes, int], bytes] = {}
    for node, rows in logs.items():
        tellings: dict[str, list[Held]] = {}
        for row in rows:
            tellings.setdefault(row.key, []).append(row)
        found.extend(
            f"{key} is at {node} {len(told)} times"
            for key, told in tellings.items()
            if not _restamped(told)
        )
        others = [
            row for row in rows if said.setdefault((row.feed, row.seq), row.digest) != row.digest
        ]
        found.extend(
            f"number {row.seq} of feed {row.feed.hex()[:8]} is another event at {node}"
            for row in others
        )


def _restamped(tellings: Sequence[Held]) -> bool:
    """True when one author said this once a setting of its clock."""
    stamps = sorted(row.at for row in tellings)
    apart = all(later - earlier > RESTAMP_MS for earlier, later in pairwise(stamps))
    return (
        apart
        and len({row.feed for row in tellings}) == len(tellings)
        and len({row.feed[:KEY_BYTES] for row in tellings}) == 1
    )


def _find_returned(looks: Sequence[Look], retention_ms: int, found: list[str]) -> None:
    stamps = {key: at for look in looks for key, at in look.keys.items()}
    gone: set[tuple[str, str]] = set()
    for one in sorted(looks, key=lambda look: look.at):
        for key, at in stamps.items():
            if key in one.keys and (one.node, key) in gone:
                found.append(f"{key} had expired and left {one.node}, and is there again")
            elif key not in one.keys and at < one.at - retention_ms - MARGIN_MS:
                gone.add((one.node, key))


def _find_unequal(logs: Mapping[str, Sequence[Held]], oldest: int, found: list[str]) -> None:
    live = {
        node: {(row.feed, row.seq, row.digest) for row in rows if row.at > oldest}
        for node, rows in logs.items()
    }
    everything = set().union(*live.values())
    missing = {node: len(everything - rows) for node, rows in live.items()}
    found.extend(
        f"{node} lacks {count} of {len(everything)} that others hold"
        for node, count in missing.items()
        if count
    )
