"""Measure the figures that devstream promises and print one table. `make bench` runs it.

Each figure stands beside a floor or a peer of the same run. Everything runs on loopback and in a
temporary folder, and ends by itself. The machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asked
import carried
import catch_up
import commands
import cpu
import desk
import intake
import links
import live
import msgspec
import press
import ready
import search
import start
import thirty
from figures import Row, Table, text, this_machine


@dataclass(frozen=True)
class Size:
    """The size of a run; 0 for a part's own."""

    quick: bool
    events: int = 0
    stored: int = 0

    def rows(self, full: int) -> int:
        """Events of a history that is asked."""
        return self.stored or (5_000 if self.quick else full)

    def caught_up(self) -> int:
        """Events of a catch-up."""
        return self.events or (2_000 if self.quick else 100_000)

    def carried(self) -> int:
        """Events of a catch-up from a broker's stream."""
        return self.events or (2_000 if self.quick else 20_000)


Measure = Callable[[Path, Size], list[Row] | Awaitable[list[Row]]]
MILLION = 1_000_000
FELT: dict[str, Measure] = {
    "ready": lambda at, size: ready.measure(at, rows=size.rows(MILLION), quick=size.quick),
    "start": lambda at, size: start.measure(at, rows=size.rows(desk.ROWS), quick=size.quick),
    "desk": lambda at, size: desk.measure(at, rows=size.rows(desk.ROWS), quick=size.quick),
    "commands": lambda at, size: commands.measure(at, quick=size.quick),
    "live": lambda at, size: live.measure(at, quick=size.quick),
    "press": lambda at, size: press.measure(at, quick=size.quick),
    "search": lambda at, size: search.measure(at, rows=size.rows(MILLION), quick=size.quick),
    "asked": lambda at, size: asked.measure(at, rows=size.rows(MILLION), quick=size.quick),
    "catch-up": lambda at, size: catch_up.measure(at, events=size.caught_up(), quick=size.quick),
}
"""Parts that a person waits for, in the order in which they are met."""
COST: dict[str, Measure] = {
    "intake": lambda at, size: intake.measure(at, quick=size.quick),
    "cpu": lambda at, size: cpu.measure(at, quick=size.quick),
    "thirty": lambda at, size: thirty.measure(at, quick=size.quick),
    "links": lambda at, size: links.measure(at, quick=size.quick),
    "carried": lambda at, size: carried.measure(at, events=size.carried(), quick=size.quick),
}
"""Parts that machines pay for."""
PARTS = FELT | COST


async def measure(chosen: Sequence[str], folder: Path, size: Size) -> dict[str, list[Row]]:
    """The rows of the chosen parts."""
    found: dict[str, list[Row]] = {}
    for name, part in PARTS.items():
        if name not in chosen:
            continue
        began, at = time.monotonic(), folder / name
        at.mkdir()
        rows = part(at, size)
        found[name] = await rows if inspect.isawaitable(rows) else rows
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 when a goal is missed and `--strict` was given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"parts: {' '.join(PARTS)}; default all"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one short round of each: shows that it works, says little",
    )
    parser.add_argument(
        "--events",
        type=int,
        default=0,
        help="how many events are caught up with (default 100000, with --quick 2000)",
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=0,
        dest="stored",
        help="how many events are searched (default 1000000, the desk 300000, with --quick 5000)",
    )
    parser.add_argument("--json", action="store_true", help="print the table as JSON")
    parser.add_argument("--strict", action="store_true", help="exit with 1 when a goal is not met")
    given = parser.parse_args(arguments)
    unknown = set(given.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(sorted(unknown))}; parts are {' '.join(PARTS)}")
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(143)
    )  # what was started is ended and the folder removed, as after Ctrl+C
    size = Size(given.quick, given.events, given.stored)
    with tempfile.TemporaryDirectory(prefix="devstream-bench-") as folder:
        found = asyncio.run(measure(given.parts or tuple(PARTS), Path(folder), size))
    machine = this_machine()
    if given.json:
        print(msgspec.json.format(msgspec.json.encode(Table(machine, found))).decode())
    else:
        print(text({title: _rows(found, parts) for title, parts in _SECTIONS.items()}))
        print(f"\n{machine}")
    missed = any(row.met is False for rows in found.values() for row in rows)
    return int(given.strict and missed)


_SECTIONS = {"What a person waits for": FELT, "What it costs": COST}


def _rows(found: dict[str, list[Row]], parts: dict[str, Measure]) -> list[Row]:
    return [row for name in parts for row in found.get(name, [])]


if __name__ == "__main__":
    raise SystemExit(main())
