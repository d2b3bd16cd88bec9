"""Shared by the mesh's tests: a team's certificates, and real nodes with real logs on loopback."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime as dt
import json
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.mesh.service import Identity, Mesh, Network, Timing
from devstream_desktop.mesh.transport.link import SERVER_NAME, Credentials
from devstream_desktop.stream.entry import Entry, device_id
from devstream_desktop.stream.event import decode_event, encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind

DAY = 86_400_000
PROGRAM = Path(__file__).parent.parent / "hosts" / "mesh_node.py"
# It is loaded at first use, which would read files inside a loop.
concurrent.futures.ThreadPoolExecutor  # noqa: B018


class _All(list[str]):
    def __contains__(self, name: object) -> bool:
        return True


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[None]:
    """Fail a test when anything but the log blocks the loop: its calls are short by design."""
    with blockbuster_ctx("devstream_desktop.mesh") as detector:
        for function in detector.functions.values():
            function.can_block_in("devstream_desktop/history/log.py", _All())
            function.can_block_in("devstream_desktop/history/writer.py", _All())
            # PySide hooks every import, and looks at the file of each module that the standard
            # library loads late.
            function.can_block_in("shibokensupport/feature.py", {"_mod_uses_pyside"})
        yield


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    try:
        VerifyKey(key).verify(message, signature)
    except (BadSignatureError, ValueError):
        return False
    return True


class Team:
    """A CA, and leafs of it."""

    def __init__(self, name: str = "acme") -> None:
        self.id = name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key.public_key(), ca=True, days=365)

    def _sign(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        *,
        ca: bool = False,
        days: int = 30,
        start: int = -1,
        names: Sequence[str] = (),
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC) + dt.timedelta(days=start)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(
                x509.BasicConstraints(ca=ca, path_length=0 if ca else None), critical=True
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()),
                critical=False,
            )
        )
        if ca:
            usage = x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        else:
            purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
            )
        return builder.sign(self.key, hashes.SHA256())

    def credentials(
        self, name: str, *, days: int = 30, start: int = -1, ca: Team | None = None
    ) -> Credentials:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        leaf = self._sign(
            subject, key.public_key(), days=days, start=start, names=(name, SERVER_NAME)
        )
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        return Credentials(_pem((ca or self).certificate), _pem(leaf), pem)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Policies:
    """A chain of documents, each one byte longer than the last; the real one is in team/."""

    chain: list[bytes] = field(default_factory=list)

    def version(self) -> int:
        return len(self.chain)

    def documents(self, after_version: int, *, again: bool = False) -> list[bytes]:
        return self.chain[after_version:]

    def absorb(self, documents: list[bytes]) -> bool:
        fresh = [d for d in documents if len(d) > len(self.chain)]
        self.chain += fresh
        return bool(fresh)


class Node:
    """One mesh with its log, and what came out of it."""

    def __init__(self, team: Team, folder: Path, peers: Sequence[str] = (), **given: Any) -> None:
        self.team = team
        self.signing = given.pop("signing", None) or SigningKey.generate()
        self.public = bytes(self.signing.verify_key)
        self.device = device_id(self.public)
        self.policies = given.pop("policies", None) or Policies()
        self.entries: list[Entry] = []
        self.barred: dict[str, str] = {}
        """Device ids that the gate refuses, and why."""
        self.unwelcome = ""
        """The reason why entries of others are refused, when they are."""
        self.watch: Callable[[], object] = lambda: None
        """Called at each arrival."""
        self._changed = asyncio.Event()
        folder.mkdir(exist_ok=True)
        self.history = History(
            folder / "history.sqlite", FeedMirror(folder / "feed.json"), self.public, team.id
        )
        network: dict[str, Any] = {
            name: given.pop(name)
            for name in ("listen", "hints", "discovery", "interfaces")
            if name in given
        }
        parts: dict[str, Any] = {
            "store": self.history,
            "identity": Identity(
                self.device, team.id, lambda message: self.signing.sign(message).signature, verify
            ),
            "membership": SimpleNamespace(
                gate=given.pop("gate", self.barred.get),
                is_author=lambda _: True,
                ended=lambda _: None,
                refusal=lambda entry: (
                    (self.unwelcome or None) if entry.device != self.device else None
                ),
            ),
            "credentials": given.pop("credentials", None) or team.credentials(self.device),
            "policies": self.policies,
            "retention_ms": 30 * DAY,
            "clock": lambda: time.time_ns() // 1_000_000,
            "on_entries": self._arrived,
            "network": Network(
                **{"listen": "127.0.0.1:0", "peers": list(peers), "discovery": False, **network}
            ),
            "rng": random.Random(1),
            **given,
        }
        self.mesh = Mesh(**parts)
        self.address = ""

    def _arrived(self, entries: list[Entry]) -> None:
        self.entries += entries
        self.watch()
        self._changed.set()

    async def start(self) -> Node:
        self.address = await self.mesh.start()
        return self

    async def stop(self) -> None:
        await self.mesh.stop()
        self.history.close()

    async def say(self, *titles: str) -> list[Entry]:
        return await self.mesh.publish([payload(title) for title in titles])

    def titles(self) -> list[str]:
        return [decode_event(entry.payload).title for entry in self.entries]

    async def until(self, what: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until `what()` is true, looking at each arrival and ten times a second."""
        async with asyncio.timeout(seconds):
            while not what():
                self._changed.clear()
                try:
                    async with asyncio.timeout(0.05):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    def refusals(self) -> str:
        return "\n".join(
            f"{peer.address} {peer.device} {peer.reason}" for peer in self.mesh.status().refused
        )

    def live(self) -> set[str]:
        return {peer.device for peer in self.mesh.status().peers if peer.state == "live"}


def payload(title: str) -> bytes:
    event = make_event(
        kind=Kind.CHANGE,
        state="pushed",
        service="shop",
        subject="change/shop/main",
        key=fact_key("test", Kind.CHANGE, title),
        time=1_700_000_000_000,
        title=title,
    )
    return encode_event(event)


@pytest.fixture(scope="session")
def team() -> Team:
    return Team()


@pytest.fixture(scope="session")
def other_team() -> Team:
    return Team("rivals")


FAST = Timing(connect=1.5, request=3.0, tail_wait=1.0, tail=2.5, repair=5.0)


class Nodes:
    """Starts nodes of a team in this process."""

    def __init__(self, team: Team, folder: Path) -> None:
        self.nodes: list[Node] = []
        self._team = team
        self._folder = folder

    async def __call__(
        self,
        *,
        peers: Sequence[Node | str] = (),
        of: Team | None = None,
        name: str = "",
        **given: Any,
    ) -> Node:
        given.setdefault("timing", FAST)
        folder = self._folder / (name or f"node{len(self.nodes)}")
        addresses = [peer if isinstance(peer, str) else peer.address for peer in peers]
        node = Node(of or self._team, folder, addresses, **given)
        self.nodes.append(node)
        return await node.start()


@pytest.fixture
async def make_node(team: Team, tmp_path: Path) -> AsyncIterator[Nodes]:
    """Start a node of the team; all are stopped at the end."""
    made = Nodes(team, tmp_path)
    yield made
    await asyncio.gather(*(node.stop() for node in made.nodes))


class NodeProcess:
    """A node that is a process of its own, with the address of its mesh."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self._process = process
        self.address = address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)


@pytest.fixture
async def start_process(
    team: Team, tmp_path: Path
) -> AsyncIterator[Callable[..., Awaitable[NodeProcess]]]:
    """Start a node as a process, with at most `files` descriptors; all are ended at the end."""
    processes: list[asyncio.subprocess.Process] = []

    async def start(*peers: str, files: int = 0) -> NodeProcess:
        signing = SigningKey.generate()
        credentials = team.credentials(device_id(bytes(signing.verify_key)))
        home = tmp_path / f"process{len(processes)}"
        home.mkdir()
        process = await asyncio.create_subprocess_exec(
            *(["prlimit", f"--nofile={files}:{files}"] if files else []),
            sys.executable,
            str(PROGRAM),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        processes.append(process)
        given = {
            "seed": bytes(signing).hex(),
            "team": team.id,
            "ca": credentials.ca_pem,
            "certificate": credentials.certificate_pem,
            "key": credentials.key_pem,
            "home": str(home),
            "listen": "127.0.0.1:0",
            "peers": list(peers),
        }
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(given).encode() + b"\n")
        ready = await asyncio.wait_for(process.stdout.readline(), 20)
        return NodeProcess(process, ready.decode().split()[1])

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()
