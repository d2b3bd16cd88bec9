"""The webhook receiver as a program.

The whole intake of a collector, or the same server alone.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
from messages import Answer, IntakeJob, Keeps, Ready
from party import Party, Wiring, now_ms
from sample import DAY_MS

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import github
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
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
from devstream_desktop.keys.device_key import verify
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.stream.event import Event, encode_event


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


def say(answer: Answer) -> None:
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    sys.stdout.flush()


async def product(job: IntakeJob) -> None:
    """The whole intake of a collector that nobody is linked with."""
    home = Home(Path(job.home))
    home.create()
    party = Party(0)
    device, chain = party.collector.device, party.chain
    history = History(home.history, FeedMirror(home.feed_mirror), device.public, chain.team)
    replica = Replica(
        store=history,
        identity=Identity(device.id, chain.team, device.sign, verify),
        authors=Wiring(chain),
        retention_ms=30 * DAY_MS,
    )

    async def publish(events: list[Event]) -> None:
        replica.own.publish([encode_event(event) for event in events], now_ms())

    intake = Intake(home, Memory(), publish, known=history, listen="127.0.0.1:0", now=now_ms)
    await intake.start()
    await intake.add_source(RemoteSource(name=job.source, type="github"), job.secret)
    say(Ready(intake.url.removeprefix("http://")))
    await asyncio.to_thread(sys.stdin.read)
    await intake.stop()
    history.close()


async def receiver_alone(job: IntakeJob) -> None:
    """The receiver and its spool, whose deliveries nobody works off."""
    store = Store(Path(job.home) / "spool.sqlite")
    spool = Spool(store) if job.keeps is Keeps.RAW else Nowhere(store)
    await store.open()
    await spool.open()
    webhook = github.COLLECTOR.webhook
    assert webhook is not None

    async def publish(events: list[Event]) -> None:
        """The stream is not what is measured here."""

    health = Health(job.source, publish, Notes(store))
    endpoint = Endpoint(
        SourceInfo(job.source),
        github,
        webhook,
        (job.secret,),
        health,
        RateLimiter(job.source, health, publish, now_ms),
    )
    receiver = Receiver({job.source: endpoint}, spool, lambda: None, {}, now_ms)
    server = HttpServer(receiver.app, "127.0.0.1", 0)
    await server.start()
    host, port = server.address
    say(Ready(f"{host}:{port}"))
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()
    await store.close()


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    given = msgspec.json.decode(sys.stdin.readline(), type=IntakeJob)
    asyncio.run(product(given) if given.keeps is Keeps.EVENTS else receiver_alone(given))
