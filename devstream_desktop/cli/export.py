"""`devstream export`: every line that a search finds, for other programs."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator

import msgspec

from devstream_desktop.cli.arguments import UsageError, add_json
from devstream_desktop.cli.output import print_json
from devstream_desktop.cli.question import QUERY, question
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.record import Record, record
from devstream_desktop.stream.subject import Line

_PAGE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    about = f"{QUERY} (default: everything)"
    parser.add_argument("query", nargs="*", metavar="QUERY", help=about)
    add_json(parser, "one JSON object a line (the default)")
    parser.add_argument("--csv", action="store_true", help="comma-separated values with a header")
    parser.set_defaults(command=export)


def export(home: Home, options: argparse.Namespace) -> int:
    """Print the lines, newest first."""
    if options.json and options.csv:
        raise UsageError("--json and --csv are two forms; choose one")
    query = question(home, options.query)
    with Reader(home.history) as reader:
        rows = (record(line) for line in _every(reader, query))
        if options.csv:
            _write_csv(rows)
        else:
            for row in rows:
                print_json(row)
    return 0


def _every(reader: Reader, query: Query) -> Iterator[Line]:
    before: int | None = None
    while page := reader.page(query, before=before, limit=_PAGE, superseded=True):
        yield from page
        before = page[-1].id


def _write_csv(rows: Iterator[Record]) -> None:
    names = [field.name for field in msgspec.structs.fields(Record)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in names])


def _cell(value: object) -> object:
    # A spreadsheet takes such a text for a formula; anybody may have written it.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
