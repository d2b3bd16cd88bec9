"""`devstream` without a command: the tray, or lines in the terminal where there is no screen."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.node import run
from devstream_desktop.cli.tail import follow
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home

if TYPE_CHECKING:
    from devstream_desktop.node.core import Node


def tray(home: Home, _: argparse.Namespace) -> int:
    """Run the desktop app; without a display run the node and print its lines."""
    home.create()
    # Qt ends the process itself where it finds no display, so look first.
    problem = _display_problem()
    if not problem:
        from devstream_desktop.desktop.platform.display import DesktopUnavailableError

        try:
            from devstream_desktop.desktop.app import run as run_app
            from devstream_desktop.desktop.client.node_process import node_command

            command = node_command(home, "--solo", "--follow", str(Path.cwd()))
            return run_app(home, node_command=command)
        except DesktopUnavailableError as error:
            problem = str(error)
        except ImportError as error:
            # PySide6 is there, but not a library that it loads.
            needs = "see packaging/README.md for what it needs"
            problem = f"the desktop app cannot be loaded ({error}; {needs})"
    print(f"devstream: {problem}, so the lines are printed here; Ctrl+C ends it", file=sys.stderr)
    return _print_lines(home)


def _print_lines(home: Home) -> int:
    from devstream_desktop.node.core import Options

    with Reader(home.history) as reader:
        with contextlib.suppress(NoNodeError), Client(home.control_url()) as client:
            # A node runs for this home already, so only its lines are needed.
            client.ask(GetStatus())
            for line in follow(home, reader, 0):
                print_line(line)
            return 0
        printer = _Printer(reader)
        options = Options(solo=True, follow=Path.cwd())
        return run(home, options, printer.started, on_news=printer.print_news)


class _Printer:
    """Prints each row once, when it arrives."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._arrival: int | None = None
        """The newest printed row; None until the node has opened its history."""

    def started(self, running: Node) -> None:
        team, device = running.team, running.device[:8]
        about = f"{team.person} in team {team.name}, device {device}, mesh {running.mesh_address}"
        print(f"devstream: {about}", file=sys.stderr)
        self._arrival = 0
        self.print_news()

    def print_news(self) -> None:
        if self._arrival is None:
            return
        for line in self._reader.all_since(self._arrival):
            self._arrival = line.arrival
            # A node that starts prints the past too; of each subject only the latest state.
            if not line.superseded:
                print_line(line)


def _display_problem() -> str:
    """Return why there can be no tray; empty when there can."""
    displays = (os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not any(displays):
        return "there is no display"
    if importlib.util.find_spec("PySide6") is None:
        return "the desktop app is not installed (pip install 'devstream[desktop]')"
    return ""
