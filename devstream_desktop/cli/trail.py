"""`devstream trail`: a commit from change to consequence."""

from __future__ import annotations

import argparse

import msgspec

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.output import print_json
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.record import Record, record
from devstream_desktop.stream.text import clean

COMMIT = "a commit, by four digits or more"


class TrailRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of a commit, each oldest first."""

    revision: str
    changes: list[Record]
    checks: list[Record]
    deploys: list[Record]
    incidents: list[Record]


class UnknownCommitError(DevstreamError):
    """The history knows no such commit, or more than one."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `trail`."""
    parser.add_argument("sha", metavar="SHA", help=COMMIT)
    add_json(parser)
    parser.set_defaults(command=trail)


def whole_sha(reader: Reader, beginning: str) -> str:
    """Return the one commit that begins so.

    Raises:
        UnknownCommitError: there is none, or more than one.
    """
    known = reader.revisions(beginning)
    if len(known) == 1:
        return known[0]
    said = clean(beginning, 40)
    if not known:
        raise UnknownCommitError(f"no commit that begins with {said!r} is in the stream")
    several = ", ".join(one[:12] for one in known)
    raise UnknownCommitError(f"several commits begin with {said!r}: {several}")


def trail(home: Home, options: argparse.Namespace) -> int:
    """Print a commit's changes, checks, deploys and the incidents after them."""
    with Reader(home.history) as reader:
        found = reader.trail(whole_sha(reader, options.sha))
    if found is None:
        raise UnknownCommitError(f"nothing is known of {clean(options.sha, 40)!r} any more")
    parts = (found.changes, found.checks, found.deploys, found.incidents)
    if options.json:
        names = ("changes", "checks", "deploys", "incidents")
        lists = {name: [*map(record, part)] for name, part in zip(names, parts, strict=True)}
        print_json(TrailRecord(revision=found.revision, **lists))
        return 0
    print(found.revision)
    for part in parts:
        for line in part:
            print_line(line)
    return 0
