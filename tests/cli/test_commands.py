"""Every command is found by its name, and only its own libraries are loaded."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstream_desktop.cli.commands import COMMANDS, module_of
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.control.server import Server
from devstream_desktop.control.server_wire import AnyReply, AnyRequest
from devstream_desktop.home import Home

SLOW = {
    *("asyncio", "ssl", "pynng", "hashlib", "tempfile", "random", "platformdirs", "logging"),
    *("typing_extensions", "string", "threading"),
    # argparse of 3.14 has its colours from there.
    *(("inspect", "dataclasses") if sys.version_info < (3, 14) else ()),
}
"""Libraries that take a part of a command's time that is felt."""
FOREIGN = ("devstream_desktop.stream.event", "devstream_desktop.control.messages.deploys")
"""Begin the names of modules for other questions."""
ASKING = [
    ("status",),
    ("emit", "--kind", "test", "--state", "failed", "--service", "shop", "--title", "t"),
]
HEAVY = {"PySide6", "cryptography", "msgspec", "pynng", "sqlite3", "asyncio", "zeroconf"}
NODE = HEAVY - {"msgspec", "pynng", "sqlite3", "asyncio"} | {"nacl", "keyring", "starlette"}


def modules_after(*words: str) -> set[str]:
    """The packages that a command loads until it ends."""
    script = (
        "import sys; from devstream_desktop.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *words],
        # A measured process would load what measures it.
        env={name: text for name, text in os.environ.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return set(done.stderr.split())


@pytest.mark.process
def test_the_help_loads_no_command() -> None:
    loaded = modules_after("--help")
    assert not loaded & HEAVY
    assert not {module_of(name) for name in COMMANDS} & loaded


@pytest.mark.process
def test_the_version_is_told_without_the_parser() -> None:
    assert not modules_after("--version") & {"argparse", "typing", *HEAVY}


@pytest.mark.process
@pytest.mark.parametrize("words", [("tail",), ("search", "kind:test", "env:prod")])
def test_what_reads_the_history_needs_neither_a_node_nor_its_questions(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    loaded = modules_after("--home", str(tmp_path), *words)
    assert "devstream_desktop.history.pages" in loaded
    assert not loaded & {*SLOW, "socket", "devstream_desktop.control.client", "json", "tomllib"}
    assert not loaded & {"devstream_desktop.history.reader", "devstream_desktop.history.things"}


@pytest.mark.process
@pytest.mark.parametrize("words", [("board",), ("search", "is:mine")])
def test_the_person_of_a_home_is_known_without_the_team_s_libraries(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    home = Home(tmp_path)
    home.create()
    (home.team / "team.json").write_text('{"format": 1, "person": "ana", "solo": true}')
    loaded = modules_after("--home", str(tmp_path), *words)
    assert "devstream_desktop.cli.own_names" in loaded
    assert not loaded & {*NODE, "pynng", "asyncio"}


@pytest.mark.process
def test_sources_are_listed_without_the_collectors() -> None:
    loaded = modules_after("source", "list", "--help")
    assert "devstream_desktop.cli.source.commands" in loaded
    assert not loaded & {"devstream_collectors", "importlib.metadata"}


@pytest.mark.process
def test_a_type_of_source_is_described_without_events_and_a_log() -> None:
    loaded = modules_after("source", "add", "github", "--help")
    assert "devstream_collectors.sources.github" in loaded
    assert not loaded & {"logging", "secrets", "devstream_desktop.stream.record"}


@pytest.mark.process
@pytest.mark.parametrize("words", [("out", "list"), ("restore",)], ids=lambda words: words[0])
def test_what_runs_no_loop_loads_none(words: tuple[str, ...]) -> None:
    assert not modules_after(*words, "--help") & SLOW


@pytest.mark.process
@pytest.mark.parametrize("words", ASKING, ids=lambda words: words[0])
async def test_what_asks_a_node_loads_its_own_question_alone(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    async def handle(request: AnyRequest) -> AnyReply:
        return Status(version="0") if isinstance(request, GetStatus) else Done(text="done")

    home = Home(tmp_path / "home")
    home.create()
    server = Server(home.control_url(), handle)
    server.start()
    loaded = await asyncio.to_thread(modules_after, "--home", str(home.root), *words)
    await server.stop()
    assert "devstream_desktop.control.local_socket" in loaded
    assert not loaded & {*SLOW, "sqlite3"}
    assert not {one for one in loaded if one.startswith(FOREIGN)}


@pytest.mark.process
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_what_it_needs_alone(name: str) -> None:
    loaded = modules_after(name, "--help")
    assert not loaded & NODE
    modules = {one: module_of(one) for one in COMMANDS}
    assert modules[name] in loaded
    # Some share a part: `out list` shows an outlet as `status` does, `promote` is a `deploy`.
    assert len(loaded & {*modules.values()}) <= 3
