from __future__ import annotations

import asyncio
import socket

import pytest

from devstream_desktop.address import AddressError
from devstream_desktop.mesh.address import resolve


async def test_a_literal_needs_no_resolver_and_a_name_becomes_literals(monkeypatch):
    assert await resolve("[::1]:5") == ["[::1]:5"]
    found = [
        (socket.AF_INET6, None, 0, "", ("fd00::7", 5)),
        (socket.AF_INET, None, 0, "", ("10.0.0.7", 5)),
        (socket.AF_INET, None, 0, "", ("10.0.0.7", 5)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    assert await resolve("desk.example:5") == ["10.0.0.7:5", "[fd00::7]:5"]


async def test_a_name_that_does_not_resolve_says_so(monkeypatch):
    def fail(*given, **more):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(AddressError, match=r"desk\.example does not resolve"):
        await resolve("desk.example:5")


async def test_a_name_with_link_local_addresses_only_says_so(monkeypatch):
    found = [(socket.AF_INET6, None, 0, "", ("fe80::7%eth0", 5, 0, 2))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *a, **k: found)
    with pytest.raises(AddressError, match="only link-local addresses"):
        await resolve("desk.example:5")


async def test_who_is_ended_in_the_moment_of_an_answer_ends(monkeypatch):
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    monkeypatch.setattr(loop, "getaddrinfo", lambda *a, **k: answer)
    task = asyncio.create_task(resolve("desk.example:5"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answer.set_result([(socket.AF_INET, None, 0, "", ("10.0.0.7", 5))])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
