"""A desk's memory, over restarts, full files and damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from devstream_desktop.desk.store import REASONS, SHOWN, DeskStore, Reason
from devstream_desktop.stream.rules import Attention


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.sqlite"


def test_everything_outlives_a_restart(path: Path) -> None:
    with DeskStore(path) as store:
        store.keep_reasons([Reason("ab", Attention.POPUP, "rule 1, All")])
        store.keep_red("incident/1")
        store.mute("incident/2", 1_000)
        store.set_note("window", b"place")
        store.set_moment("left", 1_760_000_000_000)
    with DeskStore(path) as store:
        assert store.reason("ab") == Reason("ab", Attention.POPUP, "rule 1, All")
        assert store.reason("cd") is None
        assert store.muted(999) == {"incident/2"}
        assert store.muted(1_000) == frozenset()
        assert store.note("window") == b"place"
        assert (store.moment("left"), store.moment("window")) == (1_760_000_000_000, 0)
        assert store.is_red("incident/1")
        store.forget_red("incident/1")
        assert not store.is_red("incident/1")


def test_mutes_end_by_time_and_by_hand(path: Path) -> None:
    with DeskStore(path) as store:
        store.mute("a", 1_000)
        store.mute("b", 2_000)
        assert store.muted(999) == {"a", "b"}
        assert store.muted(1_000) == {"b"}
        store.mute("b", 0)
        assert store.muted(0) == {"a"}


def test_another_process_can_mute_meanwhile(path: Path) -> None:
    with DeskStore(path) as desk, DeskStore(path) as command:
        command.mute("a", 1_000)
        assert desk.muted(1) == {"a"}


def test_the_oldest_reds_go(path: Path) -> None:
    with DeskStore(path) as store:
        for number in range(SHOWN + 3):
            store.keep_red(str(number))
        assert not store.is_red("2")
        assert store.is_red("3")


def test_the_oldest_reasons_go(path: Path) -> None:
    with DeskStore(path) as store:
        many = (Reason(str(number), Attention.QUIET, "x") for number in range(REASONS + 10))
        store.keep_reasons(many)
        assert store.reason("9") is None
        assert store.reason("10") is not None
        assert store.reason(str(REASONS + 9)) is not None


@pytest.mark.parametrize("content", [b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 4096])
def test_a_damaged_file_is_set_aside(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with DeskStore(path) as store:
        store.keep_red("x")
        assert store.trouble == ""
        assert store.is_red("x")
    (aside,) = path.parent.glob("desk.sqlite.damaged-*")
    assert aside.read_bytes() == content


def test_a_folder_that_is_gone_costs_only_the_memory(tmp_path: Path) -> None:
    with DeskStore(tmp_path / "gone" / "desk.sqlite") as store:
        assert store.trouble
        store.keep_red("x")
        assert store.is_red("x")


def test_the_file_is_private(path: Path) -> None:
    DeskStore(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
