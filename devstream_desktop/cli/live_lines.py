"""The stream in a terminal.

Where no node runs, it runs one itself.
"""

from __future__ import annotations

import contextlib
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
from devstream_desktop.node.options import Options

if TYPE_CHECKING:
    from devstream_desktop.node.core import Node


def print_lines(home: Home) -> int:
    """Print each line when it arrives, until Ctrl+C."""
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
