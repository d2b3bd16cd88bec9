"""Folding of the long write-ahead log while lines are made."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from devstream_desktop.history import unread, writer
from devstream_desktop.mesh.folding import Folding
from devstream_desktop.stream.log import Arrival

GROUP = 20


class Disk:
    """A real folding that takes as long as the test wants."""

    def __init__(self, history) -> None:
        self._fold = history.checkpoint
        self.goes_on = threading.Event()
        self.fails: Exception | None = None
        self.folded = 0
        history.checkpoint = self.checkpoint

    def checkpoint(self) -> None:
        assert self.goes_on.wait(60)
        if self.fails is not None:
            raise self.fails
        self._fold()
        self.folded += 1


@pytest.fixture
async def behind(make_node, monkeypatch):
    """A history with four groups of entries that have no lines, and a long log."""
    monkeypatch.setattr(unread, "STEP", 5)
    monkeypatch.setattr(unread, "GROUP", GROUP)
    monkeypatch.setattr(writer, "LONG_WAL", 1)
    source, fresh = await make_node(), await make_node()
    entries = await source.say(*(f"commit {n}" for n in range(4 * GROUP)))
    fresh.history.add([Arrival(entry, "", verified=True) for entry in entries], later=True)
    assert fresh.history.should_fold
    return fresh.history


async def begun(waiting: asyncio.Task[bool]) -> None:
    """Let a task go on as far as it can without the disk."""
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()


async def test_one_group_of_lines_is_committed_while_the_log_is_folded(behind) -> None:
    disk, folding = Disk(behind), Folding(behind)
    while not await folding.step(reading=True):
        assert behind.keep_up()
        # Nobody waits for the disk before a second group would make the log longer.
        if behind.seen() == GROUP:
            waiting = asyncio.create_task(folding.step(reading=True))
            await begun(waiting)
            disk.goes_on.set()
            assert await waiting
            break
    assert disk.folded == 1
    while await folding.step(reading=bool(behind.unread)) or behind.keep_up():
        pass
    assert behind.seen() == 4 * GROUP
    assert not behind.should_fold


async def test_a_batch_waits_until_the_log_is_folded(behind) -> None:
    disk, folding = Disk(behind), Folding(behind)
    waiting = asyncio.create_task(folding.step(reading=False))
    await begun(waiting)
    disk.goes_on.set()
    assert await waiting
    assert disk.folded == 1
    assert not behind.should_fold
    assert not await folding.step(reading=False)


async def test_who_is_cancelled_does_not_end_the_folding_of_another(behind) -> None:
    disk, folding = Disk(behind), Folding(behind)
    lost, other = (asyncio.create_task(folding.step(reading=False)) for _ in range(2))
    await begun(lost)
    lost.cancel()
    with suppress(asyncio.CancelledError):
        await lost
    await begun(other)
    disk.goes_on.set()
    assert await other
    assert disk.folded == 1


async def test_a_folding_that_fails_is_told_and_tried_again(behind) -> None:
    disk, folding = Disk(behind), Folding(behind)
    disk.goes_on.set()
    disk.fails = OSError("no space left on device")
    with pytest.raises(OSError, match="no space"):
        await folding.step(reading=False)
    disk.fails = None
    assert await folding.step(reading=False)
    assert disk.folded == 1
