"""`devstream digest`: what to know when one comes on duty."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import msgspec

from devstream_desktop.cli.arguments import add_json, moment
from devstream_desktop.cli.lines import print_line
from devstream_desktop.cli.output import print_json
from devstream_desktop.cli.things import print_thing
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.record import Record, ThingRecord, record, thing_record, timestamp
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import HandOver, Thing, counted_changes, counted_news

_SHIFT_S = 8 * 3600


class WaitingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that wait for an environment."""

    service: str
    environment: str
    count: int
    """All of them, at most 99."""
    changes: list[Record]
    """The oldest."""


class DigestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A hand-over, as a script reads it."""

    since: str
    red: list[ThingRecord]
    shipped: list[Record]
    failed: list[Record]
    fixed: list[Record]
    tickets: list[Record]
    locks: list[Record]
    silent: list[ThingRecord]
    waiting: list[WaitingRecord]
    gaps: list[Record]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `digest`."""
    about = "since when, such as 8h or 2026-11-22T18:30 (default 8h)"
    parser.add_argument("--since", type=moment, metavar="WHEN", help=about)
    add_json(parser)
    parser.set_defaults(command=digest)


def digest(home: Home, options: argparse.Namespace) -> int:
    """Print what is broken, what happened since, and what waits."""
    now = int(time.time() * 1000)
    since = options.since if options.since is not None else now - _SHIFT_S * 1000
    with Reader(home.history) as reader:
        over = reader.hand_over(since, now=now)
    if options.json:
        print_json(_record(over))
        return 0
    _print_things("Broken, and nobody is on it", over.unclaimed)
    _print_things("Broken, and somebody is on it", over.claimed)
    _print_things("Sources that are silent", over.silent)
    _print_lines("Shipped", over.shipped)
    _print_lines("Deploys that failed", over.failed)
    _print_lines("Fixed", over.fixed)
    _print_lines("Tickets opened", over.tickets)
    _print_lines("Locked", over.locks)
    _print_lines("Not all was read", over.gaps)
    for one in over.waiting:
        changes = "1 change" if one.count == 1 else f"{counted_changes(one.count)} changes"
        print(f"Waiting for {one.service} {one.environment}: {changes}")
    if over == HandOver(over.since_ms):
        print("nothing is broken, nothing waits, and nothing was shipped")
    return 0


def _print_things(title: str, things: Sequence[Thing]) -> None:
    if things:
        print(f"{title}: {counted_news(len(things))}")
        for thing in things:
            print_thing(thing)


def _print_lines(title: str, lines: Sequence[Line]) -> None:
    if lines:
        print(f"{title}: {counted_news(len(lines))}")
        for line in lines:
            print_line(line)


def _record(over: HandOver) -> DigestRecord:
    return DigestRecord(
        since=timestamp(over.since_ms),
        red=[*map(thing_record, over.red)],
        shipped=[*map(record, over.shipped)],
        failed=[*map(record, over.failed)],
        fixed=[*map(record, over.fixed)],
        tickets=[*map(record, over.tickets)],
        locks=[*map(record, over.locks)],
        silent=[*map(thing_record, over.silent)],
        waiting=[
            WaitingRecord(
                service=one.service,
                environment=one.environment,
                changes=[*map(record, one.changes)],
                count=one.count,
            )
            for one in over.waiting
        ],
        gaps=[*map(record, over.gaps)],
    )
