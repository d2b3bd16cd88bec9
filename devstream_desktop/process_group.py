"""Commands that end with all that they started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence

_LIMIT = 64 * 1024


@contextlib.asynccontextmanager
async def process_group(
    command: Sequence[str], env: Mapping[str, str], limit: int = _LIMIT
) -> AsyncIterator[Process]:
    """Run a command without a shell; at the end it and its helpers are gone.

    It has no input, and pipes for what it prints; `limit` is the bytes of them that are buffered.

    Raises:
        OSError: it cannot be started.

    """
    # A group of its own, so that its helpers (ssh of git) can be ended with it: they would hold
    # the pipes open.
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=env,
            limit=limit,
            start_new_session=True,
        )
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Cancelled in its start it would be ended alone, and then waited for until its helpers
        # close the pipes.
        await asyncio.wait([starting])
        if starting.exception() is None:
            await _end(starting.result())
        raise
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    # It may have ended in this moment.
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
