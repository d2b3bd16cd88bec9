"""Commands by which this devstream starts itself.

Installed by pip it is a module of a Python; a bundle (PyInstaller) is a program of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

SUPERVISE = "--supervise"
"""The word by which a bundle becomes the supervisor of a deploy; packaging/bundle/entry.py."""


def is_bundle() -> bool:
    """Tell whether this is a bundle (PyInstaller's run-time information)."""
    return bool(getattr(sys, "frozen", False))


def program() -> list[str]:
    """Return the words of the `devstream` command."""
    if is_bundle():
        return [sys.executable]
    # -P: a session starts it in the home folder, and a node in a repository. A `queue.py` there
    # is not to be taken for Python's.
    return [sys.executable, "-P", "-m", "devstream_desktop"]


def node_command(home: Path, *options: str) -> list[str]:
    """Return the command that starts the node of the home at `home`."""
    return [*program(), "--home", str(home), "node", *options]


def supervise(file: str) -> list[str]:
    """Return the command of a deploy's supervisor, whose code is in `file`."""
    if is_bundle():
        return [sys.executable, SUPERVISE]
    return [sys.executable, "-I", "-S", file]
