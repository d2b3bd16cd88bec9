"""The desk's start: processor time until its icon stands, and until its window is filled.

The floor is a bare PySide6 tray. The desk is the screen's process alone, without its node.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from statistics import median

import msgspec
from figures import Row
from long_history import long_history

TRAY, WINDOW = 1.5, 2.0
_TIMEOUT_S = 120


class Started(msgspec.Struct):
    """CPU milliseconds since the interpreter began, and bytes that only the process has."""

    tray: float
    window: float
    memory: int


def started(*words: str) -> Started:
    """One start of the program `start_process.py`."""
    program = Path(__file__).with_name("start_process.py")
    done = subprocess.run(
        [sys.executable, str(program), *words],
        stdout=subprocess.PIPE,
        check=True,
        timeout=_TIMEOUT_S,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Started)


def measure(folder: Path, *, rows: int, quick: bool) -> list[Row]:
    """Starts of both, in turn; their medians."""
    home = long_history(folder, rows).path.parent
    desks, bare = [], []
    for _ in range(1 if quick else 7):
        bare.append(started())
        desks.append(started(str(home)))
    least = median(one.tray for one in bare)

    def row(name: str, ms: float, goal: float) -> Row:
        ratio = ms / least
        return Row(
            name, f"{ms:.0f} ms CPU", f"{least:.0f} ms CPU", ratio, f"<= {goal}x", ratio <= goal
        )

    ours, theirs = (median(one.memory for one in some) / 1e6 for some in (desks, bare))
    return [
        row("tray icon", median(one.tray for one in desks), TRAY),
        row(f"  and a window over {rows:,} events", median(one.window for one in desks), WINDOW),
        Row("  memory (USS)", f"{ours:.0f} MB", f"{theirs:.0f} MB", ours / theirs, "", None),
    ]
