"""`devstream where`: the environments where a commit is by now."""

from __future__ import annotations

import argparse

import msgspec

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.output import GREEN, coloured, padded, print_json
from devstream_desktop.cli.trail import COMMIT, UnknownCommitError, whole_sha
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.record import timestamp
from devstream_desktop.stream.text import short_revision
from devstream_desktop.stream.thing import Place, Presence


class PlaceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An environment, and whether the commit is there."""

    service: str
    environment: str
    presence: str
    """`runs`, `included` in a later commit, `waits`, or `unknown`."""
    runs: str
    """The commit that runs there."""
    since: str
    """The time since when the commit is there; empty where it is not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `where`."""
    parser.add_argument("sha", metavar="SHA", help=COMMIT)
    add_json(parser, "one JSON object an environment")
    parser.set_defaults(command=where)


def where(home: Home, options: argparse.Namespace) -> int:
    """Print each environment of the commit's service."""
    with Reader(home.history) as reader:
        places = reader.where(whole_sha(reader, options.sha))
    if not places:
        raise UnknownCommitError("nothing is known of where this commit's service runs")
    for place in places:
        if options.json:
            print_json(_record(place))
        else:
            _print(place)
    return 0


def _record(place: Place) -> PlaceRecord:
    return PlaceRecord(
        service=place.service,
        environment=place.environment,
        presence=place.presence.value,
        runs=place.running.revision,
        since=timestamp(place.brought.event.time) if place.brought else "",
    )


def _print(place: Place) -> None:
    runs = short_revision(place.running.revision) or "something unnamed"
    said = {
        Presence.RUNS: coloured("runs", GREEN),
        Presence.INCLUDED: f"{coloured('is in', GREEN)} {runs}, which runs",
        Presence.WAITS: f"waits: {runs} runs",
        Presence.UNKNOWN: f"unknown: {runs} runs, which is on no branch with it",
    }[place.presence]
    print(padded(place.service, 20), padded(place.environment, 16), said, flush=True)
