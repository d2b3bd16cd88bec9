"""A real sshd on loopback, for a test."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
THERE = SSHD is not None and shutil.which("ssh") is not None


@dataclass
class Host:
    """A host with an sshd of its own; `private` is the key that it lets in."""

    port: int
    host_key: str
    private: str
    folder: Path


def keygen(path: Path) -> str:
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)]
    subprocess.run(made, check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


@contextmanager
def ssh_host(folder: Path) -> Iterator[Host]:
    """Run an sshd whose files are in this empty, private folder."""
    host_key = keygen(folder / "host_key")
    (folder / "authorized").write_text(keygen(folder / "client") + "\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/authorized\nPidFile none\nUsePAM no\nStrictModes no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    # Not a daemon, and its log is this pipe.
    server = subprocess.Popen(
        [str(SSHD), "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.PIPE, text=True
    )
    assert server.stderr is not None
    assert "listening" in server.stderr.readline()
    private = (folder / "client").read_text()
    yield Host(port, host_key, private, folder)
    server.terminate()
    server.communicate(timeout=20)
