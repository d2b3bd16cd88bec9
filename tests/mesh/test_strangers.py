"""A port that silent strangers crowd: they are shut out, whoever has a certificate stays and comes in, and descriptors come back."""

from __future__ import annotations

import os
import select
import socket
import sys

import pytest

from devstream_desktop.mesh.address import split
from devstream_desktop.mesh.strangers import CROWD, CROWD_S, HANDSHAKE_S, Strangers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files there")


@pytest.fixture
def strangers():
    crowd: list[socket.socket] = []

    def connect(address, count, first_bytes=b""):
        for _ in range(count):
            one = socket.create_connection(split(address), timeout=5)
            one.sendall(first_bytes)
            crowd.append(one)
        return crowd

    yield connect
    for one in crowd:
        one.close()


def descriptors():
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - names, not paths


def ended(crowd):
    return len(select.select(crowd, [], [], 0)[0])


async def test_a_crowd_is_shed_and_the_team_stays_and_comes_in(make_node, strangers):
    node = await make_node()
    friend = await make_node(peers=[node])
    await friend.until(friend.live)
    link = friend.mesh._dialer.live()[0].link
    before = descriptors()
    crowd = strangers(node.address, 150)
    strangers(node.address, 50, bytes.fromhex("160301020001"))  # the first bytes of a TLS hello
    await node.until(lambda: ended(crowd) == 200, seconds=15)
    await node.until(lambda: descriptors() <= before + 200, seconds=5)  # theirs are still open on our side of the test
    assert not link.lost.is_set()
    late = await make_node(peers=[node])
    await late.until(late.live)
    await late.say("I came in")
    await friend.until(lambda: "I came in" in friend.titles())
    assert "said nothing" in node.refusals()


async def test_with_every_descriptor_taken_a_friend_comes_in_soon(start_process, make_node, strangers):
    process = await start_process(files=128)
    crowd = strangers(process.address, 200)
    friend = await make_node(peers=[process.address])
    await friend.until(friend.live, seconds=30)
    process.stdin.write(b"I still serve\n")
    await friend.until(lambda: "I still serve" in friend.titles())
    await friend.until(lambda: ended(crowd) == 200, seconds=30)


def test_whoever_is_known_or_new_is_left_alone(strangers):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        known, stranger = strangers(address, 2)
        inside = [server.accept()[0] for _ in range(2)]
        watch = Strangers(split(address)[1])
        friends = {known.getsockname()}
        assert watch.shed(friends, 0.0) == 0
        assert watch.shed(friends, HANDSHAKE_S - 1) == 0
        assert watch.shed(friends, HANDSHAKE_S) == 1
        assert ended([stranger]) == 1
        assert ended([known]) == 0
        for one in inside:
            one.close()


def test_of_a_crowd_less_patience_is_had(strangers):
    with socket.create_server(("127.0.0.1", 0), backlog=CROWD) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        crowd = strangers(address, CROWD)
        inside = [server.accept()[0] for _ in range(CROWD)]
        watch = Strangers(split(address)[1])
        assert watch.shed(set(), 0.0) == 0
        assert watch.shed(set(), CROWD_S) == CROWD
        assert ended(crowd) == CROWD
        for one in inside:
            one.close()
