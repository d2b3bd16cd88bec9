"""Commands that end with all that they started."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from devstream_desktop.process_group import process_group

pytestmark = pytest.mark.process

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
    """Wait until a process is dead; what has not ended in ten seconds goes on."""
    async with asyncio.timeout(10):
        while Path(f"/proc/{pid}").exists():  # noqa: ASYNC240 - nothing tells of it
            state = Path(f"/proc/{pid}/stat").read_text()  # noqa: ASYNC240
            if state.rpartition(")")[2].split()[0] == "Z":
                return
            await asyncio.sleep(0.01)


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
    # The loop stands still meanwhile, so it has not heard of the pipes yet.
    pid = int(told.read_text())  # noqa: ASYNC240
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)
    await gone(pid)


async def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(FileNotFoundError):
        async with process_group(["/nonexistent/git"], {}):
            pytest.fail("it ran")
