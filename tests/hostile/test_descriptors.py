"""A node that has no file descriptor left says so and what to do, still answers, and goes on as
before when it is over.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from real_git import commit, git

from devstream_desktop import machine
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import HistoryUnavailableError, Reader
from devstream_desktop.home import Home
from devstream_desktop.node.descriptors import KEPT, Descriptors

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="limits of another process and /proc are Linux's"
)
ADVICE = (
    "this process has no file descriptor left; let it have more (ulimit -n, or LimitNOFILE= "
    "in its systemd unit)"
)


def in_use(process: int | str = "self") -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


@contextmanager
def at_most(files: int, process: int = 0) -> Iterator[None]:
    """A process (0: this one) may have so many files open."""
    import resource

    limits = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (files, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, limits)


@contextmanager
def none_left() -> Iterator[None]:
    """This process may open nothing more."""
    taken: list[int] = []
    with at_most(in_use() + 4):
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.open(os.devnull, os.O_RDONLY))
            yield
        finally:
            for descriptor in taken:
                os.close(descriptor)


def emit(desk, title: str) -> None:
    with Client(desk.home.control_url(), timeout_ms=10_000) as client:
        client.ask(Emit(kind="build", state="failed", service="shop", title=title))


@pytest.mark.timeout(180)
@pytest.mark.process
def test_a_node_without_a_descriptor_says_so_answers_and_goes_on_when_it_is_over(
    world, until, tmp_path
) -> None:
    repository = tmp_path / "shop"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    commit(repository, "first")
    [ana] = world.team()
    ana.run("source", "add", "git", "shop", str(repository))
    until("the repository was looked at", lambda: ana.status().sources[0].seen)
    number = ana.process.pid
    with at_most(in_use(number), number):
        until("it is told", lambda: any(ADVICE in notice for notice in ana.status().notices))
        emit(ana, "said without a descriptor")
        assert any(line.event.title == "said without a descriptor" for line in ana.lines())
        assert ADVICE in ana.run("status")
        assert (
            ADVICE in ana.run("doctor", code=1)
            or ADVICE in ana.begin("doctor").communicate(timeout=60)[0]
        )
    until("it is over", lambda: ana.status().notices == ())
    with at_most(8, number):  # not even what it had aside is enough
        commit(repository, "second")
        for _ in range(3):
            with pytest.raises(ControlError):
                emit(ana, "said to nobody")
    until("it answers", lambda: ana.status().notices == ())
    emit(ana, "said afterwards")
    until(
        "what was pushed meanwhile comes",
        lambda: any(line.event.title.startswith("second") for line in ana.lines()),
    )
    assert ana.stop() == 0
    assert len(ana.home.log.read_bytes()) < 100_000


def test_what_is_kept_is_let_go_once_and_had_again() -> None:
    changes: list[str] = []
    before = in_use()
    kept = Descriptors(lambda: changes.append(kept.trouble))
    assert in_use() == before + KEPT
    kept.look()
    assert kept.trouble == ""
    with none_left():
        kept.look()
        assert kept.trouble.startswith(ADVICE)
        os.close(os.open(os.devnull, os.O_RDONLY))
        kept.look()
    kept.look()
    assert kept.trouble == ""
    assert in_use() == before + KEPT
    assert [bool(change) for change in changes] == [True, False]
    kept.close()
    assert in_use() == before


def test_a_history_says_it_too_and_nothing_is_taken_for_damage(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    History(path, FeedMirror(tmp_path / "feed.json"), bytes(32), "team").close()
    with none_left():
        with pytest.raises(HistoryError, match="no file descriptor left"):
            History(path, FeedMirror(tmp_path / "feed.json"), bytes(32), "team")
        with (
            pytest.raises(HistoryUnavailableError, match="no file descriptor left"),
            Reader(path) as reader,
        ):
            reader.newest()
    assert not (tmp_path / "history.sqlite.doubt").exists()


@pytest.mark.parametrize("number", [24, 23])
def test_each_shortage_has_its_advice(number: int) -> None:
    said = machine.reason(OSError(number, os.strerror(number)))
    assert "no file descriptor left; " in said
    assert "Too many" not in said


def test_sqlites_own_word_is_looked_into(tmp_path: Path) -> None:
    with none_left():
        with pytest.raises(sqlite3.OperationalError) as caught:
            sqlite3.connect(tmp_path / "some.sqlite").execute("PRAGMA journal_mode = WAL")
        assert machine.reason(caught.value, tmp_path / "some.sqlite").startswith(ADVICE)
    assert not machine.is_damage(caught.value)


def test_a_home_that_cannot_be_looked_into_is_told(tmp_path: Path) -> None:
    with none_left():
        said = machine.reason(_refusal(Home(tmp_path).log))
    assert said.startswith(ADVICE)


def _refusal(path: Path) -> OSError:
    try:
        path.open("a")
    except OSError as error:
        return error
    raise AssertionError("it could be opened")
