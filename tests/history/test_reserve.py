"""A full disk.

Nothing acknowledged is lost, what must be written still is, and it goes on by itself.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from devstream_desktop.history.database import HistoryFullError
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.integrity import problems
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.history.reserve import BALLAST_BYTES, Reserve
from devstream_desktop.stream.fact import event_of, fact_id
from devstream_desktop.stream.words import Kind


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A real file system of some MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(size: int) -> Path:
        if os.geteuid() != 0:
            pytest.skip("mounting a small disk needs root")
        if subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}m", "none", folder],
            check=False,
            capture_output=True,
        ).returncode:
            pytest.skip("no file system can be mounted here")
        return folder

    yield mount
    subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


def read_on(history: History) -> None:
    while history.keep_up():
        pass


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                for _ in range(1000):
                    file.write(bytes(size))
            except OSError:
                continue
            pytest.fail("the disk did not fill up")


@pytest.mark.process
def test_a_full_disk_leaves_room_to_prune_and_to_stop_and_goes_on_when_there_is_room(
    disk, new_feed, make, arrival
) -> None:
    folder = disk(32)
    path, ballast, filler = folder / "history.sqlite", folder / "ballast", folder / "filler"
    history = History(path, FeedMirror(folder / "feed.json"), bytes(range(32)), "team")
    feed, own = new_feed(), new_feed(bytes(range(32)) + history.epoch)
    held = [feed.entry(make()) for _ in range(500)]
    history.add([arrival(entry) for entry in held])
    history.add([arrival(own.entry(make()))], durable=True)
    assert ballast.stat().st_size == BALLAST_BYTES
    fill(filler)
    refused = [arrival(feed.entry(make(title="x" * 100))) for _ in range(2000)]
    with pytest.raises(HistoryFullError, match="full"):
        history.add(refused)
    assert not ballast.exists()
    with pytest.raises(HistoryFullError, match="nothing new is stored until there is room"):
        history.add(refused[:1])
    assert "is full" in history.reserve.trouble
    assert history.newest() == 501
    history.settle(feed.feed, 100, held[99])
    while history.tend():
        pass
    epoch = history.epoch
    history.close()

    again = History(path, FeedMirror(folder / "feed.json"), bytes(range(32)), "team")
    assert again.epoch == epoch
    assert {row.feed: row.runs for row in again.feeds()} == {
        feed.feed: ((101, 500),),
        own.feed: ((1, 1),),
    }
    filler.unlink()
    again.reserve.keep()
    again.add(refused)
    assert again.newest() == 2501
    assert again.reserve.trouble == ""
    assert ballast.stat().st_size == BALLAST_BYTES
    again.close()
    assert problems(path) == ()


@pytest.mark.process
def test_lines_that_found_no_room_are_made_when_there_is_some(
    disk, new_feed, make, arrival, check_index
) -> None:
    folder = disk(32)
    path, filler = folder / "history.sqlite", folder / "filler"
    history = History(path, FeedMirror(folder / "feed.json"), bytes(range(32)), "team")
    feed, own = new_feed(), new_feed(bytes(range(32)) + bytes(8))
    entries = [feed.entry(make(title="x" * 100)) for _ in range(4000)]
    answer = own.entry(make(kind=Kind.DEPLOY, state="success", request="r", executor="me"))
    history.add([arrival(entry) for entry in [*entries, answer]], later=True)
    assert history.keep_up()
    fill(filler)
    with pytest.raises(HistoryFullError, match="full"):
        read_on(history)
    assert history.unread == 4001
    assert not history.keep_up(), "room is for what gives more"
    assert history.knows(fact_id(event_of(answer), answer.device))
    history.settle(feed.feed, 100, entries[99])
    filler.unlink()
    history.reserve.keep()
    read_on(history)
    with Reader(path) as reader:
        assert reader.count() == 3901
    check_index(path)
    history.close()
    assert problems(path) == ()


@pytest.mark.process
def test_a_start_on_a_full_disk_uses_the_ballast(disk, new_feed, make, arrival) -> None:
    folder = disk(32)
    path, feed = folder / "history.sqlite", new_feed()
    history = History(path, FeedMirror(folder / "feed.json"), bytes(range(32)), "team")
    history.add([arrival(feed.entry(make())) for _ in range(50)])
    history.close()
    fill(folder / "filler")
    again = History(path, FeedMirror(folder / "feed.json"), bytes(range(32)), "team")
    assert again.newest() == 50
    with pytest.raises(HistoryFullError):
        again.add([arrival(feed.entry(make()))])
    (folder / "filler").unlink()
    assert again.add([arrival(feed.entry(make()))]) == 51
    again.close()


@pytest.mark.process
def test_a_small_disk_without_a_ballast_goes_on_too(disk) -> None:
    folder = disk(4)
    reserve = Reserve(folder / "history.sqlite")
    assert reserve.keep()
    assert not (folder / "ballast").exists()
    fill(folder / "filler")
    reserve.give()
    with pytest.raises(HistoryFullError):
        reserve.require()
    (folder / "filler").unlink()
    reserve.require()
    assert not reserve.full
