"""Frames of a peer with a good certificate.

Nonsense, cuts, and claims of sizes; and what strangers can throw at the port.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
import time

import psutil
import pytest

from devstream_desktop.mesh.address import split
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.transport.callers import Caller
from devstream_desktop.mesh.transport.link import SERVER_NAME, Lane, Link, LinkError, tls_config
from devstream_desktop.mesh.wire import (
    MESSAGE_BYTES,
    PROTOCOL,
    AskPeers,
    AskPolicy,
    Digest,
    Fetch,
    Hello,
    Offer,
    Proof,
    Push,
    Range,
    Record,
    Tail,
    decode_reply,
    encode,
)
from devstream_desktop.stream.entry import device_id

pytestmark = pytest.mark.slow

FRAMES = 5_000
GARBAGE = 500
SP_REQ, SP_REP = b"\0SP\0\0\x30\0\0", b"\0SP\0\0\x31\0\0"
"""The greetings of nng's REQ and REP.

SP over TCP, https://nanomsg.org/documentation.html.
"""
NAME = device_id(b"n" * 32)
INDEX = bytes(16)


def requests(team, entries) -> list[bytes]:
    feed = entries[0].feed
    return [
        encode(one)
        for one in (
            Hello(PROTOCOL, team.id, NAME, INDEX, 0, time.time_ns() // 1_000_000, 0),
            Tail(INDEX, 0, 0, 1000, 0),
            Push([signed(entry) for entry in entries], 0),
            Digest([bytes(8)] * 64),
            Offer([Record(feed, 0, 9, b"x" * 16, 1 << 40, [(2, 3)])], [feed]),
            Fetch([Range(feed, 1, 9)], 1000),
            Proof([], [feed]),
            AskPolicy(0, [b"no policy"]),
            AskPeers(),
        )
    ]


def spoilt(rng: random.Random, frame: bytes) -> bytes:
    body = bytearray(frame)
    match rng.randrange(4):
        case 0:
            return rng.randbytes(rng.randint(0, 2000))
        case 1:
            del body[rng.randrange(len(body)) :]
        case 2:
            body[rng.randrange(len(body)) :] = rng.randbytes(rng.randint(0, 300))
        case _:
            for _ in range(rng.randint(1, 5)):
                body[rng.randrange(len(body))] = rng.randrange(256)
    return bytes(body)


async def test_five_thousand_spoilt_frames_and_every_cut_are_answered_or_cut_off(make_node, team):
    other = await make_node()
    entries = await other.say("one", "two", "three")
    whole = requests(team, entries)
    # Whole frames of an entry are good ones; here only what is spoilt may come.
    node = await make_node()
    answers, rng = node.mesh._answers, random.Random(7)
    frames = [frame[:cut] for frame in whole for cut in range(len(frame))]
    frames += [spoilt(rng, rng.choice(whole)) for _ in range(FRAMES)]
    kinds = {"cut off": 0, "answered": 0}
    for number, frame in enumerate(frames):
        now = time.monotonic()
        caller = Caller(NAME, "127.0.0.1", 1, number, now, now)
        greeted = number % 2
        if greeted:
            await answers.handle(caller, whole[0])
        async with asyncio.timeout(20):
            reply = await answers.handle(caller, frame)
        if reply is None:
            kinds["cut off"] += 1
        else:
            decode_reply(reply)
            kinds["answered"] += 1
        node.mesh._core.accepted._peers.clear()
        node.mesh._core.accepted._newer.clear()
    assert kinds["cut off"] > FRAMES // 2
    known = {entry.hash for entry in entries}
    assert {entry.hash for entry in node.entries} <= known, (
        "what was stored is what its author signed"
    )
    assert node.mesh.status().frozen == 0
    friend = await make_node(peers=[node])
    await friend.until(friend.live)


async def test_nonsense_over_a_real_link_ends_that_link_alone(make_node, team):
    node = await make_node()
    friend = await make_node(peers=[node])
    await friend.until(friend.live)
    rng = random.Random(3)
    for number in range(20):
        link = Link(node.address, lambda _: None)
        try:
            await link.open(
                tls_config(team.credentials(device_id(bytes([number]) * 32)), server=False), 5
            )
            with pytest.raises(LinkError):
                await link.call(rng.randbytes(rng.randint(1, 500)), Lane.OTHER, 5)
        finally:
            await link.close()
    await node.until(lambda: "it sent what is no message" in node.refusals())
    await node.say("still here")
    await friend.until(lambda: friend.titles() == ["still here"])


def claim(address: str, context: ssl.SSLContext, size: int) -> bytes:
    """The listener's answer to a message that claims to be so large.

    It is empty when the listener hangs up.
    """
    with (
        socket.create_connection(split(address), 10) as plain,
        context.wrap_socket(plain, server_hostname=SERVER_NAME) as secure,
    ):
        secure.sendall(SP_REQ)
        greeting = secure.recv(8)
        assert greeting[:4] == b"\0SP\0"
        secure.sendall(size.to_bytes(8, "big") + bytes(64))
        try:
            return secure.recv(1)
        except ConnectionError:
            return b""


@pytest.mark.parametrize("size", [MESSAGE_BYTES + 1, 1 << 31, 1 << 40, (1 << 64) - 1])
async def test_a_message_that_claims_to_be_too_large_is_cut_off_before_any_room_is_made(
    make_node, team, tmp_path, size
):
    node = await make_node()
    own = team.credentials(NAME)
    (tmp_path / "own.pem").write_text(own.key_pem + own.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=own.ca_pem)
    context.load_cert_chain(tmp_path / "own.pem")
    process = psutil.Process()
    before = process.memory_info()
    assert await asyncio.to_thread(claim, node.address, context, size) == b""
    after = process.memory_info()
    assert after.rss - before.rss < 8 << 20
    assert after.vms - before.vms < 1 << 30, "not even addresses are set aside"
    friend = await make_node(peers=[node])
    await friend.until(friend.live)


def exactly(secure: ssl.SSLSocket, count: int) -> bytes:
    content = b""
    while len(content) < count:
        part = secure.recv(count - len(content))
        assert part
        content += part
    return content


def answer_with_a_claim(server: socket.socket, context: ssl.SSLContext) -> bytes:
    """Take one caller in, answer its first request with a message that claims to be huge.

    What it says then, empty when it hangs up.
    """
    # The first caller only looks if anybody is there.
    server.accept()[0].close()
    plain, _ = server.accept()
    plain.settimeout(10)
    with plain, context.wrap_socket(plain, server_side=True) as secure:
        exactly(secure, 8)
        secure.sendall(SP_REP)
        request = exactly(secure, int.from_bytes(exactly(secure, 8), "big"))
        secure.sendall((MESSAGE_BYTES + 1).to_bytes(8, "big") + request[:4])
        try:
            return secure.recv(1)
        except ConnectionError:
            return b""


async def test_an_answer_that_claims_to_be_too_large_ends_the_link(team, tmp_path):
    own = team.credentials(NAME)
    (tmp_path / "own.pem").write_text(own.key_pem + own.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    context.load_verify_locations(cadata=own.ca_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:
        link = Link(f"127.0.0.1:{server.getsockname()[1]}", lambda _: None)
        answering = asyncio.create_task(asyncio.to_thread(answer_with_a_claim, server, context))
        try:
            assert (
                await link.open(tls_config(team.credentials(device_id(b"c" * 32)), server=False), 5)
                == NAME
            )
            with pytest.raises(
                LinkError, match="the link was lost"
            ):  # at once, and not when the time is over
                await link.call(encode(AskPeers()), Lane.OTHER, 8)
            assert await answering == b""
        finally:
            await link.close()


def throw(address: str, count: int) -> None:
    rng = random.Random(11)
    for number in range(count):
        with socket.create_connection(split(address), 5) as one:
            one.sendall(
                (b"", b"\x16\x03\x01\x02\0\x01", b"GET / HTTP/1.1\r\n\r\n", SP_REQ)[number % 4]
                + rng.randbytes(rng.randint(0, 600))
            )


async def test_five_hundred_strangers_who_throw_rubbish_keep_nobody_out(make_node):
    node = await make_node()
    await asyncio.to_thread(throw, node.address, GARBAGE)
    friend = await make_node(peers=[node])
    await friend.until(friend.live, seconds=15)
    assert {caller.device for caller in node.mesh._core.callers.all()} == {friend.device}
