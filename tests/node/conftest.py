"""Real nodes as real processes, each with a home of its own, on loopback."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.deploys import GetTargets, Targets
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

PATIENCE_S = 60
DEVSTREAM = [sys.executable, "-m", "devstream_desktop"]
CLOCKED = Path(__file__).parent.parent / "hosts" / "clocked_node.py"


@dataclass
class Desk:
    """One home, the commands typed for it, and its node when it runs."""

    home: Home
    environment: dict[str, str]
    process: subprocess.Popen[str] | None = None
    ready: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, code: int = 0, stdin: str = "") -> str:
        """The output of one command; it must end with `code`."""
        done = subprocess.run(
            [*DEVSTREAM, "--home", str(self.home.root), *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (
            f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        assert "Traceback" not in done.stderr, done.stderr
        return (done.stdout if code == 0 else done.stderr).strip()

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that goes on beside the test."""
        return subprocess.Popen(
            [*DEVSTREAM, "--home", str(self.home.root), *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, *arguments: str, program: Sequence[str] = DEVSTREAM) -> None:
        """Start the node and wait for its `ready` line.

        `program` is the command, where a test has one of its own.
        """
        self.process = subprocess.Popen(
            [
                *program,
                "--home",
                str(self.home.root),
                "node",
                "--no-discovery",
                "--listen",
                "127.0.0.1:0",
                *arguments,
            ],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("ready "), line + (
            self.process.stderr.read() if self.process.stderr else ""
        )
        self.ready = dict(part.split("=", 1) for part in line.split()[1:])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End the node with a signal; its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        self.process.communicate(timeout=20)
        code, self.process = self.process.returncode, None
        return code

    def status(self) -> Status:
        with Client(self.home.control_url()) as client:
            return client.ask(GetStatus())

    def targets(self) -> Targets:
        with Client(self.home.control_url()) as client:
            return client.ask(GetTargets())

    def lines(self) -> list[Line]:
        """Every row, newest first."""
        with Reader(self.home.history) as reader:
            return reader.page(Query(), limit=100_000, superseded=True)

    def facts(self) -> set[str]:
        return {line.event.key for line in self.lines()}


class World:
    """Makes desks, and ends them."""

    def __init__(self, folder: Path, runtime: Path) -> None:
        self.folder = folder
        self.runtime = runtime
        self.desks: list[Desk] = []

    def desk(self, name: str) -> Desk:
        environment = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("DEVSTREAM", "XDG", "DISPLAY", "WAYLAND"))
        }
        environment |= {
            "DEVSTREAM_KEY_FILE": str(self.folder / f"{name}.key"),
            "XDG_RUNTIME_DIR": str(self.runtime),
        }
        desk = Desk(Home(self.folder / name), environment)
        self.desks.append(desk)
        return desk

    def team(self, *others: str) -> list[Desk]:
        """A team founded by ana, whose node runs with an intake, and others who joined and run."""
        ana = self.desk("ana")
        ana.run("team", "create", "acme", "--person", "ana")
        ana.start("--intake", "127.0.0.1:0")
        for name in others:
            desk = self.desk(name)
            desk.run("team", "join", ana.run("team", "invite", "--pre-approved"), "--person", name)
            desk.start()
        return self.desks

    def end(self) -> None:
        for desk in self.desks:
            if desk.process is not None and desk.process.poll() is None:
                desk.stop()
            elif desk.process is not None:
                desk.process.communicate(timeout=5)


@pytest.fixture
def world(tmp_path: Path, runtime: Path) -> Iterator[World]:
    made = World(tmp_path, runtime)
    yield made
    made.end()


class Clock:
    """The clock of every node that is started with `program`; the true time until it is set."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.write_bytes(bytes(8))
        self.program = [sys.executable, str(CLOCKED), str(path)]

    def set(self, milliseconds: int) -> None:
        """Add this to the true time from now on.

        The file is mapped, so it must not become shorter for a moment.
        """
        with self._path.open("r+b") as file:
            file.write(struct.pack("<q", milliseconds))


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path / "clock")


@pytest.fixture
def until() -> Callable[..., object]:
    def look_until(what: str, look: Callable[[], object], patience_s: float = PATIENCE_S) -> object:
        """The first true value of `look`; it is asked again until `patience_s` is over."""
        deadline = time.monotonic() + patience_s
        while True:
            found = look()
            if found:
                return found
            assert time.monotonic() < deadline, f"waited in vain until {what}"
            time.sleep(0.05)

    return look_until
