"""A writer that is killed at any moment, 200 times over.

The file is whole, what was acknowledged is there, and it is open again within a second.
"""

from __future__ import annotations

import logging
import os
import random
import runpy
import select
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from operator import itemgetter
from pathlib import Path

import pytest

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.entry import KEY_BYTES
from devstream_desktop.stream.query_text import parse_query

WRITER = Path(__file__).parent / "kill_writer.py"
OWN, PEER_FEED, TEAM, clock = itemgetter("OWN", "PEER_FEED", "TEAM", "clock")(
    runpy.run_path(str(WRITER))
)
LIVES = int(os.environ.get("KILLS", "200"))
OPEN_S = 1.0
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="a writer is forked for each life"),
    pytest.mark.process,
]


class Lives:
    """Talks to the process that forks the writers."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(WRITER), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        self._rest = b""

    def one(self, seed: int, rng: random.Random) -> list[str]:
        """Start a writer, kill it some moment later, and return everything that it said."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seed}\n".encode())
        said: list[str] = []
        deadline, pid, kill_at = time.monotonic() + 30, 0, 0.0
        while True:
            now = time.monotonic()
            assert now < deadline, said[-5:]
            if kill_at and now >= kill_at and pid:
                os.kill(pid, signal.SIGKILL)
                pid = 0
            wait = max(0.0, kill_at - now) if pid and kill_at else 0.05
            for line in self._lines(wait):
                if line.startswith("pid "):
                    pid = int(line[4:])
                elif line.startswith("ended "):
                    assert line.split()[1] == str(-signal.SIGKILL), line
                    return said
                else:
                    said.append(line)
                    if line.startswith("open "):
                        # Most lives are short, so that the kill often meets the first writes after
                        # a start.
                        kill_at = (
                            time.monotonic() + rng.choice((0.003, 0.02, 0.1, 0.25)) * rng.random()
                        )

    def _lines(self, wait: float) -> Iterator[str]:
        assert self._process.stdout is not None
        if select.select([self._process.stdout], [], [], wait)[0]:
            self._rest += os.read(self._process.stdout.fileno(), 1 << 16)
        *whole, self._rest = self._rest.split(b"\n")
        yield from (line.decode() for line in whole)

    def end(self) -> None:
        self._process.communicate(timeout=10)


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_by_a_kill(tmp_path: Path, below) -> None:
    rng = random.Random(LIVES)
    path = tmp_path / "history.sqlite"
    own: dict[bytes, set[int]] = defaultdict(set)
    peer = oldest = acknowledged = 0
    slowest = 0.0
    lives = Lives(tmp_path)
    try:
        for seed in range(LIVES):
            for line in lives.one(seed, rng):
                word, _, rest = line.partition(" ")
                if word == "own":
                    for item in rest.split():
                        epoch, seq = item.split(":")
                        own[OWN + bytes.fromhex(epoch)].add(int(seq))
                        acknowledged += 1
                elif word == "peer":
                    peer = int(rest)
                elif word == "floor":
                    oldest = int(rest)
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], seed
                # No row without its entry; and, which takes longer, the index agrees with itself.
                assert connection.execute(
                    "SELECT COUNT(*) FROM lines WHERE lsn NOT IN (SELECT lsn FROM log)"
                ).fetchone() == (0,)
                if seed % 10 == 0 or seed == LIVES - 1:
                    connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
            began = time.monotonic()
            history = History(path, FeedMirror(tmp_path / "feed.json"), OWN, TEAM)
            slowest = max(slowest, time.monotonic() - began)
            rows = {row.feed: row for row in history.feeds()}
            # It reads every line, so it is made while there are few.
            if seed == LIVES // 8:
                _check_search(history)
            below().close()
            for feed, numbers in own.items():
                held = _held(rows[feed])
                assert {n for n in numbers if n > rows[feed].floor} <= held, (
                    seed,
                    feed[KEY_BYTES:].hex(),
                )
            if peer:
                row = rows[PEER_FEED]
                assert set(range(row.floor + 1, peer + 1)) <= _held(row), seed
                assert not row.tip or row.tip.hlc >> 16 < max(oldest, clock(peer)), seed
    finally:
        lives.end()
    figures = (
        f"{acknowledged} own and {peer} foreign acknowledged, {len(own)} epochs,"
        f" slowest open {slowest * 1000:.0f} ms"
    )
    logging.getLogger(__name__).info("%d kills: %s", LIVES, figures)
    assert acknowledged > LIVES, figures
    assert slowest < OPEN_S, figures


def _check_search(history: History) -> None:
    """After an idle moment a search finds every line, whatever the kill met."""
    while history.tend():
        pass
    with Reader(history.path) as reader:
        found = reader.page(parse_query("fact"), limit=1_000_000, superseded=True)
        assert len(found) == reader.count()


def _held(row) -> set[int]:
    return {number for first, last in row.runs for number in range(first, last + 1)}
