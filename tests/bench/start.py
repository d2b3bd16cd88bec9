"""The desk's start: processor time until its icon stands, and until its window is filled.

The floor is a bare PySide6 tray. The desk is the screen's process; with its node it is a desk as a
person has it, which collects and deploys nothing. Pages of libraries that the bench has loaded
itself count for nobody: beside no other devstream a desk and its node have some 13 MB more.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
from figures import Row
from long_history import long_history

TRAY, WINDOW = 1.5, 2.0
MEMORY_MB = 110.0
_TIMEOUT_S = 120
_ROLES = ("collector", "executor")


class Started(msgspec.Struct):
    """CPU milliseconds since the interpreter began, and bytes that nobody else has."""

    tray: float
    window: float
    memory: int
    with_node: int = 0
    """Bytes together with the node that it started."""


def started(environment: Mapping[str, str], *words: str) -> Started:
    """One start of the program `start_process.py`."""
    program = Path(__file__).with_name("start_process.py")
    done = subprocess.run(
        [sys.executable, str(program), *words],
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
        timeout=_TIMEOUT_S,
    )
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Started)


def measure(folder: Path, *, rows: int, quick: bool) -> list[Row]:
    """Starts of both, in turn; their medians."""
    desk = long_history(folder, rows).desk
    home = str(desk.home.root)
    desks, bare = [], []
    # Its path is short, as that of a session is.
    with TemporaryDirectory(prefix="run-") as runtime:
        environment = desk.environment | {"XDG_RUNTIME_DIR": runtime}
        # As installed, each module is compiled: the first start does it, and is not counted.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        started(environment, home)
        for _ in range(1 if quick else 7):
            bare.append(started(environment))
            desks.append(started(environment, home))
        for role in _ROLES:
            desk.run("team", "ungrant", desk.person, role)
        whole = [started(environment, home, "node").with_node for _ in range(1 if quick else 3)]
        # Other parts use this home too.
        for role in _ROLES:
            desk.run("team", "grant", desk.person, role)
    least = median(one.tray for one in bare)

    def row(name: str, ms: float, goal: float) -> Row:
        ratio = ms / least
        return Row(
            name, f"{ms:.0f} ms CPU", f"{least:.0f} ms CPU", ratio, f"<= {goal}x", ratio <= goal
        )

    theirs = median(one.memory for one in bare) / 1e6
    ours, together = median(one.memory for one in desks) / 1e6, median(whole) / 1e6

    def memory(name: str, of: float, goal: str, *, met: bool | None) -> Row:
        return Row(name, f"{of:.0f} MB", f"{theirs:.0f} MB", of / theirs, goal, met)

    return [
        row("tray icon", median(one.tray for one in desks), TRAY),
        row(f"  and a window over {rows:,} events", median(one.window for one in desks), WINDOW),
        memory("  memory (USS)", ours, "", met=None),
        memory(
            "  with its node",
            together,
            f"<= {MEMORY_MB:.0f} MB",
            met=together <= MEMORY_MB,
        ),
    ]
