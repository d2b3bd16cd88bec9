"""A node's start over a long history of its own, until it says that it is ready.

It is started after a clean stop and after a kill, in turn. The floor imports the same libraries and
opens the same database. The goal is about the processor's time, so that a busy machine says little
else; the clock's time stands beside it.
"""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil
from figures import Row
from long_history import long_history
from press import Desk

GOAL_MS = 500.0
_TIMEOUT_S = 120
_FLOOR = """
import sys
from pathlib import Path
from devstream_desktop.history.database import open_writer
from devstream_desktop.node import process
open_writer(Path(sys.argv[1])).close()
"""


@dataclass(frozen=True)
class Times:
    """Milliseconds of several starts: the processor's and the clock's."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{median(self.cpu):.0f} ms CPU, {median(self.wall):.0f} ms"


def _bare(desk: Desk, times: Times) -> None:
    began, before = time.perf_counter(), _children_ms()
    words = [sys.executable, "-c", _FLOOR, str(desk.home.history)]
    subprocess.run(words, env=desk.environment, check=True, timeout=_TIMEOUT_S)
    times.wall.append((time.perf_counter() - began) * 1000)
    times.cpu.append(_children_ms() - before)


def _children_ms() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) * 1000


def _start(desk: Desk, times: Times, end: signal.Signals) -> None:
    """Start the node, and end it once it is ready."""
    began = time.perf_counter()
    words = desk.command("node", "--no-discovery", "--listen", "127.0.0.1:0")
    with subprocess.Popen(words, env=desk.environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if not process.stdout.readline().startswith(b"ready "):
                raise RuntimeError("the node said nothing; its error is above")
            times.wall.append((time.perf_counter() - began) * 1000)
            used = psutil.Process(process.pid).cpu_times()
            times.cpu.append((used.user + used.system) * 1000)
        finally:
            process.send_signal(end)
            process.wait(_TIMEOUT_S)


def measure(folder: Path, *, rows: int, quick: bool) -> list[Row]:
    """Starts of each kind and of the floor, in turn; their medians."""
    desk = long_history(folder, rows).desk
    bare, clean, killed = Times(), Times(), Times()
    for _ in range(1 if quick else 7):
        _bare(desk, bare)
        _start(desk, clean, signal.SIGKILL)
        _start(desk, killed, signal.SIGTERM)

    def row(name: str, times: Times) -> Row:
        ms, least = median(times.cpu), median(bare.cpu)
        return Row(name, str(times), str(bare), ms / least, f"< {GOAL_MS:.0f} ms CPU", ms < GOAL_MS)

    return [row(f"node ready, {rows:,} events", clean), row("  after a kill", killed)]
