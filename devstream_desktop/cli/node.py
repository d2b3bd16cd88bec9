"""`devstream node`: the node in the foreground, without a screen."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devstream_desktop.address import problem
from devstream_desktop.cli.arguments import UsageError
from devstream_desktop.home import Home
from devstream_desktop.node.options import Options

if TYPE_CHECKING:
    from devstream_desktop.node.core import Node


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `node`."""
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="where peers connect")
    parser.add_argument(
        "--peer",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="a peer to dial; may be given again",
    )
    parser.add_argument(
        "--no-discovery", action="store_true", help="do not look for peers on the local network"
    )
    parser.add_argument(
        "--intake",
        default="",
        metavar="HOST:PORT",
        help="where webhooks are received (on a collector)",
    )
    parser.add_argument(
        "--metrics",
        default="",
        metavar="HOST:PORT",
        help="where /health and /metrics are answered, such as 127.0.0.1:9464",
    )
    parser.add_argument(
        "--solo", action="store_true", help="found a team of one when this home has no team"
    )
    parser.add_argument(
        "--follow",
        default="",
        metavar="DIR",
        help="the git repository that a team of one follows",
    )
    parser.add_argument("--verbose", action="store_true", help="log to standard error too")
    parser.add_argument(
        "--log-format",
        default="",
        choices=("text", "json"),
        help="form of a line of the log (default: as in settings.toml, else text)",
    )
    parser.set_defaults(command=node)


def node(home: Home, options: argparse.Namespace) -> int:
    """Run the node until a signal ends it.

    One line on standard output says when it is ready.
    """
    # Before anything is opened, so that a mistyped address changes nothing.
    named = {
        "--listen": [options.listen],
        "--intake": [options.intake],
        "--metrics": [options.metrics],
        "--peer": options.peer,
    }
    for option, address in ((option, one) for option, given in named.items() for one in given):
        if address and (why := problem(address, listen=option != "--peer")):
            raise UsageError(f"{option}: {why}")
    run_options = Options(
        listen=options.listen,
        peers=tuple(options.peer),
        discovery=not options.no_discovery,
        intake=options.intake,
        metrics=options.metrics,
        solo=options.solo,
        follow=Path(options.follow) if options.follow else None,
    )
    home.create()
    return run(home, run_options, announce, log=Log(options.verbose, options.log_format))


def announce(running: Node) -> None:
    """Print the line that scripts wait for, after the notices."""
    for notice in running.notices.values():
        print(f"devstream: {notice}", file=sys.stderr)
    # A notice about the intake has the reason already; without one it is the role.
    if running.options.intake and running.roles.intake is None and "intake" not in running.notices:
        print(
            "devstream: this device is not a collector, so no webhooks are received at "
            f"{running.options.intake}; an admin can make it one: "
            f"devstream team grant {running.team.person} collector",
            file=sys.stderr,
        )
    intake = f" intake={running.roles.intake_url}" if running.roles.intake_url else ""
    metrics = f" metrics={running.metrics_url}" if running.metrics_url else ""
    where = f"mesh={running.mesh_address}{intake}{metrics}"
    print(f"ready device={running.device} {where}", flush=True)


@dataclass(frozen=True)
class Log:
    """The log of one run of a node."""

    verbose: bool = False
    """Standard error has it too."""
    form: str = ""
    """`text` or `json`; empty where the settings decide."""


def run(
    home: Home,
    options: Options,
    on_ready: Callable[[Node], None],
    *,
    on_news: Callable[[], None] | None = None,
    log: Log | None = None,
) -> int:
    """Run a node in this process until a signal ends it; return the exit code."""
    import asyncio

    from devstream_desktop.node.log_file import NodeLog, start_logging
    from devstream_desktop.node.process import Process
    from devstream_desktop.settings import Settings, load_settings

    chosen = log or Log()
    started: list[NodeLog] = []

    def begin() -> None:
        # Only now, because a second node would write into the log of the first.
        settings = load_settings(home.settings).log
        started.append(
            start_logging(home, verbose=chosen.verbose, form=chosen.form, settings=settings)
        )

    def follow(settings: Settings) -> None:
        for one in started:
            one.follow(settings.log)

    asyncio.run(Process(home, options, on_ready, on_news, _report_locked, begin, follow).run())
    return 0


def _report_locked(sentence: str) -> None:
    print(f"devstream: {sentence}", file=sys.stderr, flush=True)
