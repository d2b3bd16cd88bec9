"""The benchmark itself works.

Each mandatory row ends with a figure beside a floor. What they are is for `make bench` to say.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

RUN = Path(__file__).parent / "run.py"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(folder)}
    return subprocess.run(
        [sys.executable, str(RUN), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_each_mandatory_row_has_a_figure_and_a_floor(tmp_path: Path) -> None:
    done = run(tmp_path, "live", "cpu", "catch-up", "--quick", "--events", "1000")
    assert done.returncode == 0, done.stderr
    lines = {line.split("  ")[0]: re.split(r" {2,}", line) for line in done.stdout.splitlines()}
    for row in ("live, last of 3 desks", "CPU an event, one by one", "catch-up, 1,000 events"):
        figure, floor, ratio = lines[row][1:4]
        assert all(re.search(r"\d+\.\d+ m?s", cell) for cell in (figure, floor)), lines[row]
        assert re.fullmatch(r"\d+\.\d\dx", ratio)
    assert list(tmp_path.iterdir()) == []


def test_a_team_of_processes_and_idle_links_have_figures_and_floors(tmp_path: Path) -> None:
    done = run(tmp_path, "thirty", "links", "--quick")
    assert done.returncode == 0, done.stderr
    lines = {
        cells[0].strip(): cells[1:4]
        for line in done.stdout.splitlines()
        if (cells := re.split(r" {2,}", line.strip()))
    }
    for row in ("team of 8 processes, to the last", "idle node with 3 links"):
        figure, floor, ratio = lines[row]
        assert all(re.search(r"\d+\.\d+ (ms|MB)", cell) for cell in (figure, floor)), lines[row]
        assert re.fullmatch(r"\d+\.\d\dx", ratio)
    assert 1.0 <= float(lines["copies an event and node"][0]) <= 7.0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_window_has_figures(tmp_path: Path) -> None:
    done = run(tmp_path, "desk", "--quick", "--rows", "600")
    assert done.returncode == 0, done.stderr
    lines = {line.split("  ")[0]: re.split(r" {2,}", line) for line in done.stdout.splitlines()}
    for row in ("window filled, 600 events", "search as one types", "200 live rows under a search"):
        figure, floor, ratio = lines[row][1:4]
        assert all(re.search(r"\d+ ms|\d+\.\d+ ms", cell) for cell in (figure, floor)), lines[row]
        assert re.fullmatch(r"\d+\.\d\dx", ratio)
    assert re.fullmatch(r"\d+ MB", lines["memory of the window"][1])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_press_has_a_figure_and_a_floor(tmp_path: Path) -> None:
    done = run(tmp_path, "press", "--quick")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("press to"))
    assert re.search(r"p50 \d+ p99 \d+ ms +p50 \d+ ms +\d+\.\d\dx", row), row
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", [["lifted"], ["--events", "many"]])
def test_a_row_that_is_none_is_a_usage_error(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path, *arguments).returncode == 2
