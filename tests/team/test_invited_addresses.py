"""An invite with several addresses, some of which lead nowhere or to a stranger."""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from doors import Door
from impostors import Recorder, server_of

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.team.certificates import Authority
from devstream_desktop.team.joining.client import join
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.invite import read_invite, write_invite
from devstream_desktop.team.team import Team

pytestmark = pytest.mark.usefixtures("no_blocking")


def leading_to(text: str, *ports: int) -> str:
    """Return the invite with other ports of this machine."""
    addresses = tuple(f"127.0.0.1:{port}" for port in ports)
    return write_invite(replace(read_invite(text), addresses=addresses))


@pytest.fixture
def dead() -> int:
    """Return a port at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


async def test_the_issuer_is_found_beside_dead_and_hostile_addresses(
    team: Team, door: Door, dead: int, tmp_path: Path
) -> None:
    own = Authority.create(team.now())
    context = await server_of(own, team.device.id, tmp_path)
    # One shows an authority of its own, the other the team's, which it got by asking for it.
    strangers = [Recorder(own.der, context), Recorder(team.admissions.authority().der, context)]
    text = await door.invite(3600)
    async with AsyncExitStack() as ends:
        ports = [await ends.enter_async_context(one.listening()) for one in strangers]
        # Alone at first, so that the stranger with the team's authority has surely answered.
        for person, places in (
            ("bo", [ports[1], door.port]),
            ("cy", [dead, *ports, door.port]),
            ("di", [door.port, *ports, dead]),
        ):
            text = await door.invite(3600, approved=True)
            joined = await join(leading_to(text, *places), person, DeviceKey.generate())
            assert joined.doors[0] == f"127.0.0.1:{door.port}"
    assert [one.secrets_seen for one in strangers] == [0, 0]


async def test_where_the_issuer_is_at_none_the_dead_address_is_named(
    team: Team, door: Door, dead: int, tmp_path: Path
) -> None:
    own = Authority.create(team.now())
    context = await server_of(own, team.device.id, tmp_path)
    stranger = Recorder(team.admissions.authority().der, context)
    async with stranger.listening() as port:
        text = leading_to(await door.invite(3600), port, dead)
        with pytest.raises(JoinError) as caught:
            await join(text, "bo", DeviceKey.generate())
    assert caught.value.problem is Problem.UNREACHABLE
    assert f"127.0.0.1:{dead}" in str(caught.value)
    assert f"127.0.0.1:{port}: it is somebody else" in str(caught.value)
    assert stranger.secrets_seen == 0
