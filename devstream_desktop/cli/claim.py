"""`devstream claim`: say that you are on something."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.things import NAMING, named
from devstream_desktop.control.messages.stream import Claim, Release
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `claim`."""
    parser.add_argument("thing", nargs="+", metavar="THING", help=NAMING)
    parser.add_argument("--note", metavar="TEXT", default="", help="one line for the others")
    parser.add_argument("--release", action="store_true", help="you are on it no more")
    parser.set_defaults(command=claim)


def claim(home: Home, options: argparse.Namespace) -> int:
    """Claim a thing or release it; everybody sees it."""
    with Reader(home.history) as reader:
        entry = named(reader, options.thing).line.entry
    request = Release if options.release else Claim
    print(ask(home, request(entry=entry, note=options.note)).text)
    return 0
