"""`devstream note`: say one line about a thing."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.node_client import ask
from devstream_desktop.cli.things import NAMING, named
from devstream_desktop.control.messages.stream import Note
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `note`."""
    parser.add_argument("thing", metavar="THING", help=f"{NAMING}; several words in quotes")
    parser.add_argument("text", nargs="+", metavar="TEXT", help="one line for the others")
    parser.add_argument("--to", metavar="PERSON", default="", help="ask PERSON to take over")
    parser.set_defaults(command=note)


def note(home: Home, options: argparse.Namespace) -> int:
    """Publish a note on a thing; everybody sees it."""
    with Reader(home.history) as reader:
        entry = named(reader, options.thing.split()).line.entry
    print(ask(home, Note(entry=entry, note=" ".join(options.text), to=options.to)).text)
    return 0
