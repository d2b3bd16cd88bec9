"""The node's log under a flood.

Private, some lines of each cause, a count of the rest, and what happened once is still there.
"""

from __future__ import annotations

import logging
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devstream_desktop.home import Home
from devstream_desktop.node import log_file, log_lines
from devstream_desktop.node.log_file import A_SECOND, LogFile, start_logging

RARE = "the key of this device is used by another machine too"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(tmp_path: Path, clock: Clock) -> Iterator[LogFile]:
    made = LogFile(Home(tmp_path), clock)
    made.setFormatter(log_lines.TextLine("%(levelname)s %(name)s %(message)s"))
    yield made
    made.close()


def record(name: str, line: int, text: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, f"{name}.py", line, text, args, None)


def kept(folder: Path) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("node.*log*")))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes")
@pytest.mark.parametrize("before", [0o000, 0o400, 0o644, 0o666, 0o777])
def test_a_log_is_private_whatever_its_mode_was_and_its_old_files_too(
    tmp_path: Path, before: int
) -> None:
    home = Home(tmp_path)
    names = ["node.log", "node.log.1", "node.log.4", "node.frequent.log", "node.frequent.log.1"]
    for name in names:
        (tmp_path / name).write_text("from before\n")
        (tmp_path / name).chmod(before)
    root = logging.getLogger()
    handlers, level, umask = root.handlers[:], root.level, os.umask(0)
    try:
        start_logging(home, verbose=False)
        for number in range(3):
            logging.getLogger(f"devstream_desktop.{number}").warning("line")
        (mine,) = set(root.handlers) - set(handlers)
        mine.close()
    finally:
        os.umask(umask)
        root.handlers[:] = handlers
        root.setLevel(level)
    assert {
        name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in names
    } == dict.fromkeys(names, 0o600)
    assert home.log.read_text().startswith("from before\n")


def test_of_one_cause_some_lines_a_second_are_written_and_the_rest_is_counted(
    log: LogFile, clock: Clock, tmp_path: Path
) -> None:
    for number in range(1_000):
        log.handle(record("mesh", 12, "no link with %s", f"stranger {number}"))
    log.handle(record("mesh", 40, "another line of the same room"))
    clock.now += 1
    log.handle(record("mesh", 50, "and a third"))
    lines = (tmp_path / "node.log").read_text().splitlines()
    assert [
        line for line in lines if "no link with" in line and "more of this kind" not in line
    ] == [f"WARNING mesh no link with stranger {number}" for number in range(A_SECOND)]
    assert (
        f"WARNING mesh {1_000 - A_SECOND} more of this kind in the same second, the last: no link "
        f"with stranger 999" in lines
    )
    assert lines[-1] == "WARNING mesh and a third"


def test_what_was_left_out_is_told_at_the_end_too(log: LogFile, tmp_path: Path) -> None:
    for _ in range(A_SECOND + 7):
        log.handle(record("mesh", 12, "again"))
    log.close()
    assert "7 more of this kind" in (tmp_path / "node.log").read_text()


def test_errors_of_different_sorts_at_one_place_do_not_hide_each_other(
    log: LogFile, tmp_path: Path
) -> None:
    for _ in range(100):
        log.handle(record("node", 7, "%s", OSError("the disk is full")))
    log.handle(record("node", 7, "%s", ValueError("something else")))
    assert "something else" in (tmp_path / "node.log").read_text()


@pytest.mark.parametrize("causes", [1, 20])
def test_a_flood_of_weeks_does_not_rotate_away_what_happened_once(
    log: LogFile, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, causes: int
) -> None:
    monkeypatch.setattr(log_file, "SHARE", 3_000)
    for one in (log._rare, log._frequent):
        one.maxBytes = 100_000
    log.handle(record("copies", 1, RARE))
    for number in range(20_000):
        clock.now += 1
        log.handle(
            record(
                "mesh", number % causes, "no link with %s: it is silent, and was yesterday", number
            )
        )
    clock.now += 10
    log.handle(record("copies", 2, "the last line"))
    assert RARE in kept(tmp_path)
    assert f"no link with {19_999}" in kept(tmp_path)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 7 * 100_000


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(0, 3), st.integers(1, 40)), min_size=1, max_size=30
    )
)
def test_every_record_is_written_or_counted(
    tmp_path_factory: pytest.TempPathFactory, bursts: list[tuple[int, float, int]]
) -> None:
    folder, clock = tmp_path_factory.mktemp("log"), Clock()
    log = LogFile(Home(folder), clock)
    log.setFormatter(logging.Formatter("%(name)s|%(message)s"))
    sent = 0
    for cause, wait, count in bursts:
        clock.now += wait
        for _ in range(count):
            log.handle(record(f"room{cause}", cause, "words"))
            sent += 1
    log.close()
    lines = [line.split("|")[1] for line in kept(folder).splitlines()]
    counted = sum(
        int(line.split(" ")[0].replace(",", "")) for line in lines if " more of this kind" in line
    )
    assert lines.count("words") + counted == sent


def test_a_log_that_is_a_folder_is_told_and_the_node_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    home.log.mkdir()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        start_logging(home, verbose=False)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert f"devstream: {home.log} cannot be opened" in capsys.readouterr().err


def test_a_line_with_wrong_arguments_is_a_fault_of_ours_and_ends_nothing(
    log: LogFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(A_SECOND + 3):
        log.handle(record("node", 9, "%d of %d", 1))
    log.handle(record("node", 10, "goes on"))
    assert "goes on" in (tmp_path / "node.log").read_text()
    assert "not enough arguments" in capsys.readouterr().err
