"""The way in which this devstream was installed."""

from __future__ import annotations

import sys
from pathlib import Path

from devstream_desktop.language import N_
from devstream_desktop.program import is_bundle

_PACKAGE = Path(__file__).resolve().parent
_CONTAINER = ("/run/.containerenv", "/.dockerenv")
"""Marks of podman and docker."""
_DEBIAN = Path("/var/lib/dpkg/info/devstream.list")


def kind_of_package(prefix: str = sys.prefix, package: Path = _PACKAGE) -> str:
    """Name the kind of package in English, as in `pipx` or `checkout`.

    Args:
        prefix: The folder of this Python's packages.
        package: The folder of the code.

    """
    folder = Path(prefix)
    if is_bundle():
        return N_("Debian package") if _DEBIAN.exists() else N_("bundle")
    # In a checkout the project's file is beside the package.
    if (package.parent / "pyproject.toml").exists():
        return N_("checkout")
    if folder.parent.name == "venvs" and "pipx" in folder.parts:
        return "pipx"
    if (folder / "uv-receipt.toml").exists():
        return "uv tool"
    if any(Path(mark).exists() for mark in _CONTAINER):
        return N_("container")
    if (folder / "pyvenv.cfg").exists():
        return N_("virtual environment")
    return N_("packages of the system's Python")
