"""Output on the terminal: colours and columns, and JSON for scripts."""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec

_T = TypeVar("_T")
_STEP = 1_000
"""Things between two words on progress."""
RED, GREEN, YELLOW = "31", "32", "33"
"""Colours of ECMA-48's Select Graphic Rendition."""


def print_json(value: object) -> None:
    """Print one JSON value on one line, at once."""
    # Flushed at once: a script reads line by line from `tail --follow`.
    print(msgspec.json.encode(value).decode(), flush=True)


def print_list(
    options: argparse.Namespace, found: Sequence[object], lines: Iterable[str], none: str
) -> None:
    """Print what was found: a line each, or `none`; with `--json` one value."""
    if options.json:
        print_json(found)
        return
    for line in lines:
        print(line)
    if not found:
        print(none)


class Counter:
    """Progress of a long command, on a terminal's standard error only.

    `what` is one of the counted things: `line`.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()
        self.number = 0

    def counted(self, things: Iterable[_T]) -> Iterator[_T]:
        """Hand on each thing and count it."""
        for thing in things:
            yield thing
            self.number += 1
            if self._shown and self.number % _STEP == 0:
                self._show("\r")

    def end(self) -> None:
        """Show the last number."""
        if self._shown:
            self._show("\n")

    def _show(self, end: str) -> None:
        s = "" if self.number == 1 else "s"
        print(f"{self.number:,} {self._what}{s}", end=end, file=sys.stderr, flush=True)


def day(ms: int) -> str:
    """Return the local day of UTC milliseconds, as in `2026-11-22`."""
    return datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d")


def coloured(text: str, colour: str) -> str:
    """Return `text` in a colour, where colours are shown or asked for.

    `NO_COLOR`, if not empty, forbids them (https://no-color.org), `FORCE_COLOR` wants them in a
    pipe too (https://force-color.org).
    """
    if os.environ.get("NO_COLOR"):
        return text
    shows = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    return f"\x1b[{colour}m{text}\x1b[0m" if shows or os.environ.get("FORCE_COLOR") else text


def padded(text: str, columns: int) -> str:
    """Fill `text` with blanks up to so many columns of a terminal.

    Ideographs take two columns, and combining marks none (Unicode's annex 11).
    """
    wide = sum(unicodedata.east_asian_width(one) in "WF" for one in text)
    marks = sum(unicodedata.category(one) in {"Mn", "Me", "Cf"} for one in text)
    return text + " " * (columns - len(text) - wide + marks)
