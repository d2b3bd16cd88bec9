"""Three real NATS servers under faults, and nodes by gossip, stream, both.

What a node has said is acknowledged: in the end all have it, once, and nothing that nobody said.
A short run is a test. NEMESIS_SECONDS=n is a long one with thirty nodes, NEMESIS_SEED=n chooses
its faults: make nemesis-nats.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nats
import pytest
from memory_broker import Carried, data_of, forge, held
from nacl.signing import SigningKey
from nats_server import Cluster, needs_nats

from devstream_desktop.mesh.carrier import carrier
from devstream_desktop.mesh.carrier.nats import Access, NatsBroker, Wanted
from devstream_desktop.stream.entry import Entry

SECONDS = float(os.environ.get("NEMESIS_SECONDS", "0"))
SEED = int(os.environ.get("NEMESIS_SEED", "1"))
OF_EACH = 10 if SECONDS else 2
PATIENCE_S = 120.0
"""Until all have all; a bound for what hangs, no figure."""
pytestmark = [
    pytest.mark.process,
    pytest.mark.slow,
    needs_nats,
    pytest.mark.timeout(SECONDS * 2 + 600),
]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    try:
        yield made
    finally:
        for server in made.servers:
            server.freeze(frozen=False)
        made.end()


@dataclass
class World:
    """The nodes, their servers, and everything that was acknowledged."""

    cluster: Cluster
    nodes: list[Any]
    team: str
    rng: random.Random
    said: list[Entry] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    """The faults that there were."""

    @property
    def stream(self) -> str:
        return f"devstream-{self.team}"

    async def talk(self, seconds: float) -> None:
        """Let the nodes say something, each now and then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            node = self.rng.choice(self.nodes)
            self.said += await node.say(f"{node.device[:6]} {len(self.said)}")
            await asyncio.sleep(0.05)

    async def client(self) -> nats.NATS:
        """Connect to any server, as somebody with valid credentials."""
        while True:
            try:
                return await nats.connect(
                    self.cluster.urls, allow_reconnect=False, connect_timeout=2
                )
            except Exception:  # noqa: BLE001 - none of them is up for a moment
                await asyncio.sleep(0.2)

    async def asked(self, ask: Callable[[Any], Awaitable[Any]]) -> Any:
        """Ask JetStream something until it answers."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                client = await self.client()
                try:
                    return await ask(client.jetstream(timeout=3))
                except Exception:  # noqa: BLE001 - it has no leader for a moment
                    await asyncio.sleep(0.3)
                finally:
                    await client.close()

    async def leader(self) -> int:
        """Return the number of the server that leads the stream."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                info = await self.asked(lambda stream: stream.stream_info(self.stream))
                if info.cluster is not None and info.cluster.leader:
                    return int(info.cluster.leader.removeprefix("server"))
                await asyncio.sleep(0.3)

    async def heal(self) -> None:
        """Wait until all three servers are level, as whoever runs them does.

        A second disk that is lost before that is more than three servers bear. Where they stay
        without a majority, the stream is deleted: nodes send it again.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    info = await self.asked(lambda stream: stream.stream_info(self.stream))
                    others = info.cluster.replicas if info.cluster is not None else None
                    if others and all(other.current for other in others):
                        return
                    await asyncio.sleep(0.3)
        except TimeoutError:
            self.done.append("stream_deleted")
            await self.asked(lambda stream: stream.delete_stream(self.stream))


async def leader_killed(world: World) -> None:
    number = await world.leader()
    world.cluster.servers[number].end()
    await world.talk(2)
    world.cluster.start(number)


async def two_killed(world: World) -> None:
    gone = world.rng.sample(range(3), 2)
    for number in gone:
        world.cluster.servers[number].end()
    await world.talk(2)
    for number in gone:
        world.cluster.start(number)


async def stream_deleted(world: World) -> None:
    await world.asked(lambda stream: stream.delete_stream(world.stream))
    await world.talk(1)


async def disk_wiped(world: World) -> None:
    number = world.rng.randrange(3)
    server = world.cluster.servers[number]
    server.end()
    server.wipe()
    world.cluster.start(number)
    await world.talk(1)


async def one_frozen(world: World) -> None:
    server = world.cluster.servers[await world.leader()]
    server.freeze(frozen=True)
    await world.talk(5 if SECONDS else 2)
    server.freeze(frozen=False)


async def all_frozen(world: World) -> None:
    for server in world.cluster.servers:
        server.freeze(frozen=True)
    await world.talk(world.rng.choice([5, 60]))
    for server in world.cluster.servers:
        server.freeze(frozen=False)


async def forged_and_repeated(world: World) -> None:
    """Publish with valid credentials what nobody said, and what was said: again, out of order."""
    key = SigningKey.generate()
    feed = f"devstream.{world.team}.feed.x"
    said = world.rng.sample(world.said, min(50, len(world.said)))
    forged = [forge(world.team, key, one.feed, seq=one.seq + 1) for one in said]
    rubbish = [b"", b"x" * 64, world.rng.randbytes(300), b"\x95" * 400]
    squatted = [(b"not it", one.id) for one in said[:5]]
    everything = [(data, "") for data in (*forged, *rubbish, *map(data_of, said))] + squatted
    world.rng.shuffle(everything)

    async def publish(stream: Any) -> None:
        for data, name in everything:
            await stream.publish(feed, data, headers={"Nats-Msg-Id": name} if name else None)

    await world.asked(publish)


async def slow_consumer(world: World) -> None:
    """Ask for everything, and read nothing of it."""
    number = await world.leader()
    reader = socket.create_connection(("127.0.0.1", world.cluster.servers[number].port), 5)
    with reader:
        reader.sendall(b'CONNECT {"verbose":false}\r\nSUB devstream.> 1\r\n')
        await world.talk(1)


FAULTS = [
    leader_killed,
    two_killed,
    stream_deleted,
    disk_wiped,
    one_frozen,
    all_frozen,
    forged_and_repeated,
    slow_consumer,
]
SHORT = [forged_and_repeated, leader_killed, stream_deleted, one_frozen, forged_and_repeated]


async def test_whatever_happens_to_the_servers_nothing_is_lost_doubled_or_forged(
    cluster, make_node, team, tmp_path, monkeypatch
):
    monkeypatch.setattr(carrier, "MOST_MS", 5000)
    gossip = [await make_node()]
    for _ in range(OF_EACH - 1):
        gossip.append(await make_node(peers=gossip[-2:]))
    both = [await make_node(peers=gossip[-2:]) for _ in range(OF_EACH)]
    stream = [await make_node() for _ in range(OF_EACH)]
    world = World(cluster, [*gossip, *both, *stream], team.id, random.Random(SEED))
    wanted = Wanted(30 * 86_400, replicas=3)
    carried = []
    for n, node in enumerate((*both, *stream)):
        broker = NatsBroker(team.id, Access(cluster.urls), wanted)
        site = "here" if node in both and n % 2 else ""
        carried.append(Carried(node, broker, tmp_path, site=site))
    try:
        await world.asked(lambda js: js.stream_info(world.stream))
        await world.talk(1)
        until = time.monotonic() + SECONDS
        rest = [] if SECONDS else list(SHORT)
        while rest or time.monotonic() < until:
            fault = rest.pop(0) if rest else world.rng.choice(FAULTS)
            world.done.append(fault.__name__)
            sys.stderr.write(f"{fault.__name__}, {len(world.said)} events\n" if SECONDS else "")
            await fault(world)
            await world.talk(1)
            if SECONDS:
                await world.heal()
        ended = time.monotonic()
        for node in world.nodes:
            await node.until(lambda node=node: len(held(node)) >= len(world.said), PATIENCE_S)
        equal = time.monotonic() - ended
        said = {entry.hash for entry in world.said}
        assert {node.device: held(node) ^ said for node in world.nodes} == {
            node.device: set() for node in world.nodes
        }
        assert all(len(node.entries) == len(said) for node in world.nodes)
        assert all(not node.mesh.status().frozen for node in world.nodes)
        sys.stderr.write(
            f"{len(world.nodes)} nodes, {len(said)} events, {len(world.done)} faults"
            f" (seed {SEED}): lost 0, doubled 0, forged 0; equal after {equal:.1f} s\n"
        )
    finally:
        await asyncio.gather(*(one.stop() for one in carried))
