"""Standard streams that are closed or full, colours, and widths of other scripts."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.cli.output import padded

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here"),
]
DEVSTREAM = f"{sys.executable} -m devstream_desktop"


@pytest.fixture
def home(tmp_path: Path, runtime: Path) -> dict[str, str]:
    """The environment of a founder's home."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DEVSTREAM", "DISPLAY", "WAYLAND"))
    }
    environment |= {
        "DEVSTREAM_HOME": str(tmp_path / "home"),
        "DEVSTREAM_KEY_FILE": str(tmp_path / "key"),
    }
    shell(f"{DEVSTREAM} team create acme --person ana", environment)
    return environment


def shell(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_full_output_is_said_and_fails_the_command(home: dict[str, str]) -> None:
    for command in ("--version", "team members"):
        done = shell(f"{DEVSTREAM} {command} >/dev/full", home)
        assert done.returncode == 1, command
        assert "standard output takes nothing (the disk is full; free some space)" in done.stderr


@pytest.mark.parametrize("stream", [">/dev/full", ">&-", "| true"])
@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("team invite", "ds1-"),
        ("team recovery-key", "dsr1-"),
        ("out add chat --address-file $DEVSTREAM_HOME/address", "give the service this key"),
        ("source add slack chat", "/in/chat/"),
    ],
)
def test_what_is_shown_once_is_shown_all_the_same(
    home: dict[str, str], command: str, shown: str, stream: str
) -> None:
    Path(home["DEVSTREAM_HOME"], "address").write_text("https://chat.example.org/hook")
    done = shell(f"set -o pipefail; {DEVSTREAM} {command} {stream}", home)
    assert done.returncode == 1, done.stderr
    assert any(line.startswith(shown) for line in done.stderr.splitlines()), done.stderr
    assert "shown here instead" in done.stderr


@pytest.mark.parametrize(
    ("variables", "colours"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"NO_COLOR": ""}, True),
    ],
)
def test_colours_are_for_terminals_that_want_them(
    home: dict[str, str], variables: dict[str, str], colours: bool
) -> None:
    ours, theirs = pty.openpty()
    environment = home | {"TERM": "xterm"} | variables
    environment = environment if "NO_COLOR" in variables else environment | {"NO_COLOR": ""}
    process = subprocess.Popen(
        ["sh", "-c", f"{DEVSTREAM} doctor"], env=environment, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:
            break
        said += more
        if not more:
            break
    os.close(ours)
    process.wait(20)
    assert (b"\x1b[" in said) is colours


def test_a_pipe_has_colours_where_it_is_asked_to(home: dict[str, str]) -> None:
    plain = {name: value for name, value in home.items() if name != "FORCE_COLOR"}
    assert "\x1b[" not in shell(f"{DEVSTREAM} doctor | cat", plain).stdout
    asked = plain | {"FORCE_COLOR": "1", "NO_COLOR": ""}
    assert "\x1b[" in shell(f"{DEVSTREAM} doctor | cat", asked).stdout


@pytest.mark.parametrize("text", ["ana", "田中", "José", "e\u0301", "한글", ""])
def test_columns_stand_in_line_whatever_the_script_is(text: str) -> None:
    columns = {"ana": 3, "田中": 4, "José": 4, "e\u0301": 1, "한글": 4, "": 0}[text]
    assert padded(text, 10) == text + " " * (10 - columns)
