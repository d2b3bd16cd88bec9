"""`devstream board`: services by environments."""

from __future__ import annotations

import argparse
import time

import msgspec

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.output import GREEN, RED, YELLOW, coloured, padded, print_json
from devstream_desktop.cli.own_names import own_names
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.record import Record, ThingRecord, record, thing_record, timestamp
from devstream_desktop.stream.text import roughly, short_revision
from devstream_desktop.stream.thing import Cell, counted_changes

_SERVICE = 20
_PLACE = 14


class CellRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A service in an environment; absent texts are empty, absent lines null."""

    service: str
    environment: str
    revision: str
    since: str
    by: str
    waiting: int
    """Changes that wait, at most 99."""
    mine: int
    deploy: Record | None
    """The deploy that runs there."""
    moving: Record | None
    """The deploy that is under way."""
    deploy_failed: bool
    """The last deploy there failed."""
    test: Record | None
    red: list[ThingRecord]
    lock: Record | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `board`."""
    add_json(parser, "one JSON object a service and environment")
    parser.set_defaults(command=board)


def board(home: Home, options: argparse.Namespace) -> int:
    """Print what runs where, what is wrong there, and what waits."""
    with Reader(home.history) as reader:
        found = reader.board(mine=own_names(home), now=int(time.time() * 1000))
    for service in found.services:
        for environment in found.environments:
            cell = found.cells.get((service, environment))
            if cell is None:
                continue
            if options.json:
                print_json(_record(cell))
            else:
                print(padded(service, _SERVICE), padded(environment, _PLACE), _told(cell))
    if not found.cells and not options.json:
        print("no deploy is in the stream yet")
    return 0


def _record(cell: Cell) -> CellRecord:
    runs, moving = cell.running, cell.deploy.moving if cell.deploy else None
    return CellRecord(
        service=cell.service,
        environment=cell.environment,
        revision=runs.revision if runs else "",
        since=timestamp(runs.since_ms) if runs else "",
        by=runs.by if runs else "",
        waiting=cell.waiting,
        mine=cell.mine,
        deploy=record(runs.deploy) if runs else None,
        moving=record(moving) if moving else None,
        deploy_failed=cell.deploy is not None and cell.deploy.red,
        test=record(cell.test) if cell.test else None,
        red=[thing_record(thing) for thing in cell.red],
        lock=record(cell.lock) if cell.lock else None,
    )


def _told(cell: Cell) -> str:
    runs, parts = cell.running, []
    failed = cell.deploy is not None and cell.deploy.red
    mark = coloured("✗", RED) if failed or cell.red else coloured("✓", GREEN)
    if runs is not None:
        ago = roughly(int(time.time() * 1000) - runs.since_ms)
        what = short_revision(runs.revision) or "something unnamed"
        parts.append(f"{what} by {runs.by or 'somebody'} {ago} ago")
    else:
        parts.append("nothing deployed")
    if failed:
        parts.append("the last deploy failed")
    parts += [f"red: {thing.line.event.title or thing.state}" for thing in cell.red[:2]]
    if cell.deploy is not None and cell.deploy.moving is not None:
        moving = cell.deploy.moving.event
        parts.append(f"{moving.actor or 'somebody'} is deploying {short_revision(moving.revision)}")
    if cell.lock is not None:
        parts.append(coloured(f"locked by {cell.lock.event.actor or 'somebody'}", YELLOW))
    if cell.waiting:
        yours = f", {cell.mine} yours" if cell.mine else ""
        parts.append(f"{counted_changes(cell.waiting)} waiting{yours}")
    return f"{mark} {'; '.join(parts)}"
