"""A team of real nodes on hosts of their own.

Real keys, certificates and policy, `devstream node` processes, and a hand on each clock.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from network import Host

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.status import GetStatus, PeerStatus
from devstream_desktop.home import Home
from devstream_desktop.keys import key_file
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.team import membership
from devstream_desktop.team.certificates import Authority, TlsKey, new_issuer
from devstream_desktop.team.policy.chain import PolicyChain, sign_policy
from devstream_desktop.team.policy.policy import LIFETIME_MS, Policy

PROGRAM = str(Path(__file__).with_name("clocked_node.py"))
PORT = 7400
DAY_MS = 86_400_000


class Node:
    """A member's home, its host, and its node when it runs."""

    def __init__(self, folder: Path, name: str, host: Host) -> None:
        self.name, self.host = name, host
        self.home = Home(folder / name)
        self.arguments: tuple[str, ...] = ()
        self.key = b""
        """The public key of its device, once it has one."""
        self.process: subprocess.Popen[str] | None = None
        self._clock = folder / f"{name}.clock"
        self._clock.write_bytes(bytes(8))
        self._environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("DEVSTREAM", "XDG"))
        }
        self._environment |= {
            "DEVSTREAM_KEY_FILE": str(folder / f"{name}.key"),
            "XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"],
        }

    @property
    def offset_ms(self) -> int:
        """The milliseconds that this node's clock is ahead of the true time."""
        return struct.unpack("<q", self._clock.read_bytes())[0]

    def step(self, offset_ms: int) -> None:
        """Set its clock so far ahead of the true time, while it runs."""
        with self._clock.open("r+b") as file:
            file.write(struct.pack("<q", offset_ms))

    def start(self) -> None:
        """Start the node; `await_ready` returns when it answers."""
        command = (
            sys.executable,
            PROGRAM,
            str(self._clock),
            "--home",
            str(self.home.root),
            "node",
            "--listen",
            f"0.0.0.0:{PORT}",
        )
        errors = self.home.root.with_suffix(".stderr").open("a")
        with errors:
            self.process = self.host.start(
                *command,
                *self.arguments,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def await_ready(self) -> None:
        line = self.process.stdout.readline()
        assert line.startswith("ready "), (
            f"{self.name}: {line}{self.home.root.with_suffix('.stderr').read_text()}"
        )

    def kill(self) -> None:
        """As a power cut for the process, which must not have ended by itself."""
        assert self.process.poll() is None, (
            f"{self.name} died: {self.home.root.with_suffix('.stderr').read_text()}"
        )
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """As `systemctl stop`; the exit code."""
        return 0 if self.process is None else self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        process, self.process = self.process, None
        process.send_signal(signal.SIGCONT)
        process.send_signal(number)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            process.stdout.close()

    def freeze(self) -> None:
        """As a laptop whose lid is shut."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def peers(self) -> tuple[PeerStatus, ...]:
        with Client(self.home.control_url(), timeout_ms=5000) as client:
            return client.ask(GetStatus()).peers

    def live(self) -> set[str]:
        """The names of those it is linked with and level."""
        return {peer.person for peer in self.peers() if peer.state == "live"}


def found(nodes: Sequence[Node], *, retention_days: int = 30) -> None:
    """Give these homes a team, as founding it and inviting each would.

    The first is its admin, and everybody may emit.
    """
    now = time.time_ns() // 1_000_000
    devices = [DeviceKey.generate() for _ in nodes]
    ids = tuple(device.id for device in devices)
    issuer = new_issuer(ids[0], now)
    authority = Authority.of(issuer, devices[0])
    policy = Policy(
        version=1,
        team="",
        name=f"team of {nodes[0].name}",
        prev="",
        issued=now,
        expires=now + LIFETIME_MS,
        admins=ids[:1],
        threshold=1,
        issuers={ids[0]: issuer},
        collectors=(),
        executors=(),
        persons={device.id: node.name for device, node in zip(devices, nodes, strict=True)},
        retention_days=retention_days,
    )
    document = sign_policy(policy, devices[:1])
    for device, node in zip(devices, nodes, strict=True):
        node.key = device.public
        tls_key = TlsKey.generate()
        node.home.create()
        vault = Vault(node.home, key_file.make(node.home.root.with_suffix(".key")))
        member = membership.Membership(
            device,
            node.name,
            False,  # noqa: FBT003 - not a team of one
            PolicyChain(document),
            authority.issue(device.id, tls_key.request(), now),
            tls_key.pem,
        )
        membership.save(node.home, vault, member)


def start(nodes: Sequence[Node]) -> None:
    """Start all at once and wait for every one."""
    for node in nodes:
        node.start()
    for node in nodes:
        node.await_ready()


def until(what: str, look, patience_s: float, pause_s: float = 0.1) -> float:
    """Ask `look` again until it is true; returns how many seconds that took."""
    began = time.monotonic()
    while not look():
        assert time.monotonic() - began < patience_s, f"waited {patience_s} s in vain until {what}"
        time.sleep(pause_s)
    return time.monotonic() - began
