"""An import goes down, never up or sideways; and no room outside the desktop loads Qt."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "devstream_desktop"

GROUND = {
    "address",
    "interfaces",
    "shared_files",
    "private_file",
    "process_group",
    "program",
    "installation",
    "language",
    "stream",
    "home",
    "errors",
    "settings",
    "structs",
    "clock",
    "config",
    "machine",
    "sealed_list",
    "team_file",
    "sqlite_file",
    "git_address",
    "webhook_signature",
    "control",
    "door",
}
MAY_IMPORT = {
    "language": set(),
    "stream": {"language"},
    "errors": set(),
    "structs": set(),
    "address": {"errors", "language"},
    "interfaces": set(),
    "clock": set(),
    "machine": {"language"},
    "shared_files": set(),
    "process_group": set(),
    "program": set(),
    "installation": {"language", "program"},
    "git_address": set(),
    "webhook_signature": set(),
    "sqlite_file": {"language", "machine"},
    "private_file": set(),
    "team_file": {"home"},
    "sealed_list": {"errors", "machine", "private_file"},
    "home": {"errors", "language", "machine", "private_file", "sqlite_file"},
    "door": {"address", "machine"},
    "config": {"errors", "language", "machine", "stream"},
    "settings": {"address", "config", "errors", "language", "stream"},
    "history": GROUND,
    "keys": GROUND,
    "team": GROUND | {"keys"},
    "mesh": GROUND,
    "intake": GROUND,
    "deploy": GROUND,
    "control": {"address", "errors", "home", "language", "stream"},
    "outlet": GROUND | {"history"},
    "node": GROUND | {"history", "keys", "team", "mesh", "intake", "deploy", "outlet", "desk"},
    "doctor": GROUND | {"history", "keys", "team", "mesh", "intake", "deploy", "outlet", "desk"},
    "desk": GROUND,
    "desktop": GROUND | {"history", "desk"},
    "cli": GROUND | {"history", "node", "doctor", "desk", "desktop", "outlet"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""The rooms that each room knows.

`stream` and `control` are vocabulary; rooms of one floor meet in `node`.
"""


def imports(path: Path) -> set[str]:
    """The modules a file imports, also late."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    room = room_of(path)
    used = {name.split(".")[1] for name in imports(path) if name.startswith("devstream_desktop.")}
    upward = used - MAY_IMPORT[room] - {room, "__version__"}
    assert not upward, f"{room} may not know {sorted(upward)}"


@pytest.mark.parametrize("room", ["keys", "team"])
def test_a_room_with_a_face_is_known_by_it_alone(room: str) -> None:
    names = set(importlib.import_module(f"devstream_desktop.{room}").__all__)
    for path in FILES:
        used = inside(path, f"devstream_desktop.{room}.") if room_of(path) != room else set()
        assert used <= names, (
            f"{path.relative_to(PACKAGE)} may not know {sorted(used - names)} of {room}"
        )


def test_the_desk_reads_the_history_and_nothing_else_of_it() -> None:
    for path in (PACKAGE / "desktop").rglob("*.py"):
        used = {name for name in imports(path) if name.startswith("devstream_desktop.history")}
        assert all(name.startswith("devstream_desktop.history.reader") for name in used), (
            f"{path}: {used}"
        )


PURE = PACKAGE / "mesh" / "replica"
FENCED = {
    "asyncio",
    "threading",
    "time",
    "datetime",
    "socket",
    "ssl",
    "sqlite3",
    "pynng",
    "zeroconf",
    "os",
    "pathlib",
    "logging",
}
"""The replication rules get the time passed in, and wait for nothing.

`tests/simulation` plays them in thousands of histories.
"""


@pytest.mark.parametrize("path", sorted(PURE.rglob("*.py")), ids=lambda path: path.name)
def test_the_replication_rules_are_pure(path: Path) -> None:
    used = imports(path)
    assert not {name.split(".")[0] for name in used} & FENCED
    allowed = ("mesh.replica", "mesh.wire", "mesh.limits", "stream.")
    own = {
        name.removeprefix("devstream_desktop.")
        for name in used
        if name.startswith("devstream_desktop.")
    }
    assert all(name.startswith(allowed) for name in own), f"{path.name}: {own}"


@pytest.mark.parametrize(
    "path",
    [*sorted((PACKAGE / "mesh" / "wire").rglob("*.py")), PACKAGE / "mesh" / "limits.py"],
    ids=lambda path: path.name,
)
def test_what_the_replication_rules_know_of_the_mesh_is_pure(path: Path) -> None:
    used = imports(path)
    assert not {one.split(".")[0] for one in used} & FENCED
    own = {one for one in used if one.startswith("devstream_desktop.mesh")}
    assert all(one.startswith("devstream_desktop.mesh.wire") for one in own), own


WIRE = "devstream_desktop.mesh.wire."


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_wire_is_known_by_its_face(path: Path) -> None:
    names = set(importlib.import_module(WIRE.rstrip(".")).__all__)
    used = inside(path, WIRE) if path.parent != PACKAGE / "mesh" / "wire" else set()
    assert used <= names, used - names


def test_one_file_knows_nng() -> None:
    knows = {
        str(path.relative_to(PACKAGE))
        for path in (PACKAGE / "mesh").rglob("*.py")
        if "pynng" in imports(path)
    }
    assert knows == {"mesh/transport/link.py"}


@pytest.mark.process
def test_one_package_knows_the_client_of_nats_and_loads_it_late() -> None:
    knows = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        if {name.split(".")[0] for name in imports(path)} & {"nats", "nkeys"}
    }
    assert {str(Path(path).parent) for path in knows} == {"mesh/carrier/nats"}
    code = "import sys, devstream_desktop.mesh.service; assert 'nats' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


COLLECTORS = ROOT / "collectors" / "devstream_collectors"
OF_COLLECTORS = {
    "intake": ("contract", "kit", "sources.git"),
    "node": ("contract",),
    "cli": ("contract", "kit.outcome", "sources.generic"),
}
"""The product's imports of the collectors.

It finds all others by their entry points.
"""


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_product_knows_little_of_the_collectors(path: Path) -> None:
    allowed = OF_COLLECTORS.get(room_of(path), ())
    for name in inside(path, "devstream_collectors."):
        assert name.startswith(tuple(f"{part}." for part in allowed)), (
            f"{name} is not for {room_of(path)}"
        )


def test_collectors_are_pure() -> None:
    for path in COLLECTORS.rglob("*.py"):
        used = {name for name in imports(path) if name.startswith("devstream_desktop")}
        assert all(name.startswith("devstream_desktop.stream") for name in used), f"{path}: {used}"


@pytest.mark.parametrize(
    "path", sorted(COLLECTORS.rglob("*.py")), ids=lambda path: str(path.relative_to(COLLECTORS))
)
def test_a_source_knows_the_contract_the_kit_and_itself(path: Path) -> None:
    part, *rest = path.relative_to(COLLECTORS).with_suffix("").parts
    allowed = {
        "contract": (),
        "__init__": (),
        "kit": ("contract.", "kit."),
        "sources": ("contract.", "kit."),
    }[part]
    own = (f"sources.{rest[0]}.",) if part == "sources" else ()
    for name in inside(path, "devstream_collectors."):
        assert name.startswith((*allowed, *own)), (
            f"{path.relative_to(COLLECTORS)} may not know {name}"
        )


def inside(path: Path, package: str) -> set[str]:
    """The imports of a file from a package, without the package's name."""
    return {name.removeprefix(package) for name in imports(path) if name.startswith(package)}


@pytest.mark.process
def test_nothing_outside_the_desktop_loads_qt() -> None:
    modules = [
        "devstream_desktop."
        + ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if room_of(path) not in {"desktop", "__main__", "__init__"}
    ]
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\nassert "
        f"'PySide6' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_placeholder_with_a_number_is_bound_by_no_sequence() -> None:
    """Python 3.12.1 warns of `?1` with a sequence; names say more anyway."""
    numbered = re.compile(r"""["'][^"']*(SELECT|UPDATE|INSERT|DELETE|WHERE|SET)\b.*\?\d""")
    found = [
        f"{path.relative_to(PACKAGE)}: {line.strip()}"
        for path in FILES
        for line in path.read_text(encoding="utf-8").splitlines()
        if numbered.search(line)
    ]
    assert found == []
