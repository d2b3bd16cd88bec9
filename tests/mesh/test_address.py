from __future__ import annotations

import socket

import pytest

from devstream_desktop.mesh.address import AddressError, join, resolve, split


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("10.0.0.1:7000", ("10.0.0.1", 7000)),
        (" desk.example:1 ", ("desk.example", 1)),
        ("[fe80::1]:65535", ("fe80::1", 65535)),
    ],
)
def test_an_address_is_host_and_port(text, parts):
    assert split(text) == parts
    assert join(*parts) == text.strip()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:",
        ":7000",
        "host:70000",
        "host:-1",
        "fe80::1:7000",
        "host:٣",
        "[host]:7000",
    ],
)
def test_anything_else_is_not_and_says_what_is_expected(text):
    with pytest.raises(AddressError, match="write HOST:PORT"):
        split(text)


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
