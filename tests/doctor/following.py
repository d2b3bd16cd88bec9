"""Advices of the doctor, followed literally: each function takes a home and the advice."""

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from rooms import load

from devstream_desktop.cli import main
from devstream_desktop.home import Home

DEVSTREAM = [sys.executable, "-m", "devstream_desktop"]
write = load("doctor/test_doctor.py").write


def in_a_shell(_: Home, advice: str) -> None:
    """Follow an advice that is a command of the shell."""
    command = advice.split(", or ", maxsplit=1)[0]
    # Whoever runs the tests is root already, where they can give a home away at all.
    shim = 'sudo() { "$@"; }; USER=$(id -un); '
    subprocess.run(["sh", "-c", shim + command], check=True, timeout=20)


def devstream(home: Home, advice: str) -> None:
    """Follow an advice that is a command of devstream, its capitals filled in."""
    command = advice.split(", or ", maxsplit=1)[0]
    words = shlex.split(command.replace("NAME", "acme").replace("YOU", "ana"))
    assert words[0] == "devstream"
    assert main(["--home", str(home.root), *words[1:]]) == 0


@contextlib.contextmanager
def running(home: Home, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A node that runs, as its command says when it is ready."""
    node = subprocess.Popen(
        [*DEVSTREAM, "--home", home.root, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert node.stdout is not None
    said = ""
    try:
        while "mesh" not in said or "home" in said:
            said = node.stdout.readline()
            assert said, "the node ended"
        yield node
    finally:
        node.send_signal(signal.SIGCONT)
        node.terminate()
        node.communicate(timeout=20)


def node_of(home: Home) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    return running(home, "node", "--no-discovery", "--listen", "127.0.0.1:0")


def start(home: Home, _: str = "") -> None:
    """Start the node, and end it once it is ready."""
    with node_of(home):
        pass


def last_command(home: Home, advice: str) -> None:
    """Follow the command at the end of an advice."""
    devstream(home, "devstream" + advice.rpartition("devstream")[2])


def command_in_brackets(home: Home, advice: str) -> None:
    """Follow the first command in brackets."""
    devstream(home, re.findall(r"\((devstream [^)]+)\)", advice)[0])


def restore(home: Home, _: str) -> None:
    """Bring the backup back, which `backed_up` made."""
    for path in (home.root.parent / "backup").rglob("*"):
        if path.is_file():
            target = home.root / path.relative_to(home.root.parent / "backup")
            write(target, path.read_bytes())


def as_the_example(home: Home, advice: str) -> None:
    """Correct a file by the example that the advice names."""
    named = re.search(r"correct (.+?); (.+?) shows what it may hold", advice)
    assert named is not None
    Path(named[1]).write_bytes(Path(named[2]).read_bytes())


def remove_sources(home: Home, advice: str) -> None:
    """Remove the file, and add a source again."""
    named = re.search(r"correct (.+?), or remove it and add what was in it again: (.+)", advice)
    assert named is not None
    Path(named[1]).unlink()
    devstream(home, f"{named[2]} git shop {shlex.quote(str(home.root))}")


def remove_aside(home: Home, _: str) -> None:
    for path in home.root.rglob("*.unreadable"):
        path.unlink()


def add_source_again(home: Home, advice: str) -> None:
    remove, add = advice.split(", then ")
    devstream(home, remove)
    secret = home.root.parent / "secret"
    secret.write_text("a secret that is long enough")
    assert add.endswith("devstream source add")
    devstream(home, f"devstream source add github hub --secret-file {shlex.quote(str(secret))}")


def remove_outlets(home: Home, advice: str) -> None:
    named = re.search(r"correct (.+?), or remove it and add what was in it again: (.+)", advice)
    assert named is not None
    Path(named[1]).unlink()
    add_outlet(home)


def add_outlet(home: Home) -> None:
    address = home.root.parent / "address"
    address.write_text("https://chat.example.com/hooks/1")
    devstream(home, f"devstream out add chat --address-file {shlex.quote(str(address))}")


def add_outlet_again(home: Home, advice: str) -> None:
    remove, add = advice.split(", then ")
    devstream(home, remove)
    assert add.endswith("devstream out add")
    add_outlet(home)


def remove_carriers(home: Home, advice: str) -> None:
    named = re.search(r"correct (.+?), or remove it and add what was in it again: (.+)", advice)
    assert named is not None
    Path(named[1]).unlink()
    add_carrier(home)


def add_carrier(home: Home) -> None:
    seed = home.root.parent / "seed"
    seed.write_text("SUAMLK2ZNL35WSMW37E7UD4VZ7ELPKW7DHC3BWBSD2GCZ7IUQQXZIORRBU")
    devstream(
        home, f"devstream carrier add nats tls://nats.example --creds {shlex.quote(str(seed))}"
    )


def add_carrier_again(home: Home, advice: str) -> None:
    remove, add = advice.split(", then ")
    devstream(home, remove)
    assert add.endswith("devstream carrier add")
    add_carrier(home)


def set_secret(home: Home, advice: str) -> None:
    value = home.root.parent / "value"
    value.write_text("a token")
    devstream(home, f"{advice} --file {shlex.quote(str(value))}")


def remove_named(_: Home, advice: str) -> None:
    (named,) = re.findall(r"remove (.+?) when nothing of it runs any more", advice)
    Path(named).unlink()


def running_once(home: Home, _: str) -> None:
    """Type `devstream` alone, and end it once it runs."""
    with running(home):
        pass
