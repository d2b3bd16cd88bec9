"""The benchmark works: each part ends with figures beside a floor or a peer.

Their shape is checked and never their size, which is for `make bench` to say.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.process

SLOW = pytest.mark.slow
RUN = Path(__file__).parent / "run.py"
FIGURE = re.compile(r"(p50 )?\d[\d.,]*(/s|( p99 [\d.]+)?( ms| us| s| MB| KB| %)|$)")
ROWS = {
    "ready": ["node ready, 300 events", "  after a kill"],
    "start": [
        "tray icon",
        "  and a window over 300 events",
        "  memory (USS)",
        "  with its node",
    ],
    "desk": [
        "window filled, 300 events",
        "search as one types",
        "longest step of it",
        "longest step of scrolling",
        "200 live rows under a search",
        "longest step of them",
        "memory of the window",
    ],
    "commands": [f"devstream {name}" for name in ("--help", "status", "emit", "tail", "search")],
    "live": ["live, last of 2 desks", "  whole process, CPU an event"],
    "press": ["press to in_progress, 3 desks"],
    "search": [
        "search, 300 events",
        "  each filter, alone and with a frequent letter",
        "  frequent words that seldom meet",
        "idle upkeep after it came, CPU an event",
    ],
    "asked": [
        f"{name}, 300 events"
        for name in (
            "first page",
            "red now",
            "counts of six searches",
            "board",
            "open tickets",
            "state of a thing",
            "steps of a thing",
            "page around a line",
            "trail of a commit",
            "where a commit is",
            "suspects of an incident",
            "changes that wait",
            "hand-over of 8 hours",
            "what of a page answers a search",
            "values to filter by",
            "recent",
            "unseen",
        )
    ],
    "catch-up": [
        "newest 200 of 300 events, from the dial",
        "catch-up, 300 events",
        "  its log whole",
        "  CPU of it",
        "  beside NATS JetStream that stores",
        "  beside Redis Streams that stores",
        "  longest turn of the loop",
        "  written, KB an event",
    ],
    "intake": ["webhook of 8 KB to a durable 202", "  mapped and stored, sustained"],
    "cpu": ["CPU an event, one by one", "CPU an event, in batches of 500"],
    "thirty": [
        "team of 3 processes, to the last",
        "  copies an event and node",
        "  CPU a node at 20 events a second",
        "  memory a node (USS)",
    ],
    "links": ["idle node with 2 links"],
    "carried": [
        "live by NATS, last of 2 desks",
        "  by links",
        "  CPU an event by NATS",
        "  CPU an event by links",
        "catch-up by NATS, 300 events",
        "  by links",
        "  in the stream, KB an event",
    ],
}
"""Rows of each part, in their order."""
ALONE = ("longest ", "  longest ", "newest ", "memory of the window", "idle upkeep ")
"""Rows with a goal of their own and no floor."""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RUN), *arguments],
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """A row as scripts read it."""

    name: str
    figure: str
    floor: str
    ratio: float | None
    goal: str
    met: bool | None
    peer: str


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """The whole of `--json`."""

    machine: dict[str, str | int]
    parts: dict[str, list[Row]]


@pytest.mark.usefixtures("runtime")
@pytest.mark.parametrize(
    "part", [pytest.param(one, marks=SLOW if one == "press" else ()) for one in ROWS]
)
def test_a_part_has_its_rows(tmp_path_factory: pytest.TempPathFactory, part: str) -> None:
    # Short, so that the sockets of its homes are in them.
    folder = tmp_path_factory.mktemp("b")
    done = run(folder, part, "--quick", "--json", "--events", "300", "--rows", "300")
    assert done.returncode == 0, done.stderr
    table = msgspec.json.decode(done.stdout, type=Table)
    assert set(table.machine) == {"processor", "cores", "system", "python", "sqlite"}
    assert list(table.parts) == [part]
    assert [row.name for row in table.parts[part]] == ROWS[part]
    for row in table.parts[part]:
        assert FIGURE.match(row.figure) or row.peer.startswith("not measured: no "), row
        assert (row.met is None) == (row.goal == ""), row
        if row.name.startswith(ALONE):
            assert (row.floor, row.peer, row.ratio) == ("", "", None), row
        elif row.peer.startswith("not measured: no "):
            assert (row.floor, row.ratio, row.goal) == ("", None, ""), row
        else:
            assert FIGURE.match(row.floor or row.peer), row
            assert row.ratio, row
    # It leaves nothing behind.
    assert list(folder.iterdir()) == []


def test_the_table_is_text_with_sections(tmp_path: Path) -> None:
    done = run(tmp_path, "cpu", "--quick")
    head, _, section, first, *_, machine = done.stdout.splitlines()
    assert head.split() == ["row", "figure", "floor", "peer", "ratio", "goal", "met"]
    assert section == "What it costs"
    assert re.fullmatch(r"CPU an event, one by one +.* ms +.* ms +\d+\.\d\dx .*", first)
    assert re.search(r" cores; .*; Python 3\.\d+\.\d+, SQLite 3\.", machine)


@pytest.mark.parametrize("arguments", [["lifted"], ["--events", "many"]])
def test_a_part_that_is_none_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    # Each part that there is has its rows above.
    if arguments == ["lifted"]:
        assert done.stderr.rpartition("parts are ")[2].split() == list(ROWS)
