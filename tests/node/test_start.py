"""A start that fails half-way leaves nothing open, and a node may have many files open."""

from __future__ import annotations

import resource
import socket

import pytest

from devstream_desktop.door.descriptors import raise_soft_limit
from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh import address
from devstream_desktop.node.core import Node
from devstream_desktop.node.options import Options
from devstream_desktop.node.roles import Roles


async def test_a_start_that_fails_after_the_mesh_is_up_closes_it_again(world, monkeypatch):
    desk = world.desk("me")
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)

    async def fails(self):
        raise DevstreamError("the runs of an executor cannot be read")

    monkeypatch.setattr(Roles, "follow", fails)
    node = Node(desk.home, Options(listen="127.0.0.1:0", discovery=False, solo=True), lambda: None)
    with pytest.raises(DevstreamError, match="cannot be read"):
        await node.start()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address.split(node.mesh_address), timeout=2)
    monkeypatch.undo()
    for name, value in desk.environment.items():
        monkeypatch.setenv(name, value)
    again = Node(
        desk.home, Options(listen=node.mesh_address, discovery=False, solo=True), lambda: None
    )
    await again.start()
    await again.stop()


def test_the_limit_of_open_files_is_raised_as_far_as_is_allowed():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(300, before[1])
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        raise_soft_limit(wanted)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == wanted
        raise_soft_limit(270)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == wanted
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
