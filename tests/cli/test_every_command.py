"""No command ends in a traceback, whatever its terminal, arguments and locale are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from every_command import leaves, needed

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here"),
]
DEVSTREAM = [sys.executable, "-m", "devstream_desktop"]
LEAVES = dict(leaves())
SPECIAL = {
    ("node",): ["--listen", "nonsense"],
    ("source", "add", "git"): ["x", "/nowhere"],
}
"""Arguments with which a command that would run for ever ends."""
IN_EACH_LOCALE = (("search",), ("emit",), ("source", "add", "git"))
STREAMS = (">/dev/full", "<&- >&- 2>&-", "| true")
COMMANDS = [
    path for path in LEAVES if path[:2] != ("source", "add") or path[2] in {"git", "github"}
]
MEETS = {path: STREAMS[index % len(STREAMS)] for index, path in enumerate(COMMANDS)}
"""One stream a command in turn: what prints and ends is the same for all, and a process is dear."""
command = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


@pytest.fixture(scope="module")
def team() -> Iterator[dict[str, str]]:
    """The environment of a founder whose node runs."""
    with tempfile.TemporaryDirectory(prefix="ds-") as folder:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("DEVSTREAM", "DISPLAY", "WAYLAND"))
        }
        environment |= {
            "HOME": folder,  # completion and manual pages go there
            "DEVSTREAM_HOME": f"{folder}/home",
            "DEVSTREAM_KEY_FILE": f"{folder}/key",
            "XDG_RUNTIME_DIR": folder,
            "TERM": "xterm",
        }
        create = [*DEVSTREAM, "team", "create", "acme", "--person", "ana"]
        subprocess.run(create, env=environment, check=True, capture_output=True, timeout=60)
        node = subprocess.Popen(
            [*DEVSTREAM, "node", "--no-discovery", "--listen", "127.0.0.1:0"],
            env=environment,
            stdout=subprocess.PIPE,
        )
        assert node.stdout is not None
        with node.stdout:
            assert node.stdout.readline().startswith(b"ready")
        yield environment
        node.terminate()
        node.wait(20)


def shell(words: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", words],
        env=environment,
        cwd=environment["HOME"],  # some write a file where they are
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_neither_a_help_nor_a_mistake_makes_a_traceback(team: dict[str, str]) -> None:
    for words in ("--help", "team invite --help", "source add git --help", "nonsense", "team"):
        for streams in STREAMS:
            done = shell(f"{' '.join(DEVSTREAM)} {words} {streams}", team)
            assert "Traceback" not in done.stderr, (words, streams, done.stderr)
            assert "Exception ignored" not in done.stderr, (words, streams, done.stderr)


def line(path: tuple[str, ...]) -> str:
    return " ".join([*DEVSTREAM, *path, *SPECIAL.get(path, needed(LEAVES[path]))])


@command
def test_no_stream_makes_a_traceback(team: dict[str, str], path: tuple[str, ...]) -> None:
    done = shell(f"{line(path)} {MEETS[path]}", team)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert done.returncode in {0, 1, 2}, said


@command
def test_a_word_that_is_not_text_is_a_sentence(team: dict[str, str], path: tuple[str, ...]) -> None:
    words: list[str | bytes] = [*DEVSTREAM, *path]
    given = SPECIAL.get(path) or needed(LEAVES[path], word="caf\udce9") or ["caf\udce9"]
    words += [os.fsencode(word) for word in given]
    # Only here do Python's streams lack a sign of their own output.
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    for locale in (ascii_only, {}) if path in IN_EACH_LOCALE else (ascii_only,):
        done = subprocess.run(
            words,
            env=team | locale,
            cwd=team["HOME"],
            capture_output=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert b"Traceback" not in done.stderr, done.stderr
        assert done.returncode in {0, 1, 2}, done.stderr


JSON = [path for path in COMMANDS if "--json" in LEAVES[path]._option_string_actions]


@pytest.mark.parametrize("path", JSON, ids=" ".join)
def test_json_is_json_and_nothing_else(team: dict[str, str], path: tuple[str, ...]) -> None:
    words = {("duty",): ["show"], ("search",): ["kind:source"]}.get(path) or needed(LEAVES[path])
    done = shell(" ".join([*DEVSTREAM, *path, *words, "--json"]), team)
    for text in done.stdout.splitlines():
        json.loads(text)
    # What fails says why, as without JSON; with an object a line there may be none.
    assert done.stdout or done.stderr or done.returncode == 0


@pytest.mark.parametrize("streams", STREAMS)
def test_the_tray_without_a_screen_has_no_traceback(team: dict[str, str], streams: str) -> None:
    # A follower ends by itself only where its reader is gone.
    tray = " ".join(["timeout -s INT 3", *DEVSTREAM])
    done = shell(f"{tray} {streams}", team)
    assert "Traceback" not in done.stdout + done.stderr
