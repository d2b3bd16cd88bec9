"""A home with a long history, written as a catch-up writes one.

A run writes one for each length; its parts only ask it, or add a few events.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

from party import now_ms
from press import Desk
from sample import DAY_MS, events, feed

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.keys import Vault, key_file
from devstream_desktop.stream.log import Arrival
from devstream_desktop.team import Team

PART = 600
"""Entries of one transaction, as in a catch-up (mesh/core.py)."""
AHEAD = 20_000
"""Entries that are in the log before their lines are made."""
DAYS = 20


@dataclass(frozen=True)
class LongHistory:
    """Events of the last 20 days, written by the home's own device."""

    desk: Desk
    upkeep_us: float
    """Microseconds of processor time an event that upkeep took after the last one."""

    @property
    def path(self) -> Path:
        return self.desk.home.history


_written: dict[int, LongHistory] = {}


def long_history(folder: Path, rows: int) -> LongHistory:
    """A history of `rows` events; in `folder` where this run has none yet."""
    if rows not in _written:
        _written[rows] = _write(folder, rows)
    return _written[rows]


def _write(folder: Path, rows: int) -> LongHistory:
    (folder / "run").mkdir(mode=0o700)
    desk, key = Desk(folder, "ana"), key_file.make(folder / "ana.key")
    desk.home.create()
    team = Team.create(desk.home, Vault(desk.home, key), "bench", "ana")
    mirror = FeedMirror(desk.home.feed_mirror)
    history = History(desk.home.history, mirror, team.device.public, team.id)
    facts = events(rows, first_ms=now_ms() - DAYS * DAY_MS, step_ms=(DAYS - 1) * DAY_MS / rows)
    entries = feed(team.device, history.epoch, team.id, facts)
    while batch := list(itertools.islice(entries, PART)):
        history.add([Arrival(entry, "", verified=True) for entry in batch], later=True)
        while history.keep_up(but=AHEAD):
            pass
    while history.keep_up():
        pass
    began = time.process_time()
    while history.tend():
        pass
    upkeep = time.process_time() - began
    history.checkpoint()
    history.close()
    return LongHistory(desk, upkeep * 1e6 / rows)
