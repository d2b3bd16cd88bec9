"""`devstream import`: lines of another home, as history."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from devstream_desktop import machine
from devstream_desktop.cli.arguments import add_json, moment
from devstream_desktop.cli.node_client import ask_node
from devstream_desktop.cli.output import Counter, print_json
from devstream_desktop.control.messages.imports import Import
from devstream_desktop.control.wording import count
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.bounds import MAX_DEPTH, check_json
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.record import Record, event_of, milliseconds

_LINE = 256 << 10
"""Bytes of a line; an event has about one thousand."""
_BATCH = 200
_NAMED = 3
_MOST_UNREADABLE = 10_000
"""Lines that are remembered by their numbers; a file with more is no export."""

_decoder = msgspec.json.Decoder(Record)


class _Result(msgspec.Struct, frozen=True):
    """Result of an import."""

    taken: int
    known: int
    unfit: int
    """Lines that are no history: duty, claims, policies, or of a revoked device."""
    unreadable: tuple[int, ...]
    """Numbers of the lines that are no records."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `import`."""
    parser.epilog = (
        "This device must be a collector, and its node must run. Nothing pops up, nothing is told"
        " twice, and everybody in the team gets the lines."
    )
    parser.add_argument(
        "file", metavar="FILE", help="what devstream export wrote; - for standard input"
    )
    parser.add_argument(
        "--since", type=moment, default=0, metavar="TIME", help="only what is as new as this"
    )
    add_json(parser)
    parser.set_defaults(command=import_)


def import_(home: Home, options: argparse.Namespace) -> int:
    """Take the lines in, the oldest first, and tell the result."""
    counter = Counter("line")
    with _opened(options.file) as file, Reader(home.history) as reader:
        places, unreadable = _places(file, options.since)
        taken = known = unfit = 0
        waiting: list[Event] = []
        for number, place in enumerate(counter.counted(places), 1):
            told = _read(file, place)
            event = None if told is None or told.struck else _event(told)
            if told is None or event is None:
                unfit += 1
            elif told.request and reader.find(told.id, received=_received(told)):
                # An executor's own word, which this team has: it is not told once more as seen.
                known += 1
            else:
                waiting.append(event)
            if waiting and (len(waiting) == _BATCH or number == len(places)):
                done = ask_node(home, Import(events=tuple(waiting)))
                taken, known, unfit = taken + done.taken, known + done.known, unfit + done.unfit
                waiting = []
    counter.end()
    result = _Result(taken, known, unfit, tuple(unreadable))
    if options.json:
        print_json(result)
    else:
        print(_sentence(result))
    return 1 if unreadable else 0


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    """Open a file that can be read twice."""
    if name != "-":
        try:
            with Path(name).open("rb") as file:
                yield file
        except OSError as error:
            raise DevstreamError(f"{name} cannot be read: {machine.reason(error)}") from error
        return
    with tempfile.TemporaryFile() as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.seek(0)
        yield file


def _places(file: IO[bytes], since: int) -> tuple[list[int], list[int]]:
    """Return where the lines begin, the oldest event first; and the numbers of unreadable ones.

    Raises:
        DevstreamError: too many are unreadable.

    """
    found: list[tuple[int, int]] = []
    unreadable: list[int] = []
    number = place = 0
    while line := file.readline(_LINE):
        number += 1
        told = _decoded(line) if line.endswith(b"\n") or len(line) < _LINE else None
        if told is None and line.strip():
            unreadable.append(number)
            if len(unreadable) > _MOST_UNREADABLE:
                raise DevstreamError(
                    f"this is no export: {_MOST_UNREADABLE:,} lines in it are no records, so"
                    " nothing is imported; name a file that devstream export wrote"
                )
            # The rest of a line without end is none of its own.
            while line and not line.endswith(b"\n"):
                line = file.readline(_LINE)
        elif told is not None and (at := milliseconds(told.time)) >= since:
            found.append((at, place))
        place = file.tell()
    # An export has the newest first. What came later outranks what came before.
    found.sort()
    return [place for _, place in found], unreadable


def _read(file: IO[bytes], place: int) -> Record | None:
    file.seek(place)
    return _decoded(file.readline(_LINE))


def _received(told: Record) -> int:
    """Return when a line was received, UTC milliseconds; 0 where it says no time."""
    try:
        return milliseconds(told.received) if told.received else 0
    except ValueError:
        return 0


def _decoded(line: bytes) -> Record | None:
    try:
        check_json(line, MAX_DEPTH)
        told = _decoder.decode(line)
        milliseconds(told.time)
    # Bytes that nest too deeply, are no JSON or no UTF-8, or are no record.
    except ValueError:
        return None
    return told


def _event(told: Record) -> Event | None:
    """Make the event of a record; None where a word of it is none of ours."""
    try:
        return event_of(told)
    except InvalidEventError:
        return None


def _sentence(result: _Result) -> str:
    parts = [f"{count(result.taken, 'line')} imported", f"{result.known:,} known already"]
    if result.unfit:
        parts.append(f"{result.unfit:,} no history (duty, claims, requests, policies)")
    if result.unreadable:
        named = ", ".join(map(str, result.unreadable[:_NAMED]))
        more = ", …" if len(result.unreadable) > _NAMED else ""
        parts.append(f"{len(result.unreadable):,} unreadable (line {named}{more})")
    return "; ".join(parts)
