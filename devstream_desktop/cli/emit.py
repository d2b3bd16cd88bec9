"""`devstream emit`: publish one event, from a script."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from devstream_desktop.cli.arguments import moment, prose, whole
from devstream_desktop.cli.node_client import ask
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.home import Home

if TYPE_CHECKING:
    from devstream_desktop.cli.commands import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the arguments of `emit`."""
    kind = parser.add_argument("--kind", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--service", required=True, help="what it is about, such as shop")
    parser.add_argument("--environment", default="")
    parser.add_argument("--ref", default="", help="branch or tag")
    parser.add_argument("--revision", default="", metavar="SHA")
    parser.add_argument(
        "--previous", default="", metavar="SHA", help="the commit the branch was at before"
    )
    parser.add_argument("--count", type=whole, default=0, help="commits of a push, failed tests")
    parser.add_argument(
        "--key", default="", metavar="TEXT", help="your own name for this happening: reported once"
    )
    parser.add_argument("--actor", type=prose, default="", help="who did it")
    parser.add_argument("--title", type=prose, default="", help="one line; more is cut")
    parser.add_argument("--url", default="")
    parser.add_argument(
        "--time",
        type=moment,
        default=0,
        metavar="WHEN",
        help="when it happened, as 5m (ago) or 2026-11-22T18:30Z; default: now",
    )
    severity = parser.add_argument("--severity", default="")
    parser.add_argument(
        "--subject",
        default="",
        metavar="ID",
        help="what the row is about, so that later events replace it",
    )
    parser.set_defaults(command=emit)

    def describe(parser: CommandParser) -> None:
        # Late: the node checks the words, so that a script does not load them.
        from devstream_desktop.stream.words import STATES, Kind, Severity

        kind.help = ", ".join(Kind)
        severity.help = ", ".join(one.word for one in Severity)
        states = "; ".join(f"{of}: {' '.join(names)}" for of, names in STATES.items())
        parser.epilog = f"states: {states}"

    parser.descriptions = describe


def emit(home: Home, options: argparse.Namespace) -> int:
    """Publish one event and print its key."""
    # Checked by the node, which knows what this device may publish.
    request = Emit(
        kind=options.kind,
        state=options.state,
        service=options.service,
        environment=options.environment,
        ref=options.ref,
        revision=options.revision,
        actor=options.actor,
        title=options.title,
        url=options.url,
        severity=options.severity,
        subject=options.subject,
        previous=options.previous,
        count=max(options.count, 0),
        key=options.key,
        time=options.time,
    )
    print(ask(home, request).text)
    return 0
