"""Ten thousand webhooks at once.

None is lost, the collector's memory stays small, and another sender is served meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from senders import SECRET, deliver, issue

pytestmark = pytest.mark.process

DELIVERIES = 10_000
CONNECTIONS = 32
GROWTH_MIB = 64
GOOD_SECONDS = 3.0
"""The tightest deadline of the senders we know (Rollbar's)."""


class Burst:
    """A sender that posts over many connections, and again what it is told to send later."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._numbers: Iterator[int] = iter(range(1, DELIVERIES + 1))
        self.answers: dict[int, int] = {}

    async def send(self) -> None:
        async with asyncio.timeout(60), asyncio.TaskGroup() as connections:
            for _ in range(CONNECTIONS):
                connections.create_task(self._connection())

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection(self._url.hostname, self._url.port)
        for number in self._numbers:
            status = 0
            while status != 202:
                body, headers = issue(number)
                lines = [
                    f"POST {self._url.path} HTTP/1.1",
                    "Host: burst",
                    f"Content-Length: {len(body)}",
                ]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + body)
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await reader.readexactly(int(head.partition("content-length:")[2].split()[0]))
                status = int(head.split()[1])
                self.answers[status] = self.answers.get(status, 0) + 1
                assert status in (202, 429, 503)
                if status != 202:
                    assert "retry-after:" in head
                    await asyncio.sleep(0.5)
        writer.close()
        await writer.wait_closed()


@contextlib.contextmanager
def beside(look) -> Iterator[list[float]]:
    """The results of `look` while the block runs.

    It is called again and again, in a thread of its own.
    """
    found: list[float] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.1):
            found.append(look())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield found
    finally:
        stop.set()
        thread.join()


def resident(process: int) -> float:
    """MiB of memory that a process holds."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(),
    reason="how much memory a process holds is read from /proc",
)
def test_a_burst_is_taken_in_whole_and_another_sender_does_not_feel_it(
    world, until, tmp_path
) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    (tmp_path / "secret").write_bytes(SECRET)
    noisy, good = (
        ana.run("source", "add", "github", name, "--secret-file", str(tmp_path / "secret"))
        for name in ("noisy", "good")
    )
    ana.start("--intake", "127.0.0.1:0")
    burst = Burst(ana.ready["intake"] + noisy)
    sent: list[int] = []

    def one_good() -> float:
        sent.append(DELIVERIES + len(sent) + 1)
        began = time.monotonic()
        assert deliver(ana.ready["intake"] + good, sent[-1]) == 202
        return time.monotonic() - began

    def rows() -> int:
        with contextlib.closing(
            sqlite3.connect(f"{ana.home.history.as_uri()}?mode=ro", uri=True)
        ) as history:
            return history.execute("SELECT count(*) FROM lines").fetchone()[0]

    def numbers() -> set[int]:
        return {int(line.event.number) for line in ana.lines() if line.event.kind == "ticket"}

    before = resident(ana.process.pid)
    with beside(lambda: resident(ana.process.pid)) as held:
        with beside(one_good) as took:
            asyncio.run(burst.send())
        until("there are as many rows", lambda: rows() >= DELIVERIES + len(sent), 60)
        until(
            "every delivery is one", lambda: numbers() == set(range(1, DELIVERIES + len(sent) + 1))
        )
    assert burst.answers[202] == DELIVERIES
    assert len(took) == len(sent) > 3
    assert max(took) < GOOD_SECONDS
    assert max(held) - before < GROWTH_MIB
