"""Forms of a line in the log: text for people, JSON for programs.

What a peer wrote can neither look like a record nor steer a terminal: a record is one line, without
control characters, and a traceback's lines are set in.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec

from devstream_desktop.stream.text import flat

LINE = 2_000
"""Characters of a line; a traceback has several."""
MAX_TRACEBACK = 60
"""Lines of a traceback, from its end."""
_PACKAGE = "devstream_desktop."


class TextLine(logging.Formatter):
    """Format a record as one line, a traceback's lines set in."""

    def __init__(self, form: str = "%(asctime)s %(levelname)s %(name)s %(message)s") -> None:
        super().__init__(form)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's name
        """Return the record's own line."""
        return flat(super().formatMessage(record), LINE)

    def formatException(self, ei: logging._SysExcInfoType) -> str:  # noqa: N802 - the library's name
        """Return the traceback, each line set in by two."""
        return _set_in(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - the library's name
        """As a traceback."""
        return _set_in(stack_info)


class _Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the log in JSON."""

    time: str
    """UTC, as RFC 3339 has it."""
    level: str
    """`debug`, `info`, `warning`, `error` or `critical`."""
    room: str
    """Part of devstream that wrote it; of a library, its name."""
    logger: str
    message: str
    trace: str = ""
    """The traceback, a line each."""


class JsonLine(logging.Formatter):
    """Format a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object."""
        return msgspec.json.encode(
            _Record(
                time=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                level=record.levelname.lower(),
                room=room_of(record.name),
                logger=record.name,
                message=message_of(record),
                trace=trace_of(record),
            )
        ).decode()


def room_of(logger: str) -> str:
    """Name the room of a logger: `intake` of `devstream_desktop.intake.service`."""
    return logger.removeprefix(_PACKAGE).partition(".")[0]


def message_of(record: logging.LogRecord) -> str:
    """Return what a record says, on one line; its template where that does not fit its values."""
    try:
        return flat(record.getMessage(), LINE)
    except (TypeError, ValueError):
        return flat(str(record.msg), LINE)


def trace_of(record: logging.LogRecord) -> str:
    """Return a record's traceback, its lines set in; empty without one."""
    if not record.exc_info:
        return ""
    return _set_in(logging.Formatter().formatException(record.exc_info))


def _set_in(text: str) -> str:
    lines = text.split("\n")
    cut = [f"({len(lines) - MAX_TRACEBACK} lines before)"] if len(lines) > MAX_TRACEBACK else []
    return "\n".join(f"  {flat(line, LINE)}" for line in cut + lines[-MAX_TRACEBACK:])
