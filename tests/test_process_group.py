"""Commands that end with all that they started."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from devstream_desktop.process_group import process_group

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform != "linux", reason="pidfd is Linux's"),
]

# The helper holds the command's pipes open, as ssh does git's.
COMMAND = ["sh", "-c", 'sh -c "echo \\$\\$ > told; exec sleep 600" & wait']


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipe on which the helper says its process id."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("told")
    return tmp_path / "told"


async def run() -> None:
    async with process_group(COMMAND, os.environ) as process:
        await process.wait()


async def gone(pid: int) -> None:
    """Wait until a process is dead; one that has not ended in ten seconds fails the test."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(watched, ended.set)
    try:
        await asyncio.wait_for(ended.wait(), 10)
    finally:
        asyncio.get_running_loop().remove_reader(watched)
        os.close(watched)


@pytest.mark.timeout(30)
async def test_whoever_is_cancelled_leaves_no_helper(told: Path) -> None:
    task = asyncio.create_task(run())
    pid = int(await asyncio.to_thread(told.read_text))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(pid)


@pytest.mark.timeout(30)
async def test_whoever_is_cancelled_in_the_start_waits_for_no_helper(told: Path) -> None:
    task = asyncio.create_task(run())
    for _ in range(2):
        await asyncio.sleep(0)
    # Read in the loop on purpose: it stands still, and has not heard of the command's pipes yet.
    pid = int(told.read_text())  # noqa: ASYNC240
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    await gone(pid)


async def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        async with process_group(["/nonexistent/git"], {}):
            pytest.fail("it ran")
