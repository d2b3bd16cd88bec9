"""Output on the terminal: rows, and JSON for scripts."""

from __future__ import annotations

import os
import sys
import unicodedata
from datetime import datetime

import msgspec

from devstream_desktop.stream.line import told
from devstream_desktop.stream.record import record
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Severity

RED, GREEN, YELLOW = "31", "32", "33"
"""Colours of ECMA-48's Select Graphic Rendition."""


def print_json(value: object) -> None:
    """Print one JSON value on one line, at once."""
    # Flushed at once: a script reads line by line from `tail --follow`.
    print(msgspec.json.encode(value).decode(), flush=True)


def print_line(line: Line, *, as_json: bool = False) -> None:
    """Print one row."""
    if as_json:
        print_json(record(line))
        return
    received = datetime.fromtimestamp(line.received / 1000).astimezone()
    today = received.date() == datetime.now().astimezone().date()
    # The day is said only where it is not today's; a terminal has eighty columns.
    when = f"{received:%H:%M:%S}" if today else f"{received:%d %b %H:%M}"
    print(when, _sign(line), told(line), flush=True)


def day(ms: int) -> str:
    """Return the local day of UTC milliseconds, as in `2026-11-22`."""
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d")


def coloured(text: str, colour: str) -> str:
    """Return `text` in a colour, where standard output shows colours.

    `NO_COLOR`, if not empty, forbids them (https://no-color.org).
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain or not sys.stdout.isatty() else f"\x1b[{colour}m{text}\x1b[0m"


def padded(text: str, columns: int) -> str:
    """Fill `text` with blanks up to so many columns of a terminal.

    Ideographs take two columns, and combining marks none (Unicode's annex 11).
    """
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    marks = sum(unicodedata.category(one) in {"Mn", "Me", "Cf"} for one in text)
    return text + " " * (columns - len(text) - wide + marks)


def _sign(line: Line) -> str:
    state = (line.event.kind, line.event.state)
    # The author of a row that is struck out is not believed, so its state means nothing.
    if line.struck:
        return "⊘"
    if state in RED_STATES:
        return coloured("✗", RED)
    if state in GREEN_STATES:
        return coloured("✓", GREEN)
    return coloured("!", YELLOW) if line.event.severity >= Severity.WARNING else "·"
