"""`devstream red`: what is broken now."""

from __future__ import annotations

import argparse

from devstream_desktop.cli.arguments import add_json, add_limit
from devstream_desktop.cli.output import print_json
from devstream_desktop.cli.things import print_thing
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.record import thing_record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `red`."""
    add_json(parser, "one JSON object a thing")
    add_limit(parser, 50)
    parser.add_argument("--unclaimed", action="store_true", help="only what nobody is on")
    parser.set_defaults(command=red)


def red(home: Home, options: argparse.Namespace) -> int:
    """Print what is broken, the worst first."""
    with Reader(home.history) as reader:
        found = reader.red_now(limit=options.limit, unclaimed=options.unclaimed)
    for thing in found:
        if options.json:
            print_json(thing_record(thing))
        else:
            print_thing(thing)
    if not found and not options.json:
        print("nothing is broken" if not options.unclaimed else "nothing waits for somebody")
    return 0
