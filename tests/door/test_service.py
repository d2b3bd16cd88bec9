"""Several services behind one port: chosen by server name, apart in every other respect."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from forgery import authority, leaf
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.door import connection, strangers
from devstream_desktop.door.acceptor import Acceptor, listen
from devstream_desktop.door.connection import Connection
from devstream_desktop.door.service import Service, Services, server_name
from devstream_desktop.door.tls import server_context

CA = authority()
LEAF = leaf(CA, "own")
NAME, OTHER = "b" * 52, "peer.devstream.invalid"


def caller() -> ssl.SSLContext:
    """The TLS of a caller that believes everybody and shows nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def hello(name: str | None) -> bytes:
    """A real ClientHello, made by OpenSSL, that asks for this name."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        caller().wrap_bio(incoming, outgoing, server_hostname=name).do_handshake()
    return outgoing.read()


labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?", fullmatch=True)


@given(st.lists(labels, min_size=1, max_size=4).map(".".join))
def test_the_name_is_the_one_that_openssl_was_given(name: str) -> None:
    assert server_name(hello(f"x{name}")) == f"x{name}"


def test_without_a_name_or_without_sense_there_is_none() -> None:
    whole = hello(NAME)
    assert server_name(hello(None)) == server_name(hello("192.0.2.1")) == ""
    for end in range(len(whole)):
        assert server_name(whole[:end]) in ("", NAME)
    at = whole.index(NAME.encode())
    assert server_name(whole.replace(NAME.encode(), b"\xff" * 52)) == ""
    assert server_name(whole[: at - 3] + b"\x01" + whole[at - 2 :]) == "", "no name of a host"
    assert server_name(whole[: at - 2] + b"\xff\xff" + whole[at:]) == "", "it is cut"


class Heard:
    """A handler that says whose it is, and notes what reaches it."""

    def __init__(self, one: Connection, called: str, log: list[str]) -> None:
        self._connection, self._called, self._log = one, called, log

    def secured(self) -> None:
        self._connection.send(self._called.encode())

    def received(self, data: bytes) -> None:
        self._log.append(f"{self._called}: {data.decode()}")

    def ended(self, reason: str) -> None:
        if reason:
            self._log.append(f"{self._called}: {reason}")

    def drained(self) -> None: ...


class Port:
    """A port with a service for members, and one for anybody who names it."""

    def __init__(self, folder: Path) -> None:
        self.log: list[str] = []
        self.is_open = True
        members = server_context(LEAF.pem, LEAF.key_pem, callers_ca_pem=CA.pem)
        anybody = server_context(LEAF.pem, LEAF.key_pem)
        self._files = folder / "member.pem"
        self._files.write_text(LEAF.pem + LEAF.key_pem)
        self.members = Service(lambda: members, lambda one: Heard(one, "members", self.log))
        self.anybody = Service(
            lambda: anybody, lambda one: Heard(one, "anybody", self.log), lambda: self.is_open
        )
        self._writers: list[asyncio.StreamWriter] = []

    def listen(self) -> None:
        listener = listen("127.0.0.1", 0)
        self.number: int = listener.getsockname()[1]
        self._acceptor = Acceptor(listener, Services(self.members, {NAME: self.anybody}))

    async def knock(self, data: bytes) -> None:
        """Say this and stay."""
        _, writer = await asyncio.open_connection("127.0.0.1", self.number)
        self._writers.append(writer)
        writer.write(data)

    async def call(self, name: str, *, certificate: bool = False) -> str:
        """Say something in TLS; the answer, empty when hung up on."""
        context = caller()
        if certificate:
            context.load_cert_chain(self._files)
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self.number, ssl=context, server_hostname=name
                )
                self._writers.append(writer)
                writer.write(b"hear me")
                return (await reader.read(100)).decode()
        except (ssl.SSLError, ConnectionError):
            return ""

    async def greeting(self, members: int, anybody: int) -> None:
        """Wait until so many strangers of each service greet."""
        async with asyncio.timeout(5):
            while (  # noqa: ASYNC110 - nothing tells
                len(self.members.strangers.greeting),
                len(self.anybody.strangers.greeting),
            ) != (members, anybody):
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        await self._acceptor.close()


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[Port]:
    made = await asyncio.to_thread(Port, tmp_path)
    made.listen()
    yield made
    await made.close()


async def test_a_caller_is_heard_by_the_service_that_it_names(port: Port) -> None:
    assert await port.call(NAME) == "anybody"
    assert await port.call(OTHER, certificate=True) == "members"
    assert await port.call("b" * 51 + "a", certificate=True) == "members"


async def test_who_shows_no_certificate_never_reaches_the_members(port: Port) -> None:
    assert await port.call(OTHER) == ""
    await port.call(NAME)
    assert any(line.startswith("members: TLS failed") for line in port.log)
    assert "members: hear me" not in port.log


async def test_a_closed_service_hangs_up_and_the_others_go_on(port: Port) -> None:
    port.is_open = False
    assert await port.call(NAME, certificate=True) == ""
    assert port.log == [f"anybody: {connection.CLOSED}"]
    assert await port.call(OTHER, certificate=True) == "members"


@pytest.mark.parametrize(("crowded", "other"), [(NAME, OTHER), (OTHER, NAME)])
async def test_a_crowd_at_one_service_takes_no_place_and_no_turn_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crowded: str, other: str
) -> None:
    monkeypatch.setattr(strangers, "GREETING", 8)
    monkeypatch.setattr(strangers, "HANDSHAKE_BURST", 3)
    monkeypatch.setattr(strangers, "HANDSHAKES_A_SECOND", 0.01)
    port = await asyncio.to_thread(Port, tmp_path)
    port.listen()
    try:
        for _ in range(20):
            await port.knock(hello(crowded))
        await port.greeting(*((8, 0) if crowded == OTHER else (0, 8)))
        answer = await port.call(other, certificate=True)
        assert answer == ("members" if other == OTHER else "anybody")
    finally:
        await port.close()
