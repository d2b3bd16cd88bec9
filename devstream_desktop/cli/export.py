"""`devstream export`: every line that a search finds, for other programs."""

from __future__ import annotations

import argparse
import sys

from devstream_desktop.cli.arguments import UsageError, add_json
from devstream_desktop.cli.output import Counter
from devstream_desktop.cli.question import QUERY, question
from devstream_desktop.control.wording import count
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.export import Form, write_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `export`."""
    about = f"{QUERY} (default: everything)"
    parser.add_argument("query", nargs="*", metavar="QUERY", help=about)
    parser.add_argument(
        "--format",
        default="",
        choices=tuple(form.value for form in Form),
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
    words = [*options.query, *(f'{name}:"{value}"' for name, value in ends.items() if value)]
    query = question(home, words)
    counter = Counter("line")
    with Reader(home.history) as reader:
        form = Form(chosen.pop()) if chosen else Form.JSONL
        left = write_lines(form, counter.counted(reader.every(query)), sys.stdout)
    counter.end()
    if left:
        print(f"devstream: CDEvents have no word for {count(left, 'line')}", file=sys.stderr)
    return 0
