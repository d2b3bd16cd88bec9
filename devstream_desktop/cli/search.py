"""`devstream search`: lines of the history that match a query."""

from __future__ import annotations

import argparse
import sys

from devstream_desktop.cli.arguments import add_json, add_limit
from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.question import QUERY, question
from devstream_desktop.history.pages import Pages
from devstream_desktop.home import Home

_MOST = 10_000
"""Hits that are counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `search`."""
    parser.add_argument("query", nargs="+", metavar="QUERY", help=QUERY)
    add_json(parser, "one JSON object a line")
    add_limit(parser, 50)
    parser.set_defaults(command=search)


def search(home: Home, options: argparse.Namespace) -> int:
    """Print the lines that match a query, newest last."""
    query = question(home, options.query)
    with Pages(home.history) as reader:
        found = reader.page(query, limit=options.limit, superseded=True)
        hits = reader.hits(query, most=_MOST) if len(found) == options.limit else len(found)
    for line in reversed(found):
        print_line(line, as_json=options.json)
    # On standard error, so that a script that counts lines counts none.
    if not found:
        print("nothing found", file=sys.stderr)
    elif hits > len(found) and not options.json:
        many = f"{hits} or more" if hits == _MOST else hits
        print(f"the newest {len(found)} of {many} things; more with --limit", file=sys.stderr)
    return 0
