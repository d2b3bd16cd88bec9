"""The door for joiners and renewals, crowded by strangers of every sort.

Whoever has an invite comes in within seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import time

import pytest
from doors import Door
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rooms import load
from storm import client_hello

from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.team import enrolment
from devstream_desktop.team.certificates import TlsKey
from devstream_desktop.team.joining import tls, wire
from devstream_desktop.team.joining.client import join

_team = load("team/conftest.py")
home, found, clock, _key_file = _team.home, _team.found, _team.clock, _team._key_file
SOON_S = 5.0


@pytest.fixture
async def door(found):
    founded = await asyncio.to_thread(found)
    door = Door(founded)
    yield door
    await door.stop()


NOBODY = wire.AskRenewal(b"x" * 32, TlsKey.generate().request(), b"y" * 64)
SAID = {
    "silent": b"",
    "half a hello": client_hello()[:50],
    "hello": client_hello(),
    "plain": b"GET / HTTP/1.1\r\n\r\n",
}
"""The bytes that a stranger sends before it stays as it is."""
SAID_IN_TLS = {
    "nothing in TLS": b"",
    "half a head": b"\0\0",
    "declares much": b"\0\0\x20\0" + b"x" * 100,
    "half a question": wire.frame(NOBODY)[:60],
    "question": wire.frame(NOBODY),
    "asks and never reads": wire.frame(wire.AskAuthority()),
    "asks on and on": wire.frame(wire.AskAuthority()) * 100,
}


class Crowd:
    """Connections to the door that stay as they are."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.open: list[socket.socket] = []
        self._context = tls.unverified_context()

    def join(self, kind: str, host: str = "127.0.0.1") -> None:
        one = socket.create_connection(("127.0.0.1", self.port), 5, source_address=(host, 0))
        self.open.append(one)
        with contextlib.suppress(OSError):
            if kind in SAID:
                one.sendall(SAID[kind])
            else:
                secure = self._context.wrap_socket(one, suppress_ragged_eofs=True)
                self.open.append(secure)
                secure.sendall(SAID_IN_TLS[kind])

    def close(self) -> None:
        for one in self.open:
            one.close()


async def comes_in(door: Door) -> float:
    """Seconds that an honest join takes."""
    text = await door.invite(3600, approved=True)
    began = time.monotonic()
    await join(text, f"p{time.monotonic_ns()}", DeviceKey.generate())
    return time.monotonic() - began


@pytest.mark.parametrize("kind", ["silent", "hello", "nothing in TLS"])
async def test_a_hundred_idle_connections_close_no_door(door, kind, record_property) -> None:
    await door.invite(3600)
    crowd = Crowd(door.port)
    try:
        for _ in range(100):
            await asyncio.to_thread(crowd.join, kind)
        took = await comes_in(door)
        record_property(f"a join beside 100 that are {kind}", f"{took:.2f} s")
        assert took < SOON_S
    finally:
        crowd.close()


mixes = st.lists(
    st.tuples(
        st.sampled_from([*SAID, *SAID_IN_TLS]),
        st.integers(1, 40),
        st.sampled_from(["127.0.0.1", "127.0.0.1", "127.0.0.8"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(mixes)
async def test_any_mix_of_strangers_closes_no_door(door, mix) -> None:
    await door.invite(3600)
    crowd = Crowd(door.port)
    try:
        for kind, count, host in mix:
            for _ in range(count):
                await asyncio.to_thread(crowd.join, kind, host)
        assert await comes_in(door) < SOON_S
    finally:
        crowd.close()


async def test_of_those_who_ask_the_oldest_of_the_largest_crowd_gives_way(
    door, monkeypatch
) -> None:
    """Even where answering takes long.

    Eight are answered at once, the others wait, and their number is bounded.
    """
    await door.invite(3600)
    release = asyncio.Event()
    under_way = most = 0

    async def slowly(_question: wire.Question) -> wire.Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await release.wait()
        under_way -= 1
        return wire.Refused("unknown")

    monkeypatch.setattr(door, "_answer", slowly)
    crowd = Crowd(door.port)
    try:
        for _ in range(enrolment.WAITING + 20):
            await asyncio.to_thread(crowd.join, "question")
        secure = [one for one in crowd.open if isinstance(one, ssl.SSLSocket)]
        async with asyncio.timeout(5):
            while len(select.select(secure, [], [], 0)[0]) < 20:  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        assert select.select(secure[30:], [], [], 0)[0] == [], (
            "the oldest went, give or take who overtook whom"
        )
        assert len(door._asked) == enrolment.WAITING
        assert most == enrolment.AT_ONCE
        monkeypatch.undo()
        release.set()
        assert await comes_in(door) < SOON_S
    finally:
        release.set()
        crowd.close()


async def test_who_asks_and_never_hangs_up_has_its_time_and_no_more(door, monkeypatch) -> None:
    monkeypatch.setattr(enrolment, "ANSWER_S", 0.3)
    await door.invite(3600)
    crowd = Crowd(door.port)
    try:
        await asyncio.to_thread(crowd.join, "asks and never reads")
        secure = crowd.open[-1]
        secure.settimeout(3)
        answer = await asyncio.to_thread(read_all, secure)
        assert isinstance(wire.decode_answer(answer[wire.HEAD_BYTES :]), wire.Authority)
        assert len(door._asked) == 0
    finally:
        crowd.close()


def read_all(secure: ssl.SSLSocket) -> bytes:
    """Until it is hung up on."""
    content = b""
    with contextlib.suppress(ConnectionError):
        while part := secure.recv(65_536):
            content += part
    return content


async def test_a_question_that_is_too_long_is_not_waited_for(door) -> None:
    await door.invite(3600)
    crowd = Crowd(door.port)
    try:
        await asyncio.to_thread(crowd.join, "nothing in TLS")
        secure = crowd.open[-1]
        await asyncio.to_thread(secure.sendall, (wire.MAX_QUESTION + 1).to_bytes(4, "big"))
        secure.settimeout(3)
        assert await asyncio.to_thread(read_all, secure) == b""
    finally:
        crowd.close()
