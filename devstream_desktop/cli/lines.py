"""Rows of the history on the terminal."""

from __future__ import annotations

from datetime import datetime

from devstream_desktop.cli.output import GREEN, RED, YELLOW, coloured, print_json
from devstream_desktop.stream.line import told
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind, Severity


def print_line(line: Line, *, as_json: bool = False) -> None:
    """Print one row."""
    if as_json:
        # Late, because a person reads no records.
        from devstream_desktop.stream.record import record

        print_json(record(line))
        return
    received = datetime.fromtimestamp(line.received / 1000).astimezone()
    today = received.date() == datetime.now().astimezone().date()
    # The day is said only where it is not today's; a terminal has eighty columns.
    when = f"{received:%H:%M:%S}" if today else f"{received:%d %b %H:%M}"
    print(when, _sign(line), told(line), flush=True)


def _sign(line: Line) -> str:
    state = (line.event.kind, line.event.state)
    # The author of a row that is struck out is not believed, so its state means nothing.
    if line.struck:
        return "⊘"
    if state in RED_STATES:
        return coloured("✗", RED)
    warns = line.event.severity >= Severity.WARNING
    # A source that works may have a notice: something was not read.
    if state in GREEN_STATES and not (warns and line.event.kind is Kind.SOURCE):
        return coloured("✓", GREEN)
    return coloured("!", YELLOW) if warns else "·"
