"""`devstream red`: what is broken now."""

from __future__ import annotations

import argparse
import sys

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
        # One more than is shown tells that there are more.
        found = reader.red_now(limit=options.limit + 1, unclaimed=options.unclaimed)
    more, found = len(found) > options.limit, found[: options.limit]
    for thing in found:
        if options.json:
            print_json(thing_record(thing))
        else:
            print_thing(thing)
    if more and not options.json:
        print(f"the worst {len(found)}; there are more, with --limit", file=sys.stderr)
    if not found and not options.json:
        print("nothing is broken" if not options.unclaimed else "nothing waits for somebody")
    return 0
