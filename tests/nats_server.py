"""NATS servers from Debian's package, on loopback."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nkeys
import pytest
from nacl.signing import SigningKey

SERVER = shutil.which("nats-server", path="/usr/local/bin:/usr/bin:/usr/sbin")
needs_nats = pytest.mark.skipif(SERVER is None, reason="needs nats-server (Debian: nats-server)")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """One server with JetStream, that can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.port = free_port()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self, config: str = "") -> Server:
        """Start it; `config` takes the place of the usual one."""
        file = self.folder / "server.conf"
        usual = f"listen: 127.0.0.1:{self.port}\njetstream {{ store_dir: {self.folder}/store }}\n"
        file.write_text(config or usual)
        self._process = subprocess.Popen(
            [str(SERVER), "-c", str(file), "-l", str(self.folder / "log")]
        )
        return self

    def end(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def freeze(self, *, frozen: bool) -> None:
        """Stop it, or let it go on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def wipe(self) -> None:
        """Lose its disk."""
        shutil.rmtree(self.folder / "store", ignore_errors=True)


class Cluster:
    """Three servers that replicate to each other."""

    def __init__(self, folder: Path) -> None:
        self.servers = [Server(folder / f"server{n}") for n in range(3)]
        self._routes = [free_port() for _ in self.servers]
        for number in range(3):
            self.start(number)

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def start(self, number: int) -> None:
        """Start one of them, again."""
        server = self.servers[number]
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in self._routes)
        server.start(
            f"listen: 127.0.0.1:{server.port}\n"
            f"server_name: server{number}\n"
            f"jetstream {{ store_dir: {server.folder}/store }}\n"
            f"cluster {{ name: company, listen: 127.0.0.1:{self._routes[number]},"
            f" routes: [ {routes} ] }}\n"
        )

    def end(self) -> None:
        for server in self.servers:
            server.end()


@contextmanager
def servers(folder: Path) -> Iterator[Callable[[], Server]]:
    """Start servers; all are killed at the end."""
    made: list[Server] = []

    def start() -> Server:
        made.append(Server(folder / f"server{len(made)}").start())
        return made[-1]

    try:
        yield start
    finally:
        for server in made:
            server.end()


def nkey() -> tuple[str, str]:
    """Make a user of a server: the seed, and the public key."""
    pair = nkeys.from_seed(nkeys.encode_seed(bytes(SigningKey.generate()), nkeys.PREFIX_BYTE_USER))
    return pair.seed.decode(), pair.public_key.decode()
