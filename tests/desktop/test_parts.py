"""The parts of the desktop app know only those below them, and no window knows the connection."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import devstream_desktop.desktop

DESKTOP = Path(devstream_desktop.desktop.__file__).parent
NAME = "devstream_desktop.desktop."
MAY_IMPORT = {
    "client": {"client"},
    "platform": {"platform"},
    "widgets": {"widgets", "client.question"},
    "popups": {"popups", "widgets", "platform"},
    "tray": {"tray", "widgets", "platform", "client.state"},
    "peek": {"peek", "tray", "windows", "widgets", "client.state"},
    "commands": set(),
    "windows": {
        *("windows", "widgets", "platform", "commands"),
        *("client.state", "client.question", "client.reader_thread"),
        *("client.background", "client.export", "client.preferences", "client.replay"),
    },
    "duty": {"client", "popups"},
    "dialogs": {"windows", "widgets", "platform", "client"},
    "app": {
        *("client", "platform", "widgets", "commands", "popups", "tray", "peek", "windows"),
        *("dialogs", "duty"),
    },
    "start": {"app", "platform", "tray", "widgets"},
}
"""Of `client`, the parts that show something know the state and how to ask."""
CONNECTION = {
    "devstream_desktop.control.client",
    "devstream_desktop.control.wire",
    "devstream_desktop.control.framing",
}


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from …desktop.client import node_client` names a module too.
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def within(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


FILES = sorted(path for path in DESKTOP.rglob("*.py") if path != DESKTOP / "__init__.py")


def part_of(path: Path) -> str:
    return path.relative_to(DESKTOP).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DESKTOP)))
def test_a_part_knows_only_what_is_below_it(path):
    allowed = [NAME + name for name in MAY_IMPORT[part_of(path)]]
    # A package that is named on the way to an allowed module is no import of all of it.
    on_the_way = {module.rpartition(".")[0] for module in allowed} | {NAME.removesuffix(".")}
    used = {name for name in imports(path) if within(name, NAME.removesuffix("."))}
    wrong = {
        name for name in used - on_the_way if not any(within(name, module) for module in allowed)
    }
    assert not wrong


@pytest.mark.parametrize(
    "path",
    [path for path in FILES if part_of(path) not in ("client", "app")],
    ids=lambda path: str(path.relative_to(DESKTOP)),
)
def test_only_the_app_can_ask_the_node(path):
    assert not {name for name in imports(path) for module in CONNECTION if within(name, module)}


def test_a_question_is_sent_in_one_place():
    sent = [
        f"{path.relative_to(DESKTOP)}:{node.lineno}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr == "ask"
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "client"
    ]
    assert {place.partition(":")[0] for place in sent} == {"app.py"}
