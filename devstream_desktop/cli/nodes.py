"""The node in the foreground, and what `devstream` alone does: the tray where there is a screen, else lines in the terminal."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from devstream_desktop.cli.lines import follow, show
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.settings import address_problem

if TYPE_CHECKING:
    from devstream_desktop.node.core import Node, Options


def node(home: Home, options: argparse.Namespace) -> int:
    """Run the node until a signal ends it; one line on standard output says when it is ready."""
    # Late, because no other command needs the node's libraries.
    from devstream_desktop.node.core import Options

    for address in (options.listen, options.intake, *options.peer):
        if address and (problem := address_problem(address)):
            raise DevstreamError(f"the address {problem}")
    run_options = Options(
        listen=options.listen,
        peers=tuple(options.peer),
        discovery=not options.no_discovery,
        intake=options.intake,
        solo=options.solo,
        follow=Path(options.follow) if options.follow else None,
    )
    home.create()
    return _run(home, run_options, announce, verbose=options.verbose)


def announce(running: Node) -> None:
    """The line that scripts wait for."""
    for notice in running.notices.values():
        print(f"devstream: {notice}", file=sys.stderr)
    if running.options.intake and running.intake is None and "intake" not in running.notices:
        way = f"an admin can make it one: devstream team grant {running.team.person} collector"
        print(f"devstream: this device is no collector, so nothing is taken in at {running.options.intake}; {way}", file=sys.stderr)
    intake = f" intake={running.intake_url}" if running.intake_url else ""
    print(f"ready device={running.device} mesh={running.mesh_address}{intake}", flush=True)


def desk(home: Home, _: argparse.Namespace) -> int:
    """The tray; without a display, the same node with its lines in the terminal."""
    home.create()
    problem = _no_screen()
    if not problem:
        from devstream_desktop.desktop.platform.display import DesktopUnavailableError

        try:
            from devstream_desktop.desktop.app import run

            arguments = ["--home", str(home.root), "node", "--solo", "--follow", str(Path.cwd())]
            return run(home, node_command=[sys.executable, "-m", "devstream_desktop", *arguments])
        except DesktopUnavailableError as error:
            problem = str(error)
        except ImportError as error:
            problem = f"the screen part cannot be loaded ({error}; what it needs is in packaging/README.md)"
    print(f"devstream: {problem}, so the lines come here; Ctrl+C ends it", file=sys.stderr)
    return _stream(home)


def _stream(home: Home) -> int:
    from devstream_desktop.node.core import Options

    printer = _Printer(home)
    with contextlib.suppress(NoNodeError), Client(home.control_url()) as client:
        # Somebody else runs the node of this home: only show its lines.
        client.ask(GetStatus())
        printer.follow()
        return 0
    return _run(home, Options(solo=True, follow=Path.cwd()), printer.started, on_news=printer.print_news)


class _Printer:
    """Prints each row once, as it comes."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._reader = Reader(home.history)
        self._arrival: int | None = None

    def started(self, running: Node) -> None:
        status = f"{running.team.person} in team {running.team.name}, device {running.device[:8]}, mesh {running.mesh_address}"
        print(f"devstream: {status}", file=sys.stderr)
        self._arrival = 0
        self.print_news()

    def print_news(self) -> None:
        if self._arrival is None:
            return
        for line in self._reader.all_since(self._arrival):
            self._arrival = line.arrival
            if not line.superseded:
                show(line, as_json=False)

    def follow(self) -> None:
        for line in follow(self._home, self._reader, 0):
            show(line, as_json=False)


def _run(
    home: Home, options: Options, on_ready: Callable[[Node], None], *, on_news: Callable[[], None] | None = None, verbose: bool = False
) -> int:
    from devstream_desktop.node.log_file import start_logging
    from devstream_desktop.node.process import Process

    start_logging(home, verbose=verbose)
    asyncio.run(Process(home, options, on_ready, on_news, _say_locked).run())
    return 0


def _say_locked(sentence: str) -> None:
    print(f"devstream: {sentence}", file=sys.stderr, flush=True)


def _no_screen() -> str:
    """Why there can be no tray; empty when there can."""
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    if importlib.util.find_spec("PySide6") is None:
        return "the screen part is not installed (pip install 'devstream[desktop]')"
    return ""
