"""The desk's window over a long history: how soon it answers, and how long it stands still.

The floor of an answer is the first page of all rows, read by the reader alone. A step is a turn of
the GUI thread's event loop, in its own processor time; its goal is one picture of 60 a second.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import msgspec
from figures import Row, percentile
from long_history import long_history

from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.query import Query

ROWS = 300_000
STEP_MS = 16.0
FILLED_MS = 500.0
SEARCH_MS = 50.0
MEMORY_MB = 100.0
_TIMEOUT_S = 900


class Figures(msgspec.Struct):
    """Figures of one run; times in milliseconds."""

    filled: float
    searches: list[float]
    searching: float
    """The longest step while searching."""
    scrolling: float
    """The longest step while scrolling."""
    pages: int
    live: float
    """From the news to the rows in a filtered view."""
    merging: float
    """The longest step of it."""
    memory: int
    """Bytes that the process has to itself, with the window open and scrolled."""


def measure(folder: Path, *, rows: int, quick: bool) -> list[Row]:
    """Rows about the window; with `quick` only a few pages are scrolled."""
    path = long_history(folder, rows).path
    page = _page_ms(path)
    program = Path(__file__).with_name("desk_process.py")
    done = subprocess.run(
        [sys.executable, str(program), str(path), str(20 if quick else rows)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=_TIMEOUT_S,
    )
    found = msgspec.json.decode(done.stdout, type=Figures)
    p50, p99 = (percentile(found.searches, share) for share in (0.5, 0.99))

    def answer(name: str, figure: str, ms: float, goal: float) -> Row:
        least = f"{page:.2f} ms"
        return Row(name, figure, least, ms / page, f"< {goal:.0f} ms", ms < goal)

    def step(name: str, ms: float, of: str = "") -> Row:
        return Row(name, f"{ms:.1f} ms{of}", "", None, f"< {STEP_MS:.0f} ms", ms < STEP_MS)

    memory = found.memory / 1e6
    return [
        answer(
            f"window filled, {rows:,} events", f"{found.filled:.0f} ms", found.filled, FILLED_MS
        ),
        answer("search as one types", f"p50 {p50:.0f} p99 {p99:.0f} ms", p99, SEARCH_MS),
        step("longest step of it", found.searching),
        step("longest step of scrolling", found.scrolling, f", {found.pages:,} pages"),
        answer("200 live rows under a search", f"{found.live:.0f} ms", found.live, SEARCH_MS * 4),
        step("longest step of them", found.merging),
        Row(
            "memory of the window",
            f"{memory:.0f} MB",
            "",
            None,
            f"< {MEMORY_MB:.0f} MB",
            memory < MEMORY_MB,
        ),
    ]


def _page_ms(path: Path) -> float:
    times = []
    with Reader(path) as reader:
        for _ in range(20):
            began = time.perf_counter()
            reader.page(Query(), limit=100)
            times.append((time.perf_counter() - began) * 1000)
    return median(times)
