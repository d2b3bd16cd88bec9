"""`devstream mute`: keep a thing quiet on this desk."""

from __future__ import annotations

import argparse
import time

from devstream_desktop.cli.arguments import seconds
from devstream_desktop.cli.things import NAMING, named
from devstream_desktop.desk.store import DeskStore
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.text import roughly


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `mute`."""
    parser.add_argument("thing", nargs="+", metavar="THING", help=NAMING)
    length = parser.add_mutually_exclusive_group()
    about = "how long, such as 30m or 8h (default 4h)"
    length.add_argument("--for", dest="length", type=seconds, default=4 * 3600, help=about)
    length.add_argument("--end", action="store_true", help="it may pop up again")
    parser.set_defaults(command=mute)


def mute(home: Home, options: argparse.Namespace) -> int:
    """Mute a thing, or end that. Only this desk is quiet; its end is told all the same."""
    with Reader(home.history) as reader:
        event = named(reader, options.thing).line.event
    now = int(time.time() * 1000)
    with DeskStore(home.desk) as store:
        if store.trouble:
            raise DevstreamError(f"the mute cannot be kept in {home.desk}: {store.trouble}")
        store.mute(topic_of(event), 0 if options.end else now + options.length * 1000)
    name = event.title or event.subject
    if options.end:
        print(f"{name} may pop up here again")
    else:
        print(f"{name} does not pop up here for {roughly(options.length * 1000)}")
    return 0
