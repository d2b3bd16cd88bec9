"""Every command is found by its name, and only its own libraries are loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from devstream_desktop.cli.commands import COMMANDS, module_of

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
@pytest.mark.parametrize("name", ["tail", "search"])
def test_what_reads_the_history_loads_no_client_of_a_node(name: str) -> None:
    assert not modules_after(name, "--help") & {"pynng", "asyncio"}


@pytest.mark.process
@pytest.mark.parametrize("name", ["emit", "status"])
def test_the_client_of_a_node_loads_no_event_loop(name: str) -> None:
    loaded = modules_after(name, "--help")
    assert "devstream_desktop.control.client" in loaded
    assert not loaded & {"asyncio", "ssl", "pynng"}


@pytest.mark.process
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_loads_what_it_needs_alone(name: str) -> None:
    loaded = modules_after(name, "--help")
    assert not loaded & NODE
    modules = {one: module_of(one) for one in COMMANDS}
    assert modules[name] in loaded
    # Some share a part: `out list` shows an outlet as `status` does, `promote` is a `deploy`.
    assert len(loaded & {*modules.values()}) <= 3
