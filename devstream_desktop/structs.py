"""The library of our structs, loaded as cheaply as can be."""

from __future__ import annotations

import sys
from importlib import import_module


def load_msgspec() -> None:
    """Import msgspec, which every part needs, without `typing_extensions`.

    It takes two functions from there that Python itself has since 3.11, and that import is a sixth
    of a command's time.
    """
    name = "typing_extensions"
    if name in sys.modules:
        return
    # An import of what is None fails, and msgspec then takes Python's own.
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        import_module("msgspec")
    finally:
        del sys.modules[name]
