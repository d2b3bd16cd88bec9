"""Places of the packages, and reasons to skip a test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from devstream_desktop import __version__

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
WORK = ROOT / "build" / "package"
USE = Path(__file__).with_name("use.sh")

Run = Callable[..., str]
"""Runs a command and returns what it said (conftest.run)."""


def built(name: str) -> Path:
    """A file of `dist`; the test is skipped where it was not built."""
    path = DIST / name.format(version=__version__)
    if not path.exists():
        pytest.skip(f"{path.name} is not built: make package")
    return path


def needs(*programs: str) -> None:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
