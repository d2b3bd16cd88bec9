"""Measures the figures that devstream promises, each beside its floor, and prints one table. `make
bench` runs it.

Everything runs on loopback and in a temporary folder, and ends by itself. The machine should have
nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import asked
import catch_up
import cpu
import desk
import intake
import links
import live
import press
import search
import thirty
from figures import Row, table

ROWS = ("live", "cpu", "catch-up", "search", "asked", "desk", "intake", "thirty", "links", "press")


async def measure(chosen: Sequence[str], folder: Path, given: argparse.Namespace) -> list[Row]:
    """The rows that were asked for, in order."""
    quick: bool = given.quick
    rows: list[Row] = []
    for name in chosen:
        started = time.monotonic()
        if name == "live":
            rows += await live.measure(folder, quick=quick)
        elif name == "cpu":
            rows += cpu.measure(folder, quick=quick)
        elif name == "catch-up":
            rows += await catch_up.measure(
                folder, events=given.events or (2_000 if quick else 100_000), quick=quick
            )
        elif name == "search":
            rows += search.measure(
                folder, rows=given.stored or (5_000 if quick else 1_000_000), quick=quick
            )
        elif name == "asked":
            rows += asked.measure(
                folder, rows=given.stored or (5_000 if quick else 1_000_000), quick=quick
            )
        elif name == "desk":
            rows += desk.measure(
                folder, rows=given.stored or (5_000 if quick else desk.ROWS), quick=quick
            )
        elif name == "intake":
            rows += await intake.measure(folder, quick=quick)
        elif name == "thirty":
            rows += await thirty.measure(folder, quick=quick)
        elif name == "links":
            rows += await links.measure(folder, quick=quick)
        elif name == "press":
            rows += await press.measure(folder, quick=quick)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed and `--strict` was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "rows", nargs="*", metavar="ROW", help=f"which rows: {' '.join(ROWS)}; default all"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one short round of each: shows that it works, says little",
    )
    parser.add_argument(
        "--events",
        type=int,
        help="how many events are caught up with (default 100000, with --quick 2000)",
    )
    parser.add_argument(
        "--rows",
        type=int,
        dest="stored",
        help="how many events are searched (default 1000000, the desk 300000, with --quick 5000)",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is not met")
    given = parser.parse_args(arguments)
    unknown = set(given.rows) - set(ROWS)
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}; rows are {' '.join(ROWS)}")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # what was started is ended and the folder removed, as after Ctrl+C
    with tempfile.TemporaryDirectory(prefix="devstream-bench-") as folder:
        rows = asyncio.run(measure(given.rows or ROWS, Path(folder), given))
    print(table(rows))
    return int(bool(given.strict and any(row.met is False for row in rows)))


if __name__ == "__main__":
    raise SystemExit(main())
