"""Webhooks of 8 KB with their signatures, from sixteen connections at once.

The answer 202 promises that the bytes are on the disk. Its floor is the same server with the same
checks, whose spool stores nothing. Mapping them to events and storing those in the log goes on
behind it: the second row counts them until the last one is stored. Its floor is the same finished
rows put into the same tables, in groups as large, each of them synced to the disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec
from figures import Row, percentile
from floors import Bare, ready_rows
from messages import IntakeJob, Keeps, Ready
from processes import BenchError, worker

from devstream_collectors.contract import SignatureScheme
from devstream_desktop.history.database import open_reader
from devstream_desktop.home import Home
from devstream_desktop.intake.webhook.normaliser import BATCH
from devstream_desktop.intake.webhook.signature import sign

GOAL = 1.3
LEAST_RATE = 1_500
CONNECTIONS = 16
BODY_BYTES = 8 * 1024
_SOURCE, _SECRET = "forge", b"made up for the benchmark"


@dataclass(frozen=True)
class Round:
    """Deliveries a second, and milliseconds to each answer."""

    rate: float
    latency: list[float]


def deliveries(count: int) -> Iterator[bytes]:
    """Whole requests, each a push that differs from the others."""
    scheme = SignatureScheme(header="x-hub-signature-256")
    for number in range(count):
        body = msgspec.json.encode(
            {
                "ref": "refs/heads/main",
                "before": "a" * 40,
                "after": f"{number:040x}",
                "commits": [{}],
                "head_commit": {"message": f"Retry card capture {number}"},
                "repository": {
                    "name": "shop",
                    "full_name": "acme/shop",
                    "html_url": "https://github.com/acme/shop",
                    "default_branch": "main",
                },
                "sender": {"login": "ana"},
                "padding": "x" * (BODY_BYTES - 400),
            }
        )
        head = (
            f"POST /in/{_SOURCE} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n"
            f"x-github-event: push\r\nx-github-delivery: {number}\r\n"
            f"{scheme.header}: {sign(scheme, _SECRET, body, {})}\r\n\r\n"
        )
        yield head.encode() + body


async def one_round(home: Path, count: int, keeps: Keeps) -> Round:
    """One server, asked by as many senders as there are connections.

    Each waits for its answer before it sends again. Where events are kept, the round lasts until
    all of them are in the log.
    """
    requests = iter(list(deliveries(count)))
    latency: list[float] = []
    async with worker("intake_process.py", IntakeJob(str(home), _SOURCE, _SECRET, keeps)) as server:
        host, _, port = (await server.hear(Ready, 30)).address.rpartition(":")
        began = time.monotonic()
        async with asyncio.timeout(60 + count / 50):
            async with asyncio.TaskGroup() as senders:
                for _ in range(CONNECTIONS):
                    senders.create_task(_send(host, int(port), requests, latency))
            if keeps is Keeps.EVENTS:
                await asyncio.to_thread(_wait_for, Home(home).history, count)
        seconds = time.monotonic() - began
    return Round(len(latency) / seconds, latency)


def _wait_for(history: Path, count: int) -> None:
    with closing(open_reader(history)) as connection:
        while connection.execute("SELECT COUNT(*) FROM log").fetchone()[0] < count:
            time.sleep(0.02)


async def _send(host: str, port: int, requests: Iterator[bytes], latency: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port)
    for request in requests:
        began = time.perf_counter()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 202 " not in head.partition(b"\r\n")[0]:
            raise BenchError(f"the receiver answered {head[:80]!r}")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(length)
        latency.append((time.perf_counter() - began) * 1000)
    writer.close()
    await writer.wait_closed()


def stored_alone(folder: Path, filled: Path) -> float:
    """Events a second into the tables, each group synced as the log's own writer does."""
    folder.mkdir()
    bare = Bare(folder / "history.sqlite", rows := ready_rows(filled), durable=True)
    began = time.monotonic()
    for first in range(0, len(rows.log), BATCH):
        bare.put(first, first + BATCH)
    rate = len(rows.log) / (time.monotonic() - began)
    bare.close()
    return rate


async def measure(folder: Path, *, quick: bool) -> list[Row]:
    """Rounds of each, in turn; the medians over the rounds."""
    rounds, count = (1, 100) if quick else (3, 6_000)
    found: dict[Keeps, list[Round]] = {keeps: [] for keeps in Keeps}
    alone: list[float] = []
    for number in range(rounds):
        for keeps in Keeps:
            home = folder / f"{keeps}{number}"
            home.mkdir()
            found[keeps].append(await one_round(home, count, keeps))
        alone.append(stored_alone(folder / f"alone{number}", Home(home).history))
    rates = {keeps: median(one.rate for one in each) for keeps, each in found.items()}
    slowest = {
        keeps: median(percentile(one.latency, 0.99) for one in each)
        for keeps, each in found.items()
    }
    figures = {keeps: f"{rates[keeps]:,.0f}/s p99 {slowest[keeps]:.1f} ms" for keeps in rates}
    ratio = rates[Keeps.NOTHING] / rates[Keeps.RAW]
    rate, most = rates[Keeps.EVENTS], median(alone)
    return [
        Row(
            "webhook of 8 KB to a durable 202",
            figures[Keeps.RAW],
            figures[Keeps.NOTHING],
            ratio,
            f"<= {GOAL}x",
            ratio <= GOAL,
        ),
        Row(
            "  mapped and stored, sustained",
            f"{rate:,.0f}/s",
            f"{most:,.0f}/s",
            most / rate,
            f">= {LEAST_RATE:,}/s",
            rate >= LEAST_RATE,
        ),
    ]
