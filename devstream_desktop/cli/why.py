"""`devstream why`: the reason why a line did or did not pop up."""

from __future__ import annotations

import argparse

import msgspec

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.output import print_json
from devstream_desktop.desk.store import DeskStore, Reason
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.record import Record, record
from devstream_desktop.stream.rules import Attention

_SAID = {
    Attention.POPUP: "It popped up",
    Attention.DIGEST: "It was in the digest",
    Attention.QUIET: "It did not pop up",
}


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A line and what this desk did with it; both texts are empty where it has no memory of it."""

    attention: str
    reason: str
    line: Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `why`."""
    about = "the id of a line, or its beginning (eight digits): devstream search --json"
    parser.add_argument("id", metavar="ID", help=about)
    add_json(parser)
    parser.set_defaults(command=why)


def why(home: Home, options: argparse.Namespace) -> int:
    """Print a line and why it popped up or did not."""
    with Reader(home.history) as reader:
        found = reader.find(options.id)
    if len(found) != 1:
        many = "several lines have" if found else "no line has"
        raise DevstreamError(f"{many} an id that begins with {options.id!r}")
    (line,) = found
    reason: Reason | None = None
    # A desk that never ran has no memory, and none is made for the question.
    if home.desk.exists():
        with DeskStore(home.desk) as store:
            reason = store.reason(line.entry)
    if options.json:
        said = reason.attention.value if reason else ""
        told = reason.reason if reason else ""
        print_json(Verdict(attention=said, reason=told, line=record(line)))
        return 0
    print_line(line)
    if reason is None:
        print("This desk has no memory of it: it did not run then, or that is too long ago.")
    else:
        print(f"{_SAID[reason.attention]}: {reason.reason}.")
    return 0
