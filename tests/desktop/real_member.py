"""A member of a team: a home, its environment, its node and its commands, all real."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.query import Query


class Member:
    """One person's home and node."""

    def __init__(self, folder: Path, person: str) -> None:
        self.person = person
        self.folder = folder / person
        self.runtime = self.folder / "run"
        self.runtime.mkdir(parents=True, mode=0o700)
        self.home = Home(self.folder / "home")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("QT_", "XDG_", "WAYLAND_", "DEVSTREAM"))
        } | {
            "DEVSTREAM_KEY_FILE": str(self.folder / "key"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "NO_AT_BRIDGE": "1",
            "LC_ALL": "C.UTF-8",
        }

    @property
    def command(self) -> tuple[str, ...]:
        return (sys.executable, "-m", "devstream_desktop", "--home", str(self.home.root))

    def run(self, *words: str) -> str:
        """The output of one command."""
        done = subprocess.run(
            [*self.command, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @contextmanager
    def node(self) -> Iterator[None]:
        """Run its node for the block."""
        process = subprocess.Popen(
            [*self.command, "node", "--no-discovery", "--listen", "127.0.0.1:0"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("ready ")
            yield
        finally:
            process.terminate()
            process.communicate(timeout=20)

    def answers(self) -> bool:
        """Tell whether a node of its home is there."""
        try:
            with Client(self.home.control_url()):
                return True
        except NoNodeError:
            return False

    def states(self) -> list[str]:
        """The states of its deploys that somebody requested, newest first."""
        with Reader(self.home.history) as reader:
            lines = reader.page(Query(), limit=50, superseded=True)
        return [one.event.state for one in lines if one.event.request]
