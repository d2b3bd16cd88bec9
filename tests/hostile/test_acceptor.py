"""The port that strangers reach, in this process.

Every stage has an end, a pace and a bound, and who never reads fills no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import time

import pytest
from raw_member import event
from rooms import load
from storm import client_hello

from devstream_desktop.door import acceptor, connection, service, strangers
from devstream_desktop.mesh.address import split
from devstream_desktop.mesh.refusals import SEVERAL
from devstream_desktop.mesh.transport.framing import GREETING, framed_reply
from devstream_desktop.mesh.transport.listener import REQUESTS_AT_ONCE
from devstream_desktop.mesh.wire import BATCH_BYTES, PROTOCOL, AskPeers, Fetch, Hello, Range, encode
from devstream_desktop.stream.entry import device_id

pytestmark = pytest.mark.slow

Team = load("mesh/conftest.py").Team
NAME = device_id(b"n" * 32)
SP_REQ = b"\0SP\0\0\x30\0\0"


@pytest.fixture
def knock():
    """`knock(node, first bytes, how many)`: connections that then say nothing more."""
    made: list[socket.socket] = []

    def knock(node, content: bytes = b"", count: int = 1) -> list[socket.socket]:
        new = []
        for _ in range(count):
            one = socket.create_connection(split(node.address), 5)
            one.sendall(content)
            new.append(one)
        made.extend(new)
        return new

    yield knock
    for one in made:
        one.close()


def ended(crowd) -> int:
    """The number of callers that were hung up on."""
    over = 0
    for one in select.select(crowd, [], [], 0)[0]:
        with contextlib.suppress(TimeoutError):
            one.settimeout(0.01)
            try:
                while data := one.recv(65_536):
                    assert data
                over += 1
            except ConnectionError:
                over += 1
    return over


def met(node):
    port = node.mesh._listener._acceptor.services
    return len(port.quiet), len(port.usual.strangers.greeting)


async def test_who_says_nothing_or_half_a_greeting_has_its_time_and_no_more(
    make_node, knock, monkeypatch
) -> None:
    monkeypatch.setattr(connection, "FIRST_S", 0.5)
    node = await make_node()
    crowd = [*knock(node), *knock(node, client_hello()[:100]), *knock(node, b"\x16")]
    await node.until(lambda: met(node) == (3, 0))
    assert ended(crowd) == 0
    await node.until(lambda: ended(crowd) == 3, seconds=3)
    assert connection.SILENT in node.refusals()
    assert met(node) == (0, 0)


async def test_who_begins_tls_and_never_ends_has_its_time_and_no_more(
    make_node, knock, monkeypatch
) -> None:
    monkeypatch.setattr(connection, "PROVEN_S", 0.5)
    node = await make_node()
    crowd = knock(node, client_hello())
    await node.until(lambda: met(node) == (0, 1))
    await node.until(lambda: met(node) == (0, 0), seconds=3)
    await node.until(lambda: ended(crowd) == 1)
    assert connection.SILENT in node.refusals()


@pytest.mark.parametrize(
    "content",
    [
        b"GET / HTTP/1.1\r\n\r\n", b"\x15\x03\x01\0\x02\x02\x28", b"\x16\x02",
        b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\0\x03",
        b"\x16\x03\x01\x02\0\x02", b"\0SP\0\0\x30\0\0",
    ],
)  # fmt: skip
async def test_what_is_no_client_hello_is_hung_up_on_at_once(make_node, knock, content) -> None:
    node = await make_node()
    crowd = knock(node, content)
    await node.until(lambda: ended(crowd) == 1, seconds=2)
    assert connection.NO_TLS in node.refusals()


async def test_more_than_a_greeting_before_its_turn_is_hung_up_on(
    make_node, knock, monkeypatch
) -> None:
    monkeypatch.setattr(strangers, "HANDSHAKE_BURST", 0)
    monkeypatch.setattr(strangers, "HANDSHAKES_A_SECOND", 0.01)
    node = await make_node()
    (one,) = knock(node, client_hello())
    await node.until(lambda: met(node) == (0, 1))
    with contextlib.suppress(OSError):
        await asyncio.to_thread(one.sendall, bytes(1 << 20))
    await node.until(lambda: met(node) == (0, 0))
    assert connection.NO_TLS in node.refusals()


async def test_one_host_has_all_the_room_until_another_comes(make_node, knock, monkeypatch) -> None:
    monkeypatch.setattr(service, "QUIET", 8)
    node = await make_node()
    first = knock(node, count=8)
    await node.until(lambda: met(node) == (8, 0))
    assert ended(first) == 0
    with socket.create_connection(split(node.address), 5, source_address=("127.0.0.9", 0)) as other:
        await node.until(lambda: ended(first) == 1)
        later = knock(node, count=20)
        await node.until(lambda: ended([*first, *later]) == 21)
        assert met(node) == (8, 0)
        assert ended([other]) == 0
    assert connection.CROWDED in node.refusals()


async def test_handshakes_have_a_pace_and_the_newest_of_the_smallest_crowd_comes_first(
    make_node, knock, monkeypatch
) -> None:
    monkeypatch.setattr(strangers, "HANDSHAKE_BURST", 3)
    monkeypatch.setattr(strangers, "HANDSHAKES_A_SECOND", 2)
    node = await make_node()
    crowd = knock(node, client_hello(), 20)
    await node.until(lambda: met(node) == (0, 20))
    begun = [one for one in node.mesh._listener._acceptor.services.all if one._tls is not None]
    assert 3 <= len(begun) <= 5
    with socket.create_connection(split(node.address), 5, source_address=("127.0.0.9", 0)) as other:
        other.sendall(client_hello())
        await node.until(lambda: select.select([other], [], [], 0)[0], seconds=2)
        assert other.recv(1) == b"\x16", "it is answered before those who came earlier and are many"
    assert (
        len([one for one in node.mesh._listener._acceptor.services.all if one._tls is not None])
        < 12
    )
    assert ended(crowd) == 0


async def test_accepting_has_a_pace(make_node, knock, monkeypatch) -> None:
    monkeypatch.setattr(acceptor, "ACCEPTS_A_SECOND", 20)
    node = await make_node()
    began = time.monotonic()
    knock(node, count=30)
    await node.until(lambda: met(node)[0] == 30)
    assert time.monotonic() - began > 1.0


@pytest.fixture
def member_context(team, tmp_path):
    own = team.credentials(NAME)
    (tmp_path / "own.pem").write_text(own.key_pem + own.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=own.ca_pem)
    context.load_cert_chain(tmp_path / "own.pem")
    return context


def asked_and_never_read(
    address: str, context: ssl.SSLContext, frames: list[bytes]
) -> ssl.SSLSocket:
    """Requests without end; of their answers nothing is read."""
    plain = socket.create_connection(split(address), 5)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    secure = context.wrap_socket(plain)
    secure.settimeout(1)
    requests = b"".join(
        framed_reply((1 << 31 | number).to_bytes(4, "big"), frame)
        for number, frame in enumerate(frames)
    )
    with contextlib.suppress(TimeoutError, OSError):
        secure.sendall(SP_REQ + requests)
    return secure


async def test_who_asks_and_never_reads_fills_no_memory_and_holds_up_nobody(
    make_node, team, member_context
) -> None:
    node = await make_node()
    feed = (await node.say("one"))[0].feed
    await node.mesh.publish(
        [event("change", "pushed", title="x" * 2000, key=f"k{number}") for number in range(300)]
    )
    hello = encode(Hello(PROTOCOL, team.id, NAME, bytes(16), 0, time.time_ns() // 1_000_000, 0))
    frames = [hello, *[encode(Fetch([Range(feed, 1, 301)], BATCH_BYTES))] * 500]
    secure = await asyncio.to_thread(asked_and_never_read, node.address, member_context, frames)
    try:
        await node.until(lambda: buffered(node) > 0)
        friend = await make_node(peers=[node])
        await friend.until(lambda: len(friend.entries) == 301)
        assert buffered(node) < 8 * BATCH_BYTES
    finally:
        await asyncio.to_thread(secure.close)


async def test_of_one_caller_so_many_requests_are_under_way_and_no_more(
    make_node, team, member_context, monkeypatch
) -> None:
    node = await make_node()
    handle, under_way, most = node.mesh._listener.handle, 0, 0
    gate = asyncio.Event()

    async def slowly(caller, frame):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await gate.wait()
        under_way -= 1
        return await handle(caller, frame)

    monkeypatch.setattr(node.mesh._listener, "handle", slowly)
    frames = [encode(AskPeers())] * 50
    secure = await asyncio.to_thread(asked_and_never_read, node.address, member_context, frames)
    try:
        await node.until(lambda: under_way == REQUESTS_AT_ONCE)
        gate.set()
        secure.settimeout(10)
        await asyncio.to_thread(read_frames, secure, 50)
        assert most == REQUESTS_AT_ONCE
    finally:
        gate.set()
        await asyncio.to_thread(secure.close)


async def test_requests_in_advance_wait_with_the_caller_and_not_here(
    make_node, member_context, monkeypatch
) -> None:
    node = await make_node()
    most = 0

    async def answered(*_) -> bytes:
        nonlocal most
        (connected,) = connections(node)
        most = max(most, len(connected._handler._stream._buffer))
        await asyncio.sleep(0)
        return b"x" * 1000

    monkeypatch.setattr(node.mesh._listener, "handle", answered)
    frames = [b"y"] * 500_000
    secure = await asyncio.to_thread(asked_and_never_read, node.address, member_context, frames)
    try:
        await node.until(lambda: buffered(node) > 0)
        assert 0 < most < 1 << 20
    finally:
        await asyncio.to_thread(secure.close)


def read_frames(secure: ssl.SSLSocket, count: int) -> None:
    """After the greeting so many replies."""
    stream = secure.makefile("rb")
    assert stream.read(8) == GREETING
    for _ in range(count):
        assert stream.read(int.from_bytes(stream.read(8), "big"))


async def test_strangers_are_one_line_for_each_reason_from_however_many_hosts(
    make_node, knock
) -> None:
    node = await make_node()
    for number in range(1, 101):
        with socket.create_connection(
            split(node.address), 5, source_address=(f"127.0.1.{number}", 0)
        ) as one:
            one.sendall(b"GET")
    await node.until(lambda: sum(peer.count for peer in node.mesh.status().refused) == 100)
    (line,) = node.mesh.status().refused
    assert (line.address, line.reason) == (SEVERAL, connection.NO_TLS)


def connections(node) -> list[connection.Connection]:
    """The connections of its callers."""
    return [end.__self__ for _, end in node.mesh._core.callers._connected.values()]


def buffered(node) -> int:
    """Bytes of replies that nobody took yet."""
    return sum(one._transport.get_write_buffer_size() for one in connections(node))


async def test_a_new_certificate_is_shown_at_once_and_no_link_ends_for_it(make_node, team) -> None:
    node = await make_node()
    friend = await make_node(peers=[node])
    await friend.until(friend.live)
    link = friend.mesh._dialer.live()[0].link
    await node.mesh.renew(team.credentials(node.device))
    late = await make_node(peers=[node])
    await late.until(late.live)
    assert not link.lost.is_set()


async def test_links_end_when_other_authorities_are_believed(make_node) -> None:
    node = await make_node()
    friend = await make_node(peers=[node])
    await friend.until(friend.live)
    link = friend.mesh._dialer.live()[0].link
    await node.mesh.renew(Team("rivals").credentials(node.device))
    await asyncio.wait_for(link.lost.wait(), 5)
    await friend.until(lambda: "belongs to another team" in friend.refusals())
