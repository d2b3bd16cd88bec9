"""`devstream tail` and `devstream search`: the history in a terminal."""

from __future__ import annotations

import argparse
import io
import select
import sys
import time
from collections.abc import Iterator

from devstream_desktop.cli.arguments import Commands, positive
from devstream_desktop.cli.output import print_line
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.stream import Wait
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.query import InvalidQueryError, Query, parse_query
from devstream_desktop.stream.subject import Line

_WAIT_MS = 5_000
"""Milliseconds between two checks that somebody still reads."""
_RECONNECT_S = 0.5


def add_commands(commands: Commands) -> None:
    """Add `tail` and `search`."""
    parser = commands.add_parser("tail", help="show the newest lines")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--follow", "-f", action="store_true", help="also print new lines")
    _add_limit(parser, 20)
    parser.set_defaults(command=tail)

    parser = commands.add_parser(
        "search", help="find lines: words, and kind: state: env: service: filters"
    )
    parser.add_argument("query", nargs="+", metavar="QUERY")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    _add_limit(parser, 50)
    parser.set_defaults(command=search)


def _add_limit(parser: argparse.ArgumentParser, default: int) -> None:
    about = f"how many (default {default})"
    parser.add_argument("--limit", "-n", type=positive, default=default, metavar="N", help=about)


def tail(home: Home, options: argparse.Namespace) -> int:
    """Print the newest lines, oldest first; with --follow also new ones."""
    with Reader(home.history) as reader:
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


def follow(home: Home, reader: Reader, arrival: int) -> Iterator[Line]:
    """Yield every row after `arrival`, without end; wait for a node that stops.

    Raises:
        BrokenPipeError: the reader of standard output is gone.

    """
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


def search(home: Home, options: argparse.Namespace) -> int:
    """Print the lines that match a query, newest last."""
    try:
        query = parse_query(" ".join(options.query))
    except InvalidQueryError as error:
        raise DevstreamError(str(error)) from None
    with Reader(home.history) as reader:
        found = reader.page(query, limit=options.limit, superseded=True)
    for line in reversed(found):
        print_line(line, as_json=options.json)
    # On standard error, so that a script that counts lines counts none.
    if not found:
        print("nothing found", file=sys.stderr)
    return 0
