"""The processes of a benchmark.

Started with a job, asked by lines, and ended by their own ids whatever happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import msgspec
from messages import Answer, Command, Report

HERE = Path(__file__).parent
LINE_BYTES = 1 << 26
END_S = 15.0

A = TypeVar("A", bound=Answer)


class BenchError(Exception):
    """A process did not do what was asked; a figure would be wrong."""


class Worker:
    """One process. Made by `worker`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hear(self, expected: type[A], seconds: float) -> A:
        """The next answer.

        Raises:
            BenchError: there was none within `seconds`, or another.

        """
        assert self._process.stdout is not None
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        except TimeoutError:
            raise BenchError(
                f"process {self._process.pid} said nothing for {seconds:.0f} s"
            ) from None
        if not line:
            raise BenchError(f"process {self._process.pid} ended early; its error is above")
        return msgspec.json.decode(line, type=expected)

    async def ask(self, command: Command, seconds: float = 60.0) -> Report:
        """Have a command done."""
        self._send(command)
        return await self.hear(Report, seconds)

    def _send(self, message: msgspec.Struct) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(message) + b"\n")

    async def end(self) -> None:
        """Ask it to end; kill it when it does not."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), END_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def worker(program: str, job: msgspec.Struct) -> AsyncIterator[Worker]:
    """A process that runs the module `program` of this folder with `job`, ended at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / program),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    made = Worker(process)
    try:
        made._send(job)
        yield made
    finally:
        await made.end()
