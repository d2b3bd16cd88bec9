"""Doctor's check of the installation: kind of package, and extras."""

from __future__ import annotations

import sys
from importlib.util import find_spec

from devstream_desktop import __version__
from devstream_desktop.control.check import Check
from devstream_desktop.doctor.verdicts import ok
from devstream_desktop.installation import kind_of_package
from devstream_desktop.intake.registry import missing_libraries
from devstream_desktop.language import _

_DESK = ("PySide6", "jeepney") if sys.platform.startswith("linux") else ("PySide6",)
"""Libraries of the extra `desktop` (pyproject.toml)."""


def installation() -> Check:
    """Tell how devstream was installed, and for what."""
    extras = {
        "desktop": all(find_spec(name) for name in _DESK),
        "collector": not missing_libraries(),
    }
    there = [name for name, whole in extras.items() if whole]
    absent = [name for name, whole in extras.items() if not whole]
    said = [_("with {extras}").format(extras=_both(there))] if there else []
    said += [_("without {extras}").format(extras=_both(absent))] if absent else []
    return ok("devstream", ", ".join((__version__, _(kind_of_package()), *said)))


def _both(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    return _("{first} and {second}").format(first=names[0], second=names[1])
