"""emit, tail, search and duty: the stream in a terminal."""

from __future__ import annotations

import argparse
import io
import select
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from devstream_desktop.cli.asking import ask, print_json
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import NoNodeError
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.control.messages.stream import Emit, SetDuty, Wait
from devstream_desktop.control.wording import on_duty
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.database import HistoryError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.line import told
from devstream_desktop.stream.query import InvalidQueryError, Query, parse_query
from devstream_desktop.stream.record import record
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Severity

_LOOK_MS = 5_000
"""How often `--follow` looks whether anybody still reads."""


def emit(home: Home, options: argparse.Namespace) -> int:
    """Put one event into the stream and print its key."""
    done = ask(
        home,
        Emit(
            kind=options.kind,
            state=options.state,
            service=options.service,
            environment=options.environment,
            ref=options.ref,
            revision=options.revision,
            actor=options.actor,
            title=options.title,
            url=options.url,
            severity=options.severity,
            subject=options.subject,
        ),
    )
    print(done.text)
    return 0


def tail(home: Home, options: argparse.Namespace) -> int:
    """Print the newest lines, oldest first; with --follow go on with what comes."""
    with Reader(home.history) as reader:
        try:
            arrival = reader.newest()
            for line in reversed(reader.page(Query(), limit=options.limit, superseded=True)):
                show(line, as_json=options.json)
        except HistoryError:
            if not options.follow:
                raise
            arrival = 0
        if options.follow:
            for line in follow(home, reader, arrival):
                show(line, as_json=options.json)
    return 0


def follow(home: Home, reader: Reader, arrival: int) -> Iterator[Line]:
    """Every row that comes after `arrival`, for ever; a node that goes away is waited for.

    Raises:
        BrokenPipeError: whoever read standard output is gone.

    """
    while True:
        try:
            with Client(home.control_url()) as client:
                newest = status = -1
                while True:
                    for line in reader.all_since(arrival):
                        arrival = line.arrival
                        yield line
                    _see_reader()
                    news = client.ask(Wait(newest=newest, status=status, wait_ms=_LOOK_MS))
                    newest, status = news.newest, news.status
        except (NoNodeError, HistoryError):
            _see_reader()
            time.sleep(0.5)


def _see_reader() -> None:
    """Notice that the reader of a pipe (`| head -1`) is gone also while there is nothing to write."""
    if sys.platform == "win32" or not isinstance(sys.stdout, io.TextIOWrapper):
        return
    pipe = select.poll()
    pipe.register(sys.stdout.fileno(), 0)
    if any(events & (select.POLLERR | select.POLLHUP) for _, events in pipe.poll(0)):
        raise BrokenPipeError


def search(home: Home, options: argparse.Namespace) -> int:
    """Print what answers a query, newest last."""
    try:
        query = parse_query(" ".join(options.query))
    except InvalidQueryError as error:
        raise DevstreamError(str(error)) from None
    with Reader(home.history) as reader:
        found = reader.page(query, limit=options.limit, superseded=True)
    for line in reversed(found):
        show(line, as_json=options.json)
    if not found:
        print("nothing found", file=sys.stderr)
    return 0


def show(line: Line, *, as_json: bool) -> None:
    """One row on standard output."""
    if as_json:
        print_json(record(line))
        return
    moment = datetime.fromtimestamp(line.received / 1000).astimezone()
    today = moment.date() == datetime.now().astimezone().date()
    print(f"{moment:%H:%M:%S}" if today else f"{moment:%d %b %H:%M}", glyph(line), told(line), flush=True)


def glyph(line: Line) -> str:
    """One sign for how it is, in colour on a terminal."""
    if line.struck:
        return "⊘"
    word = (line.event.kind, line.event.state)
    sign, colour = ("✗", "31") if word in RED_STATES else ("✓", "32") if word in GREEN_STATES else ("·", "")
    if sign == "·" and line.event.severity >= Severity.WARNING:
        sign, colour = "!", "33"
    return f"\x1b[{colour}m{sign}\x1b[0m" if colour and sys.stdout.isatty() else sign


def duty(home: Home, options: argparse.Namespace) -> int:
    """Go on or off duty, or print who is."""
    if options.what == "show":
        found = ask(home, GetStatus())
        if options.json:
            print_json({"person": found.person, "on_duty": found.on_duty, "duty": on_duty(found)})
            return 0
        print(f"{found.person} is {'on' if found.on_duty else 'off'} duty")
        others = [person for person in on_duty(found) if person != found.person]
        if others:
            print(f"on duty too: {', '.join(others)}")
        return 0
    print(ask(home, SetDuty(on=options.what == "on")).text)
    return 0
