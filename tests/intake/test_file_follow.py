"""Following a file that is written, moved away, copied and emptied.

Each line once and in order, also over a restart.
"""

from __future__ import annotations

import itertools
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop.intake.poll.file_follower import CHUNK, Follower, FollowError, Place


class Log:
    """A log as a program and logrotate treat it. Times are set, for the disk's clock is coarse."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "app.log"
        self.written: list[str] = []
        self._clock = itertools.count(1_700_000_000_000_000_000, 1_000_000_000)
        self._numbers = itertools.count(1)

    def write(self, count: int = 1, end: str = "\n") -> None:
        with self.path.open("a") as file:
            for _ in range(count):
                line = f"line {next(self._numbers)} says something of its own"
                self.written.append(line)
                file.write(line + end)
        self._stamp(self.path)

    def move(self) -> None:
        """`create`: the file gets another name and a new one begins."""
        self._make_room()
        self.path.rename(self._rotated(1))
        self.path.touch()
        self._stamp(self.path)

    def copy(self) -> None:
        """`copytruncate`: a copy is made and the file emptied."""
        self._make_room()
        shutil.copy(self.path, self._rotated(1))
        self._stamp(self._rotated(1))
        os.truncate(self.path, 0)
        self._stamp(self.path)

    def _rotated(self, number: int) -> Path:
        return self.path.with_name(f"app.log.{number}")

    def _make_room(self) -> None:
        for number in range(30, 0, -1):
            if self._rotated(number).exists():
                self._rotated(number).rename(self._rotated(number + 1))

    def _stamp(self, path: Path) -> None:
        now = next(self._clock)
        os.utime(path, ns=(now, now))


class Tail:
    """A follower of the file; `restart` forgets all but the place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.follower = Follower(path)
        self.place = self.follower.begin()
        self.lines: list[str] = []
        self.lost = 0

    def look(self) -> None:
        for _ in range(200):
            read = self.follower.look(self.place)
            self.lines += read.lines
            self.lost += read.lost
            self.place = read.place
            if not read.more:
                return
        pytest.fail("it never comes to an end")

    def restart(self) -> None:
        self.follower.close()
        self.follower = Follower(self._path)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@pytest.fixture
def tail(log: Log):
    tails: list[Tail] = []

    def start() -> Tail:
        tails.append(Tail(log.path))
        return tails[-1]

    yield start
    for one in tails:
        one.follower.close()


def test_what_is_there_is_no_news_and_what_comes_is(log, tail):
    log.write(3)
    one = tail()
    one.look()
    assert one.lines == []
    log.write(2)
    one.look()
    assert one.lines == log.written[3:]
    one.look()
    assert one.lines == log.written[3:]


def test_half_a_line_waits_for_its_end(log, tail):
    log.write()
    log.write(end="")
    one = tail()
    one.look()
    assert one.lines == []
    with log.path.open("a") as file:
        file.write(" and more\n")
    one.look()
    assert one.lines == [log.written[1] + " and more"]


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("rotate", ["move", "copy"])
def test_a_rotation_loses_nothing(log, tail, rotate, restart):
    log.write(2)
    one = tail()
    log.write(2)
    one.look()
    log.write(2)
    getattr(log, rotate)()
    if restart:
        one.restart()
    log.write(1)
    one.look()
    assert one.lines == log.written[2:]
    assert not one.lost


def test_the_last_half_line_of_a_file_that_was_moved_away_is_a_line(log, tail):
    log.write()
    one = tail()
    log.write(end="")
    one.look()
    log.move()
    log.write()
    one.look()
    assert one.lines == log.written[1:]


def test_a_file_that_grew_beyond_its_old_length_after_it_was_emptied_is_seen(log, tail):
    log.write(2)
    one = tail()
    one.look()
    os.truncate(log.path, 0)
    log.write(5)
    one.look()
    assert one.lines == log.written[2:]
    assert one.lost == 1, "what was in it is nowhere to be found"


def test_a_file_whose_past_was_deleted_is_read_from_its_beginning(log, tail):
    log.write(2)
    one = tail()
    one.look()
    one.restart()
    log.move()
    log.path.with_name("app.log.1").unlink()
    log.write(2)
    one.look()
    assert one.lines == log.written[2:]
    assert one.lost == 1


def test_a_file_that_comes_later_is_read_whole(log, tail):
    one = tail()
    assert one.place == Place()
    with pytest.raises(FollowError, match="there is no file"):
        one.look()
    log.write(2)
    one.look()
    assert one.lines == log.written
    assert not one.lost


def test_between_moving_away_and_beginning_anew_nothing_is_wrong(log, tail):
    log.write()
    one = tail()
    one.look()
    log.path.rename(log.path.with_name("app.log.1"))
    one.look()
    log.write()
    one.look()
    assert one.lines == log.written[1:]


def test_a_program_that_writes_on_into_the_file_that_was_moved_away_is_heard(log, tail):
    log.write()
    one = tail()
    with log.path.open("a") as file:
        log.move()
        one.look()
        file.write("still the old one\n")
    one.look()
    log.write()
    one.look()
    assert one.lines == ["still the old one", log.written[-1]]


def test_a_line_without_end_is_cut_and_memory_bounded(log, tail):
    log.write()
    one = tail()
    with log.path.open("a") as file:
        file.write("x" * (3 * CHUNK) + "\nshort\n")
    one.look()
    assert one.lines[-1] == "short"
    assert max(map(len, one.lines)) <= CHUNK
    assert sum(map(len, one.lines)) == 3 * CHUNK + 5


def test_other_files_beside_it_are_not_taken_for_its_past(log, tail):
    log.write()
    for name in ("app.log.gz", "app.log.bak", "app.log-notes", "app.logger.1"):
        shutil.copy(log.path, log.path.with_name(name))
    one = tail()
    log.write()
    one.look()
    os.truncate(log.path, 0)
    log.write()
    one.look()
    assert one.lines == log.written[1:]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this platform has no named pipes")
def test_what_is_no_file_is_refused_at_once(log):
    os.mkfifo(log.path)
    with pytest.raises(FollowError, match="no regular file"):
        Follower(log.path).begin()
    with pytest.raises(FollowError, match="no regular file"):
        Follower(log.path.parent).begin()


def test_bytes_that_are_no_text_do_no_harm(log, tail):
    log.path.write_bytes(b"")
    one = tail()
    log.path.write_bytes(b"\xff\x00 broken\r\nfine\n")
    one.look()
    assert one.lines == ["\ufffd\x00 broken", "fine"]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from(["write", "write", "write", "many", "move", "copy", "look", "restart"]),
        max_size=16,
    )
)
def test_whatever_happens_each_line_is_read_once_in_order(tmp_path_factory, steps):
    log = Log(tmp_path_factory.mktemp("log"))
    log.write(2)
    one = Tail(log.path)
    empty = False
    try:
        for step in steps:
            match step:
                case "write":
                    log.write()
                    empty = False
                case "many":
                    log.write(300)
                    empty = False
                case "look":
                    one.look()
                case "restart":
                    one.restart()
                case _ if not empty:  # nobody rotates an empty file
                    getattr(log, step)()
                    empty = True
        one.look()
        assert one.lines == log.written[2:]
        assert not one.lost
    finally:
        one.follower.close()
