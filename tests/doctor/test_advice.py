"""Every advice works: it is followed literally, and the fault is gone."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from rooms import load

from devstream_desktop.cli import main
from devstream_desktop.doctor.checks import Verdict
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault

pytestmark = pytest.mark.process
DEVSTREAM = [sys.executable, "-m", "devstream_desktop"]
_doctor = load("doctor/test_doctor.py")
damage, found, key_of, make, write = (
    _doctor.damage,
    _doctor.found,
    _doctor.key_of,
    _doctor.make,
    _doctor.write,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Path) -> Home:
    """The home of a team of one, in a folder whose name a shell would take apart."""
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "sealing"))
    return make(Home(tmp_path / "ana's home"))


def in_a_shell(_: Home, advice: str) -> None:
    """Follow an advice that is a command of the shell."""
    subprocess.run(["sh", "-c", advice], check=True, timeout=20)


def devstream(home: Home, advice: str) -> None:
    """Follow an advice that is a command of devstream, its capitals filled in."""
    command = advice.split(", or ", maxsplit=1)[0]
    words = shlex.split(command.replace("NAME", "acme").replace("YOU", "ana"))
    assert words[0] == "devstream"
    assert main(["--home", str(home.root), *words[1:]]) == 0


def start(home: Home, _: str = "") -> None:
    """Start the node, and end it once it is ready."""
    node = subprocess.Popen(
        [*DEVSTREAM, "--home", home.root, "node", "--no-discovery", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert node.stdout is not None
    assert node.stdout.readline().startswith("ready ")
    node.terminate()
    node.communicate(timeout=20)


def as_the_example(home: Home, advice: str) -> None:
    """Correct a file by the example that the advice names."""
    named = re.search(r"correct (.+?); (.+?) shows what it may hold", advice)
    assert named is not None
    Path(named[1]).write_bytes(Path(named[2]).read_bytes())


def remove_sources(home: Home, advice: str) -> None:
    """Remove the file, and add a source again."""
    named = re.search(r"correct (.+?), or remove it and add the sources again: (.+)", advice)
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
    assert add.startswith("devstream source add it with its secret")
    devstream(home, f"devstream source add github hub --secret-file {shlex.quote(str(secret))}")


def spoil_a_source(home: Home) -> None:
    secret = home.root.parent / "secret"
    secret.write_text("a secret that is long enough")
    devstream(home, f"devstream source add github hub --secret-file {shlex.quote(str(secret))}")
    write(home.secrets / "source-hub.sealed", b"dss1" + bytes(60))


@dataclass(frozen=True)
class Row:
    """A fault, the check that names it, the advice, and how it is followed."""

    fault: Callable[[Home], object]
    check: str
    advice: str
    follow: Callable[[Home, str], None]


ROWS: dict[str, Row] = {
    "open home": Row(lambda home: home.root.chmod(0o755), "home", "chmod -R go= ", in_a_shell),
    "open history": Row(
        lambda home: home.history.chmod(0o644), "home", "chmod -R go= ", in_a_shell
    ),
    "open key": Row(lambda home: key_of(home).chmod(0o644), "keys", "chmod 600 ", in_a_shell),
    "settings": Row(
        lambda home: write(home.settings, b"[mesh]\nlisten = 1\n"),
        "settings",
        "shows what it may hold",
        as_the_example,
    ),
    "targets": Row(
        lambda home: write(home.targets, b"[target.a.b]\n"),
        "targets",
        "shows what it may hold",
        as_the_example,
    ),
    "sources": Row(
        lambda home: write(home.sources, b"[nonsense\n"), "sources", "remove it", remove_sources
    ),
    "unreadable": Row(
        lambda home: write(home.root / "peers.json", b"{"), "home", "at the next start", start
    ),
    "set aside": Row(
        lambda home: write(home.root / "peers.json.unreadable", b"{"),
        "home",
        "remove the file that was set aside",
        remove_aside,
    ),
    "history": Row(lambda home: damage(home.history), "history", "end the node and start", start),
    "a source's secret": Row(spoil_a_source, "secrets", "source remove hub", add_source_again),
    "no team": Row(
        lambda home: [path.unlink() for path in (*home.team.iterdir(), *home.secrets.iterdir())],
        "team",
        "devstream team create NAME --person YOU",
        devstream,
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_who_follows_the_advice_is_rid_of_the_fault(home: Home, name: str) -> None:
    row = ROWS[name]
    row.fault(home)
    said = found(home)[row.check]
    assert said.verdict is not Verdict.OK
    assert row.advice in said.advice
    row.follow(home, said.advice)
    after = found(home)
    # A file that was set aside is shown until somebody has seen to it.
    if name == "unreadable":
        assert "set aside" in after["home"].what
    else:
        assert row.check not in after or after[row.check].verdict is Verdict.OK, after[row.check]
    assert Vault.open(home)
