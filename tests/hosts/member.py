"""A person of a team on a host: their home, the commands that they type, and their node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from network import Host

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.home import Home

PATIENCE_S = 60.0


class Member:
    """One home on one host. Its node listens wherever `settings.toml` says, or by default."""

    def __init__(self, host: Host, folder: Path, person: str) -> None:
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

    def set(self, text: str) -> None:
        """Write its `settings.toml`."""
        self.home.create()
        self.home.settings.write_text(text)

    def run(self, *arguments: str, code: int = 0) -> str:
        """The output of one command; it must end with `code`."""
        process = self.host.start(*self._command(*arguments), env=self.environment)
        output, errors = process.communicate(timeout=90)
        assert process.returncode == code, f"{self.person}: {arguments}: {output}{errors}"
        return (output if code == 0 else errors).strip()

    def join(self, invite: str) -> None:
        self.run("team", "join", invite, "--person", self.person)

    def start(self, *arguments: str) -> str:
        """Start the node, and wait until it answers; its line."""
        self.process = self.host.start(
            *self._command("node", *arguments),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        line = self.process.stdout.readline()
        log = self.home.root / "node.log"
        assert line.startswith("ready "), line + (log.read_text() if log.exists() else "no log")
        return line

    def stop(self) -> int:
        """End the node as a service manager does; its exit code."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        return process.returncode

    def status(self) -> Status:
        with Client(self.home.control_url(), timeout_ms=10_000) as client:
            return client.ask(GetStatus())

    def linked(self) -> set[str]:
        """The people whose nodes are linked and level with this one."""
        return {peer.person for peer in self.status().peers if peer.state == "live"}

    def says(self, title: str) -> str:
        """Make an event; its key."""
        return self.run(
            *("emit", "--kind", "build", "--state", "failed", "--service", "shop"),
            *("--title", title),
        )

    def hears(self, key: str) -> bool:
        return key in self.run("tail", "--json")

    def certificate(self) -> bytes:
        return (self.home.team / "certificate.pem").read_bytes()

    def _command(self, *arguments: str) -> tuple[str, ...]:
        program = (sys.executable, "-m", "devstream_desktop")
        return (*program, "--home", str(self.home.root), *arguments)


def until(what: str, look: Callable[[], object]) -> None:
    """Ask `look` again until it is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.2)
