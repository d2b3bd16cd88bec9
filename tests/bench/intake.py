"""A webhook of 8 KB with its signature, until the answer 202, from sixteen connections at once.

The floor is the same server with the same checks, whose spool stores nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec
from figures import Row, percentile
from messages import IntakeJob, Ready
from processes import BenchError, worker

from devstream_collectors.contract import SignatureScheme
from devstream_desktop.intake.webhook.signature import sign

GOAL = 1.3
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


async def one_round(home: Path, count: int, *, store: bool) -> Round:
    """One server, asked by as many senders as there are connections.

    Each waits for its answer before it sends again.
    """
    requests = iter(list(deliveries(count)))
    latency: list[float] = []
    async with worker("intake_process.py", IntakeJob(str(home), _SOURCE, _SECRET, store)) as server:
        host, _, port = (await server.hear(Ready, 30)).address.rpartition(":")
        began = time.monotonic()
        async with asyncio.timeout(60 + count / 50), asyncio.TaskGroup() as senders:
            for _ in range(CONNECTIONS):
                senders.create_task(_send(host, int(port), requests, latency))
        seconds = time.monotonic() - began
    return Round(len(latency) / seconds, latency)


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


async def measure(folder: Path, *, quick: bool) -> list[Row]:
    """Rounds of both, in turn; the medians over the rounds."""
    rounds, count = (1, 200) if quick else (3, 6_000)
    ours: list[Round] = []
    bare: list[Round] = []
    for number in range(rounds):
        bare.append(await one_round(folder / f"intake-floor{number}", count, store=False))
        ours.append(await one_round(folder / f"intake{number}", count, store=True))
    rate, most = median(one.rate for one in ours), median(one.rate for one in bare)
    p99, least = (median(percentile(one.latency, 0.99) for one in some) for some in (ours, bare))
    ratio = most / rate
    return [
        Row(
            "intake, 8 KB to 202",
            f"{rate:,.0f}/s p99 {p99:.1f} ms",
            f"{most:,.0f}/s p99 {least:.1f} ms",
            ratio,
            f"<= {GOAL}x",
            ratio <= GOAL,
        )
    ]
