"""Files that come with devstream: examples, rules, hooks and icons."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def shared(*names: str) -> Path:
    """Return the path of a file or folder of `resources`."""
    installed = _HERE / "resources"
    root = installed if installed.is_dir() else _HERE.parent / "resources"
    return root.joinpath(*names)
