"""A collector that is killed at twelve marked points of receive, spool, normalise and append.

Every 202 becomes exactly one row.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from crash_points import POINTS
from senders import SECRET, deliver

pytestmark = pytest.mark.process

PROGRAM = (sys.executable, str(Path(__file__).with_name("crash_points.py")))
SENDERS = 6
BEFORE = 4
"""Answers of each run before its point is armed."""
MOST = 100
"""Deliveries of one sender in one run; a point is reached long before."""


class Senders:
    """Post numbered issues until nobody answers, and remember what became of each."""

    def __init__(self) -> None:
        self.answered: set[int] = set()
        self.unanswered: set[int] = set()
        self._numbers: Iterator[int] = itertools.count(1)

    def post_until_gone(self, url: str, arm: Callable[[], object]) -> None:
        """Several at once; `arm` is called after `BEFORE` answers."""
        before = len(self.answered)

        def post() -> None:
            for number in itertools.islice(self._numbers, MOST):
                self.unanswered.add(number)
                self.post(url, number)
                if len(self.answered) >= before + BEFORE:
                    arm()

        with ThreadPoolExecutor(SENDERS) as pool:
            ends = [pool.submit(post) for _ in range(SENDERS)]
        for end in ends:
            with contextlib.suppress(OSError, http.client.HTTPException):
                end.result()

    def post(self, url: str, number: int) -> None:
        assert deliver(url, number) == 202
        self.answered.add(number)
        self.unanswered.discard(number)


def test_every_answered_delivery_is_one_row_wherever_the_collector_dies(
    world, until, tmp_path
) -> None:
    ana = world.desk("ana")
    armed = tmp_path / "armed"
    ana.environment["CRASH_ARMED"] = str(armed)
    ana.run("team", "create", "acme", "--person", "ana")
    (tmp_path / "secret").write_bytes(SECRET)
    path = ana.run("source", "add", "github", "hub", "--secret-file", str(tmp_path / "secret"))
    senders = Senders()

    def rows() -> Counter[int]:
        return Counter(
            int(line.event.number) for line in ana.lines() if line.event.kind == "ticket"
        )

    for point in POINTS:
        ana.start("--intake", "127.0.0.1:0", program=PROGRAM)
        until(
            f"all that was answered before {point} is there",
            lambda: senders.answered <= set(rows()),
        )
        senders.post_until_gone(
            ana.ready["intake"] + path, lambda point=point: armed.write_text(point)
        )
        assert ana.process.wait(20) == -signal.SIGKILL, f"{point} was not reached"
        ana.stop()
        armed.unlink()

    ana.start("--intake", "127.0.0.1:0", program=PROGRAM)
    assert senders.unanswered, "no sender was cut off"
    for number in sorted(senders.unanswered):
        senders.post(ana.ready["intake"] + path, number)
    until("everything is there", lambda: senders.answered <= set(rows()))
    assert rows() == Counter(senders.answered)
    with contextlib.closing(
        sqlite3.connect(f"{ana.home.history.as_uri()}?mode=ro", uri=True)
    ) as history:
        (entries,), (lines,) = history.execute(
            "SELECT count(*) FROM log UNION ALL SELECT count(*) FROM lines"
        ).fetchall()
    assert entries == lines, "a fact was said twice"
