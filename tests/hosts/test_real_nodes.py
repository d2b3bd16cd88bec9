"""A team on three hosts.

Found, joined over the network, and after a move of every port found again by zeroconf alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.home import Home

pytestmark = [pytest.mark.hosts, pytest.mark.process]
PATIENCE_S = 40


class Node:
    """A home on a host, its commands and its node."""

    def __init__(self, host, folder: Path, person: str) -> None:
        self.host, self.person = host, person
        self.home = Home(folder / person)
        self.environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("DEVSTREAM", "XDG"))
        }
        self.environment |= {
            "DEVSTREAM_KEY_FILE": str(folder / f"{person}.key"),
            "XDG_RUNTIME_DIR": os.environ["XDG_RUNTIME_DIR"],
        }
        self.process: subprocess.Popen[str] | None = None

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (
            sys.executable,
            "-m",
            "devstream_desktop",
            "--home",
            str(self.home.root),
            *arguments,
        )

    def run(self, *arguments: str) -> str:
        process = self.host.start(*self._command(*arguments), env=self.environment)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        return output.strip()

    def start(self, port: int) -> None:
        self.process = self.host.start(
            *self._command("node", "--listen", f"0.0.0.0:{port}"), env=self.environment
        )
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line + self.process.stderr.read()
        assert f"mesh={self.host.address}:{port}" in line

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=20)
        code, self.process = self.process.returncode, None
        return code

    def live(self) -> set[str]:
        with Client(self.home.control_url()) as client:
            return {peer.person for peer in client.ask(GetStatus()).peers if peer.state == "live"}


def until(what: str, look) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.1)


@pytest.fixture
def nodes(make_hosts, tmp_path, runtime):
    made = [
        Node(host, tmp_path, person)
        for host, person in zip(make_hosts(3), ("ana", "bob", "cy"), strict=True)
    ]
    yield made
    for node in made:
        node.stop()


def test_three_hosts_join_and_find_each_other_by_zeroconf_alone(nodes) -> None:
    ana, bob, cy = nodes
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start(7400)
    for node in (bob, cy):
        node.run(
            "team", "join", ana.run("team", "invite", "--pre-approved"), "--person", node.person
        )
    ana.stop()
    for node in nodes:
        # Every address that was ever told is wrong from now on.
        node.home.peers.unlink(missing_ok=True)
        node.start(7500)
    everybody = {"ana", "bob", "cy"}
    for node in nodes:
        until("the others are found", lambda node=node: node.live() == everybody - {node.person})
    key = ana.run(
        "emit",
        "--kind",
        "build",
        "--state",
        "failed",
        "--service",
        "shop",
        "--title",
        "seen everywhere",
    )
    for node in (bob, cy):
        until("the event is there", lambda node=node: key in node.run("tail", "--json"))
    assert [node.stop() for node in nodes] == [0, 0, 0]
