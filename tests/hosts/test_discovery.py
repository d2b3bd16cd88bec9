"""Three hosts on one network that know nothing of each other but the team."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from nacl.signing import SigningKey

from devstream_desktop.mesh.overlay.discovery import SERVICE, tag
from devstream_desktop.mesh.transport.link import SERVER_NAME
from devstream_desktop.stream.entry import device_id

pytestmark = [pytest.mark.hosts, pytest.mark.process]
PROGRAM = str(Path(__file__).with_name("mesh_node.py"))


def pem(thing) -> str:
    if isinstance(thing, x509.Certificate):
        return thing.public_bytes(serialization.Encoding.PEM).decode()
    return thing.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def certificate(subject: str, key, issuer: str, issuer_key, *, ca: bool) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(subject), x509.DNSName(SERVER_NAME)]),
            critical=False,
        )
    return builder.sign(issuer_key, hashes.SHA256())


class Running:
    """A node on a host; its lines are read by a thread so that a wait for one can end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            with self._more:
                self.lines.append(line.strip())
                self._more.notify_all()

    def until(self, start: str, seconds: float) -> str:
        with self._more:
            found = self._more.wait_for(
                lambda: [line for line in self.lines if line.startswith(start)], seconds
            )
        assert found, f"no {start!r} within {seconds} s, but {self.lines} {self.process.poll()}"
        return found[0]

    def say(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        self.process.stdin.close()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._thread.join(5)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def run_node(tmp_path):
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = certificate("acme", ca_key, "acme", ca_key, ca=True)
    running: list[Running] = []

    def run(host, **more) -> Running:
        signing = SigningKey.generate()
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = certificate(device_id(bytes(signing.verify_key)), key, "acme", ca_key, ca=False)
        home = tmp_path / f"home{len(running)}"
        home.mkdir()
        node = Running(host.start(sys.executable, PROGRAM))
        running.append(node)
        given = {
            "seed": bytes(signing).hex(),
            "team": "acme",
            "ca": pem(ca),
            "certificate": pem(leaf),
            "key": pem(key),
            "home": str(home),
        }
        node.say(json.dumps(given | {"listen": "0.0.0.0:0"} | more))
        return node

    run.running = running
    yield run
    for node in running:
        if node.process.poll() is None:
            node.process.kill()
            node.end()


NEIGHBOUR = """
import socket, sys, threading
from zeroconf import DNSOutgoing, DNSPointer, ServiceBrowser, ServiceInfo, Zeroconf, const
address, service, tag = sys.argv[1:]
heard = threading.Event()
network = Zeroconf(interfaces=[address])
browser = ServiceBrowser(network, service, handlers=[lambda **_: heard.set()])
assert heard.wait(30)
for name in ("x._http._tcp.local.", f"{'n' * 63}.{'n' * 63}.{service}", "."):
    packet = DNSOutgoing(const._FLAGS_QR_RESPONSE | const._FLAGS_AA)
    pointer = DNSPointer(service, const._TYPE_PTR, const._CLASS_IN, 120, name)
    packet.add_answer_at_time(pointer, 0)
    network.send(packet)
with socket.create_server((address, 7400)) as server:
    server.settimeout(30)
    given = {"properties": {"v": "1", "t": tag}, "parsed_addresses": [address]}
    network.register_service(ServiceInfo(service, f"member.{service}", 7400, **given))
    print("dialed by", server.accept()[1][0])
network.close()
"""


def test_names_that_nobody_may_have_end_no_search(make_hosts, run_node):
    """A neighbour announces them, and a node still dials who announces itself after that."""
    first, neighbour = make_hosts(2)
    node = run_node(first, discovery=True)
    node.until("ready 0.0.0.0:", 10)
    # It waits until the node announces itself, and so looks for others.
    today = tag("acme", time.time_ns() // 1_000_000)
    asked = (neighbour.address, SERVICE, today)
    process = neighbour.start(sys.executable, "-c", NEIGHBOUR, *asked)
    told, wrong = process.communicate(timeout=90)
    assert told == f"dialed by {first.address}\n", wrong


def test_three_hosts_find_each_other_without_being_told(make_hosts, run_node):
    nodes = [run_node(host, discovery=True) for host in make_hosts(3)]
    for node in nodes:
        node.until("ready 0.0.0.0:", 10)
    for n, node in enumerate(nodes):
        node.say(f"from {n}")
    for n, node in enumerate(nodes):
        for other in range(3):
            if other != n:
                node.until(f"heard from {other}", 20)
    assert [node.end() for node in nodes] == [0, 0, 0]
    assert all(node.lines[-1] == "bye" for node in nodes)
