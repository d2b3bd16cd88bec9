"""A flood of strangers as a program.

Argv are addresses; to each it holds silent connections open and throws rubbish, until stdin ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys

SILENT = 100
"""Connections to one address that say nothing at all."""
RUBBISH_PAUSE_S = 0.05


async def keep_silent(host: str, port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                await reader.read()
            finally:
                writer.close()
        await asyncio.sleep(0.5)


async def throw_rubbish(host: str, port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            # Half of it begins as TLS does.
            writer.write(
                random.choice((b"", b"\x16\x03\x01\x02\x00"))
                + random.randbytes(random.randrange(1, 5000))
            )
            writer.close()
        await asyncio.sleep(RUBBISH_PAUSE_S)


async def main() -> None:
    targets = [
        (host, int(port)) for host, _, port in (address.rpartition(":") for address in sys.argv[1:])
    ]
    tasks = [asyncio.create_task(keep_silent(*target)) for target in targets for _ in range(SILENT)]
    tasks += [asyncio.create_task(throw_rubbish(*target)) for target in targets]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main())
