"""Strangers at the port of the mesh.

They cost little whatever they do, the team keeps its links, and who belongs to it comes in.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from forgery import authority, leaf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_member import RawMember
from rooms import load
from storm import KINDS

from devstream_desktop.mesh.transport.link import LinkError
from devstream_desktop.mesh.wire import AskPeers, PeerList

pytestmark = pytest.mark.process

DEVSTREAM = load("node/conftest.py").DEVSTREAM
PROGRAM = Path(__file__).parent / "storm.py"
MEMORY_MB, FILES = 150, 2000
SECONDS = 4.0
COMES_IN_S = 10.0


class Watched:
    """A node under attack.

    Its most memory and descriptors, and the slowest answer that a friend of it got.
    """

    def __init__(self, process: psutil.Process, address: str) -> None:
        self.process = process
        self.address = address
        self.memory = self.files = 0
        self.slowest = 0.0

    async def look(self) -> None:
        while True:
            self.memory = max(self.memory, self.process.memory_info().rss >> 20)
            self.files = max(self.files, self.process.num_fds())
            await asyncio.sleep(0.05)

    async def ask(self, friend) -> None:
        while True:
            began = time.monotonic()
            assert isinstance(await friend.ask(AskPeers()), PeerList)
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(0.1)

    async def comes_in(self, member: RawMember) -> float:
        """Seconds until a member that dials now is welcome."""
        began = time.monotonic()
        async with asyncio.timeout(30):
            while True:
                try:
                    link = await member.dial(self.address)
                except LinkError:
                    continue
                await link.link.close()
                return time.monotonic() - began


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Path:
    """A certificate of another team, with its key."""
    path = tmp_path_factory.mktemp("foreign") / "own.pem"
    own = leaf(authority("rivals"), "x")
    path.write_text(own.key_pem + own.pem)
    return path


@pytest.fixture
async def storm(foreign):
    """`async with storm(address, "silent=10", ...)`: strangers, until they have had their time."""

    @asynccontextmanager
    async def begin(address: str, *crowds: str, seconds: float = SECONDS) -> AsyncIterator[None]:
        given = (sys.executable, str(PROGRAM), address, str(seconds), str(foreign), *crowds)
        process = await asyncio.create_subprocess_exec(*given, stdout=asyncio.subprocess.PIPE)
        try:
            yield
            made, _ = await asyncio.wait_for(process.communicate(), seconds + 30)
            assert int(made) > 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    return begin


@pytest.fixture
async def ana(victims):
    """Ana's node, a friend that is linked with it, and a member that is not."""
    (node,), (friend, newcomer) = await victims(liars=("friend", "newcomer"))
    watched = Watched(psutil.Process(node.desk.process.pid), node.mesh)
    return watched, await friend.dial(node.mesh), newcomer


mixes = st.dictionaries(st.sampled_from(KINDS), st.integers(1, 20), min_size=1, max_size=4)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(mix=mixes)
async def test_a_crowd_of_any_mix_costs_little_and_keeps_nobody_out(
    ana, storm, record_property, mix
) -> None:
    await _withstands(ana, storm, record_property, mix)


async def test_with_few_descriptors_a_silent_crowd_keeps_nobody_out(victims, storm) -> None:
    """As on macOS, where a process begins with 256; half of that, and it cannot have more."""
    (node,), (newcomer,) = await victims(liars=("newcomer",))
    await asyncio.to_thread(node.desk.stop)
    await asyncio.to_thread(node.desk.start, program=["prlimit", "--nofile=128:128", *DEVSTREAM])
    watched = Watched(psutil.Process(node.desk.process.pid), node.mesh)
    async with storm(node.mesh, "silent=20", "greeting=20"):
        await asyncio.sleep(SECONDS / 4)
        assert await watched.comes_in(newcomer) < COMES_IN_S
        assert await node.status()
    assert "descriptor" not in (node.desk.home.log).read_text()


async def test_garbage_from_forty_threads(ana, storm, record_property) -> None:
    for kind in ("garbage", "record", "records", "half"):
        await _withstands(ana, storm, record_property, {kind: 40})


async def _withstands(ana, storm, record_property, mix: dict[str, int]) -> None:
    watched, friend, newcomer = ana
    tasks = [asyncio.create_task(work) for work in (watched.look(), watched.ask(friend))]
    async with storm(watched.address, *(f"{kind}={threads}" for kind, threads in mix.items())):
        await asyncio.sleep(SECONDS / 4)
        took = await watched.comes_in(newcomer)
    for task in tasks:
        assert not task.done(), task
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    figures = (
        f"{watched.memory} MB, {watched.files} files, slowest answer {watched.slowest:.2f} "
        f"s, came in after {took:.2f} s"
    )
    record_property(f"strangers {mix}", figures)
    assert watched.memory < MEMORY_MB
    assert watched.files < FILES
    assert took < COMES_IN_S
    assert not friend.link.lost.is_set()
