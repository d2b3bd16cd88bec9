"""Handshakes of dialed links: one at a time, and nobody who sleeps keeps the others waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from devstream_desktop.mesh.transport import link as transport
from devstream_desktop.mesh.transport.link import Link, LinkError, tls_config
from devstream_desktop.stream.entry import device_id

NAME = device_id(b"c" * 32)


class Silent:
    """A peer that takes a ClientHello and never answers it."""

    def __init__(self) -> None:
        self.address = ""
        self.hellos = 0
        self.most = 0
        """Handshakes that were under way at once."""
        self.heard = asyncio.Event()
        self._under_way = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Who only looks if anybody is there says nothing.
        if await reader.read(1):
            self.hellos += 1
            self._under_way += 1
            self.most = max(self.most, self._under_way)
            self.heard.set()
            while await reader.read(65_536):
                pass
            self._under_way -= 1
        writer.close()


@asynccontextmanager
async def silent_peer() -> AsyncIterator[Silent]:
    peer = Silent()
    async with await asyncio.start_server(peer.take, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        peer.address = f"{host}:{port}"
        yield peer


@pytest.fixture
async def dial(team) -> AsyncIterator[Callable[[str], asyncio.Task[str]]]:
    """Begin a link with a good certificate."""
    config = tls_config(team.credentials(NAME), server=False)
    links: list[Link] = []

    def dial(address: str) -> asyncio.Task[str]:
        links.append(Link(address, lambda _: None))
        return asyncio.create_task(links[-1].open(config, 8))

    yield dial
    for link in links:
        await link.close()


async def test_one_handshake_is_under_way_at_a_time(dial, monkeypatch):
    """Mbed TLS has no locks here: two at once have corrupted the heap."""
    monkeypatch.setattr(transport, "HANDSHAKE_S", 0.2)
    async with silent_peer() as peer:
        dials = [dial(peer.address) for _ in range(4)]
        found = await asyncio.gather(*dials, return_exceptions=True)
        assert [str(one) for one in found] == [f"{peer.address} did not answer"] * 4
        assert (peer.hellos, peer.most) == (4, 1)


async def test_who_is_gone_keeps_no_handshake_waiting(dial, make_node):
    """An address where nothing listens fails although another handshake is under way."""
    async with silent_peer() as peer:
        gone = peer.address
    node = await make_node()
    async with silent_peer() as peer:
        waiting = dial(peer.address)
        await peer.heard.wait()
        with pytest.raises(LinkError, match="cannot be dialed: "):
            await dial(gone)
        assert not waiting.done()
        # A peer that answers has its turn when the silent one is given up.
        assert await dial(node.address) == node.device
        with pytest.raises(LinkError, match="did not answer"):
            await waiting


async def test_a_link_that_is_closed_before_its_turn_is_not_dialed(team):
    config = tls_config(team.credentials(NAME), server=False)
    async with silent_peer() as peer:
        first, second = (Link(peer.address, lambda _: None) for _ in range(2))
        opening = [asyncio.create_task(link.open(config, 8)) for link in (first, second)]
        await peer.heard.wait()
        await second.close()
        await first.close()
        found = await asyncio.gather(*opening, return_exceptions=True)
        assert all(isinstance(one, LinkError) for one in found)
        assert peer.hellos == 1
