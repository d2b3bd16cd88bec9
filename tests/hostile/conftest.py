"""A lying member against real nodes.

Bare meshes in this process (`make_node`), and nodes as processes with their doors (`victims`).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from raw_member import RawMember
from rooms import load

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.stream.subject import Line

_mesh, _node = load("mesh/conftest.py"), load("node/conftest.py")
make_node, team = _mesh.make_node, _mesh.team
world, until = _node.world, _node.until
STATUS_MS = 5_000
PATIENCE_S = 60


@pytest.fixture
async def raw(team: Any) -> AsyncIterator[Callable[..., RawMember]]:
    """Makes lying members of the team of `make_node`."""
    made: list[RawMember] = []

    def make() -> RawMember:
        key = DeviceKey.generate()
        made.append(RawMember(team.id, key, team.credentials(key.id)))
        return made[-1]

    yield make
    await asyncio.gather(*(member.close() for member in made))


class Victim:
    """A desk of tests/node whose node is attacked.

    Waiting is done beside the loop, on which the attacker speaks.
    """

    def __init__(self, desk: Any) -> None:
        self.desk = desk

    @property
    def mesh(self) -> str:
        """The address of its mesh."""
        return self.desk.ready["mesh"]

    async def status(self, timeout_ms: int = STATUS_MS) -> Status:
        """As its desktop asks; an answer that is late is none."""

        def ask() -> Status:
            with Client(self.desk.home.control_url(), timeout_ms=timeout_ms) as client:
                return client.ask(GetStatus())

        return await asyncio.to_thread(ask)

    async def restart(self, *arguments: str) -> None:
        """End it as an update does, and start it again; both must go well."""
        assert await asyncio.to_thread(self.desk.stop) == 0
        await asyncio.to_thread(self.desk.start, *arguments)

    async def doctor(self) -> str:
        """The checks that it prints, whatever it ends with; a cross marks a fault."""
        return await asyncio.to_thread(lambda: self.desk.begin("doctor").communicate(timeout=60)[0])

    async def run(self, *arguments: str, code: int = 0) -> str:
        """The output of a command."""
        return await asyncio.to_thread(lambda: self.desk.run(*arguments, code=code))

    async def rows(self) -> list[Line]:
        """The rows of its desktop, newest first."""
        return await asyncio.to_thread(self.desk.lines)

    async def records(self, query: str = "") -> list[dict[str, Any]]:
        """The answers of `devstream search --json`."""
        return [
            json.loads(line) for line in (await self.run("search", "--json", query)).splitlines()
        ]

    async def until(
        self, what: str, look: Callable[[], Awaitable[object]], patience_s: float = PATIENCE_S
    ) -> object:
        """The first true value of `look`, asked again for `patience_s`."""
        deadline = time.monotonic() + patience_s
        while not (found := await look()):
            assert time.monotonic() < deadline, f"waited in vain until {what}"
            await asyncio.sleep(0.05)
        return found


@pytest.fixture
async def victims(world: Any) -> AsyncIterator[Callable[..., object]]:
    """Starts ana with all roles, and others, as processes.

    And makes mallory, a member without a role.
    """
    made: list[RawMember] = []

    async def begin(
        *others: str, liars: tuple[str, ...] = ("mallory",)
    ) -> tuple[list[Victim], list[RawMember]]:
        desks = await asyncio.to_thread(world.team, *others)
        nodes = [Victim(desk) for desk in desks]
        made.extend([await asyncio.to_thread(_joined, world, desks[0], name) for name in liars])
        return nodes, made

    yield begin
    await asyncio.gather(*(member.close() for member in made))


def _joined(world: Any, founder: Any, name: str) -> RawMember:
    """The keys and the certificate of a home that has joined; its own node never runs."""
    desk = world.desk(name)
    desk.run("team", "join", founder.run("team", "invite", "--pre-approved"), "--person", name)
    return member_of(desk)


def member_of(desk: Any) -> RawMember:
    """Whoever has this home's keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "DEVSTREAM_KEY_FILE", desk.environment["DEVSTREAM_KEY_FILE"])
        return RawMember.of(desk.home.root)[0]
