"""Lines as files for other programs: JSON, CSV or CDEvents.

One writer for the command and the window.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from enum import StrEnum
from typing import TextIO

import msgspec

from devstream_desktop.stream.cdevents import cdevent_of
from devstream_desktop.stream.record import Record, record
from devstream_desktop.stream.subject import Line

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Form(StrEnum):
    """The forms of an export."""

    JSONL = "jsonl"
    """One JSON object a line, a `Record`."""
    CSV = "csv"
    """Comma-separated values of the same, with a header."""
    CDEVENTS = "cdevents"
    """A CDEvent a line, of what CDEvents have a word for."""


def write_lines(form: Form, lines: Iterable[Line], out: TextIO) -> int:
    """Write lines; return how many the form has no word for."""
    if form is Form.CSV:
        _write_csv(lines, out)
        return 0
    left = 0
    for line in lines:
        told: object = record(line)
        if form is Form.CDEVENTS:
            # What a revoked device wrote is not to be taken for true.
            told = None if line.struck else cdevent_of(line.event, line.entry)
        if told is None:
            left += 1
        else:
            out.write(msgspec.json.encode(told).decode() + "\n")
    return left


def _write_csv(lines: Iterable[Line], out: TextIO) -> None:
    names = [field.name for field in msgspec.structs.fields(Record)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for line in lines:
        row = record(line)
        writer.writerow([_cell(getattr(row, name)) for name in names])


def _cell(value: object) -> object:
    # A spreadsheet takes such a text for a formula; anybody may have written it.
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
