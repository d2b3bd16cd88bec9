"""An interpreter of its own, in which nothing is loaded yet."""

from __future__ import annotations

import subprocess
import sys


def printed(code: str) -> list[str]:
    """The lines that a program prints."""
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def loaded_by(module: str) -> set[str]:
    """The modules that are loaded once one is imported."""
    return set(printed(f"import sys, {module}; print(*sys.modules, sep='\\n')"))


def among(modules: set[str], late: tuple[str, ...]) -> list[str]:
    """Names of a set that begin with one of `late`."""
    return sorted(name for name in modules if name.startswith(late))
