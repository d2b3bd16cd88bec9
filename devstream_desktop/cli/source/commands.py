"""`devstream source list`, `test` and `remove`."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.arguments import Commands
from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.output import print_json
from devstream_desktop.clock import now_ms
from devstream_desktop.control.messages.sources import ProbeSource, RemoveSource
from devstream_desktop.control.messages.status import GetStatus, SourceStatus
from devstream_desktop.control.wording import untold
from devstream_desktop.home import Home
from devstream_desktop.stream.record import timestamp
from devstream_desktop.stream.text import duration


def add_commands(source: Commands) -> None:
    """Add the commands about sources that are there."""
    parser = source.add_parser("list", help="every source and its state")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(command=show)

    about = "send a test event through a source and say how far it got"
    parser = source.add_parser("test", help=about)
    parser.add_argument("name", metavar="NAME")
    parser.set_defaults(command=test)

    parser = source.add_parser("remove", help="remove a source")
    parser.add_argument("name", metavar="NAME")
    parser.set_defaults(command=remove)


def show(home: Home, options: argparse.Namespace) -> int:
    """Print every source and its state."""
    found = ask(home, GetStatus()).sources
    if options.json:
        print_json(found)
        return 0
    for source in found:
        print(_described(source))
    if not found:
        print("there is no source yet; add one: devstream source add git NAME PATH_OR_URL")
    return 0


def _described(source: SourceStatus) -> str:
    # Only what is set, because a healthy source should fit one line.
    heard = timestamp(source.seen) if source.seen else "never"
    expected = f" (expected every {duration(source.expected * 1000)})" if source.expected else ""
    silent = untold(source, now_ms())
    counts = f", {silent}" if silent else ""
    about = f"{source.events:6} events{counts}, last heard {heard}{expected}"
    ends = f"  token ends {timestamp(source.token_ends)[:10]}" if source.token_ends else ""
    error = f"  {source.error}" if source.error else ""
    name = f"{source.name:20} {source.type:12} {source.state:7}"
    return f"{name} {about}  {source.location}{ends}{error}"


def test(home: Home, options: argparse.Namespace) -> int:
    """Send a test event through a source."""
    print(ask(home, ProbeSource(name=options.name)).text)
    return 0


def remove(home: Home, options: argparse.Namespace) -> int:
    """Remove a source."""
    print(ask(home, RemoveSource(name=options.name)).text)
    return 0
