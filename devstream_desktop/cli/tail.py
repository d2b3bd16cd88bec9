"""`devstream tail`: the newest lines in a terminal, and those to come."""

from __future__ import annotations

import argparse
import io
import select
import sys
import time
from collections.abc import Iterator

from devstream_desktop.cli.arguments import add_json, add_limit
from devstream_desktop.cli.lines import print_line
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.pages import Pages
from devstream_desktop.home import Home
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

_WAIT_MS = 5_000
"""Milliseconds between two checks that somebody still reads."""
_RECONNECT_S = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `tail`."""
    add_json(parser, "one JSON object a line")
    parser.add_argument("--follow", "-f", action="store_true", help="also print new lines")
    add_limit(parser, 20)
    parser.set_defaults(command=tail)


def tail(home: Home, options: argparse.Namespace) -> int:
    """Print the newest lines, oldest first; with --follow also new ones."""
    with Pages(home.history) as reader:
        try:
            arrival = reader.newest()
            for line in reversed(reader.page(Query(), limit=options.limit, superseded=True)):
                print_line(line, as_json=options.json)
        except HistoryError:
            # There is no history before the first start of the node, which may come.
            if not options.follow:
                raise
            arrival = 0
        if options.follow:
            for line in follow(home, reader, arrival):
                print_line(line, as_json=options.json)
    return 0


def follow(home: Home, reader: Pages, arrival: int) -> Iterator[Line]:
    """Yield every row after `arrival`, without end; wait for a node that stops.

    Raises:
        BrokenPipeError: the reader of standard output is gone.

    """
    # Late, because what is there already is read without a node.
    from devstream_desktop.control.client import Client

    while True:
        try:
            with Client(home.control_url()) as client:
                newest = status = -1
                while True:
                    for line in reader.all_since(arrival):
                        arrival = line.arrival
                        yield line
                    # The node answers at once when there is news, else after the wait.
                    _check_pipe()
                    news = client.ask(Wait(newest=newest, status=status, wait_ms=_WAIT_MS))
                    newest, status = news.newest, news.status
        except (NoNodeError, HistoryError):
            # Also when the history is replaced, as by joining a team.
            _check_pipe()
            time.sleep(_RECONNECT_S)


def _check_pipe() -> None:
    # Without new lines nothing is written, so a reader that is gone (`| head -1`) goes unnoticed.
    if sys.platform == "win32" or not isinstance(sys.stdout, io.TextIOWrapper):
        return
    pipe = select.poll()
    pipe.register(sys.stdout.fileno(), 0)
    if any(events & (select.POLLERR | select.POLLHUP) for _, events in pipe.poll(0)):
        raise BrokenPipeError
