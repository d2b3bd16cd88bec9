"""The troubles that the other tests here make are real ones.

A cable that is slow is slow, and what is cut off hears nothing.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from network import Host, Network, why_no_slow_wire

pytestmark = [pytest.mark.hosts, pytest.mark.process]
SERVER = (
    "import socket; s = socket.create_server(('0.0.0.0', 7000)); print('ready', flush=True)\n"
    "while True: s.accept()[0].close()"
)
CLIENT = """
import socket, sys, time
began = time.monotonic()
try:
    socket.create_connection((sys.argv[1], 7000), 3).close()
    print(time.monotonic() - began)
except OSError:
    print(-1)
"""

LISTENER = """
import socket
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(("", 7001))
listener.settimeout(2)
group = socket.inet_aton("224.0.0.251") + socket.inet_aton("0.0.0.0")
listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
print("ready", flush=True)
try:
    print(listener.recv(9))
except TimeoutError:
    print("nothing")
"""
SPEAKER = """
import socket
speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
speaker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 8)
speaker.sendto(b"hello", ("224.0.0.251", 7001))
"""


def seconds_to_connect(host: Host, other: Host) -> float:
    """The seconds that a TCP handshake takes; -1: in vain."""
    output, _ = host.start(sys.executable, "-c", CLIENT, other.address).communicate(timeout=20)
    return float(output)


@pytest.fixture
def pair(network: Network):
    """Two hosts on two subnets, of which the second listens, and the cable between."""
    (one,), (other,) = network.hosts(0, 1), network.hosts(1, 1)
    wire = network.route([[one], [other]])
    server = other.start(
        sys.executable, "-c", SERVER, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    assert server.stdout.readline() == "ready\n"
    yield one, other, wire
    server.kill()
    server.wait()
    server.stdout.close()


def test_what_is_blackholed_or_unplugged_is_not_reached_until_it_is_back(pair) -> None:
    one, other, _ = pair
    assert 0 <= seconds_to_connect(one, other) < 1
    for cut, mend in ((one.blackhole, one.clear), (other.pull, other.plug)):
        cut()
        assert seconds_to_connect(one, other) == -1
        mend()
        assert seconds_to_connect(one, other) >= 0
    other.take_address("10.77.1.99")
    assert seconds_to_connect(one, other) >= 0


@pytest.mark.skipif(bool(why_no_slow_wire()), reason=why_no_slow_wire())
def test_a_slow_cable_is_slow_and_a_cut_one_carries_nothing(pair) -> None:
    one, other, wire = pair
    wire.set(200, 0)
    assert 0.4 <= seconds_to_connect(one, other) < 2
    wire.set(0, 100)
    assert seconds_to_connect(one, other) == -1
    wire.set(0, 0)
    assert 0 <= seconds_to_connect(one, other) < 1


def test_multicast_is_heard_in_the_subnet_and_not_across_the_router(network: Network) -> None:
    near, far = network.hosts(0, 2), network.hosts(1, 1)
    network.route([near, far])
    listeners = [host.start(sys.executable, "-c", LISTENER) for host in (near[1], far[0])]
    assert [listener.stdout.readline() for listener in listeners] == ["ready\n"] * 2
    near[0].start(sys.executable, "-c", SPEAKER).communicate(timeout=10)
    assert [listener.communicate(timeout=10)[0] for listener in listeners] == [
        "b'hello'\n",
        "nothing\n",
    ]
