"""`devstream` without a command: the tray, or lines in the terminal where there is no screen."""

from __future__ import annotations

import argparse
import gc
import importlib.util
import os
import sys
from pathlib import Path

from devstream_desktop.home import Home
from devstream_desktop.program import node_command


def tray(home: Home, _: argparse.Namespace) -> int:
    """Run the desktop app; without a display run the node and print its lines."""
    home.create()
    # Qt ends the process itself where it finds no display, so look first.
    problem = _display_problem()
    if not problem:
        # Nothing that a start loads is garbage; the app collects in Python's place.
        gc.disable()
        from devstream_desktop.desktop.platform.display import DesktopUnavailableError

        try:
            from devstream_desktop.desktop.start import run

            command = node_command(home.root, "--solo", "--follow", str(Path.cwd()))
            return run(home, node_command=command)
        except DesktopUnavailableError as error:
            problem = str(error)
        except ImportError as error:
            # PySide6 is there, but not a library that it loads.
            needs = "see packaging/README.md for what it needs"
            problem = f"the desktop app cannot be loaded ({error}; {needs})"
    print(f"devstream: {problem}, so the lines are printed here; Ctrl+C ends it", file=sys.stderr)
    gc.enable()
    # Late: the tray needs none of it.
    from devstream_desktop.cli.live_lines import print_lines

    return print_lines(home)


def _display_problem() -> str:
    """Return why there can be no tray; empty when there can."""
    displays = (os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not any(displays):
        return "there is no display"
    if importlib.util.find_spec("PySide6") is None:
        return "the desktop app is not installed (pip install 'devstream[desktop]')"
    return ""
