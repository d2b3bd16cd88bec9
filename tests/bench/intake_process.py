"""The webhook receiver as a program.

The whole intake of a collector, or the same server whose spool keeps nothing.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
from messages import Answer, IntakeJob, Ready
from party import now_ms

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import github
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.home import Home
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.service import Intake
from devstream_desktop.intake.store import Store
from devstream_desktop.intake.webhook.endpoint import Endpoint
from devstream_desktop.intake.webhook.receiver import Receiver
from devstream_desktop.intake.webhook.server import HttpServer
from devstream_desktop.intake.webhook.spool import Spool, Taken
from devstream_desktop.stream.event import Event


class Memory:
    """A vault for one run."""

    def __init__(self) -> None:
        self._sealed: dict[str, bytes] = {}

    def seal(self, name: str, secret: bytes) -> None:
        self._sealed[name] = secret

    def unseal(self, name: str) -> bytes:
        return self._sealed[name]

    def exists(self, name: str) -> bool:
        return name in self._sealed

    def remove(self, name: str) -> None:
        del self._sealed[name]


class Nowhere(Spool):
    """Says that it stored everything."""

    async def put(
        self, source: str, delivery_id: str, headers: Mapping[str, str], body: bytes, received: int
    ) -> Taken:
        return Taken.STORED


async def publish(events: list[Event]) -> None:
    """The stream is not what is measured here."""


def say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


async def product(job: IntakeJob) -> None:
    home = Home(Path(job.home))
    home.create()
    intake = Intake(home, Memory(), publish, listen="127.0.0.1:0", now=now_ms)
    await intake.start()
    await intake.add_source(RemoteSource(name=job.source, type="github"), job.secret)
    say(Ready(intake.url.removeprefix("http://")))
    await asyncio.to_thread(sys.stdin.read)
    await intake.stop()


async def bare(job: IntakeJob) -> None:
    store = Store(Path(job.home) / "unused.sqlite")
    webhook = github.COLLECTOR.webhook
    assert webhook is not None
    health = Health(job.source, publish, Notes(store))
    endpoint = Endpoint(
        SourceInfo(job.source),
        github,
        webhook,
        (job.secret,),
        health,
        RateLimiter(job.source, health, publish, now_ms),
    )
    receiver = Receiver({job.source: endpoint}, Nowhere(store), lambda: None, {}, now_ms)
    server = HttpServer(receiver.app, "127.0.0.1", 0)
    await server.start()
    host, port = server.address
    say(Ready(f"{host}:{port}"))
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    given = msgspec.json.decode(sys.stdin.readline(), type=IntakeJob)
    asyncio.run(product(given) if given.store else bare(given))
