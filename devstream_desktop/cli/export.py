"""`devstream export`: every line that a search finds, for other programs."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator

import msgspec

from devstream_desktop.cli.arguments import UsageError, add_json
from devstream_desktop.cli.output import Counter, print_json
from devstream_desktop.cli.question import QUERY, question
from devstream_desktop.control.wording import count
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.cdevents import cdevent_of
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.record import Record, record
from devstream_desktop.stream.subject import Line

_PAGE = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    about = f"{QUERY} (default: everything)"
    parser.add_argument("query", nargs="*", metavar="QUERY", help=about)
    parser.add_argument(
        "--format",
        default="",
        choices=tuple(_FORMS),
        help="jsonl: one JSON object a line (the default), which devstream import takes; csv: with"
        " a header; cdevents: a CDEvent a line, of what CDEvents have a word for",
    )
    parser.add_argument(
        "--since", default="", metavar="TIME", help="2d for two days ago, or 2026-11-22T18:30"
    )
    parser.add_argument("--until", default="", metavar="TIME", help="the same, for the other end")
    add_json(parser, "the same as --format jsonl")
    parser.add_argument("--csv", action="store_true", help="the same as --format csv")
    parser.set_defaults(command=export)


def export(home: Home, options: argparse.Namespace) -> int:
    """Print the lines, newest first; how many goes to standard error."""
    chosen = {options.format} if options.format else set()
    chosen |= {"jsonl"} if options.json else set()
    chosen |= {"csv"} if options.csv else set()
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(sorted(chosen))} are two forms; choose one")
    ends = {"since": options.since, "until": options.until}
    words = [*options.query, *(f"{name}:{value}" for name, value in ends.items() if value)]
    query = question(home, words)
    counter = Counter("line")
    with Reader(home.history) as reader:
        write = _FORMS[chosen.pop() if chosen else "jsonl"]
        left = write(counter.counted(_every(reader, query)))
    counter.end()
    if left:
        print(f"devstream: CDEvents have no word for {count(left, 'line')}", file=sys.stderr)
    return 0


def _every(reader: Reader, query: Query) -> Iterator[Line]:
    before: int | None = None
    while page := reader.page(query, before=before, limit=_PAGE, superseded=True):
        yield from page
        before = page[-1].id


def _write_jsonl(lines: Iterator[Line]) -> int:
    for line in lines:
        print_json(record(line))
    return 0


def _write_csv(lines: Iterator[Line]) -> int:
    names = [field.name for field in msgspec.structs.fields(Record)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for line in lines:
        row = record(line)
        writer.writerow([_cell(getattr(row, name)) for name in names])
    return 0


def _write_cdevents(lines: Iterator[Line]) -> int:
    """Write what there is a word for; return how many lines have none."""
    left = 0
    for line in lines:
        # What a revoked device wrote is not to be taken for true.
        told = None if line.struck else cdevent_of(line.event, line.entry)
        if told is None:
            left += 1
        else:
            print_json(told)
    return left


def _cell(value: object) -> object:
    # A spreadsheet takes such a text for a formula; anybody may have written it.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_FORMS: dict[str, Callable[[Iterator[Line]], int]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "cdevents": _write_cdevents,
}
