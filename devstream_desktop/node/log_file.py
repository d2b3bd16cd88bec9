"""`node.log`: private, and bounded by cause.

What happens often neither fills the disk nor hides what happened once. A cause is where in the code
a line comes from, whatever values are in it. Of each cause some lines a second are written, and the
rest is counted. A cause that has used up its share of the file goes on in `node.frequent.log`. So
`node.log` is rotated by many causes, never by one.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import stat
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.home import Home
from devstream_desktop.node.journal import JournalHandler, leads_to_journal
from devstream_desktop.node.log_lines import JsonLine, TextLine, message_of
from devstream_desktop.settings import LogSettings

FILE_BYTES = 2_000_000
OLD_FILES = 4
A_SECOND = 5
"""Records of one cause in a second."""
SHARE = 60_000
"""Bytes that one cause has of one file."""
MOST_CAUSES = 2_000

_PACKAGE = "devstream_desktop"

Cause = tuple[str, int, str]


@dataclass
class _Heard:
    """The account of one cause."""

    second: float
    written: int = 0
    """Records in this second."""
    left_out: int = 0
    size: int = 0
    """Bytes in the present file."""


class LogFile(logging.Handler):
    """Writes the two files of a home. `clock` gives steady seconds."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._heard: dict[Cause, _Heard] = {}
        self._owed: dict[Cause, logging.LogRecord] = {}
        """The last record of each cause with left-out lines to count."""
        self._rare = _Private(home.log, OLD_FILES)
        self._frequent = _Private(home.frequent_log, 1, delay=True)

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - the library's name
        """For both files."""
        super().setFormatter(fmt)
        self._rare.setFormatter(fmt)
        self._frequent.setFormatter(fmt)

    def emit(self, record: logging.LogRecord) -> None:
        """Write `record`, or count it."""
        now = self._clock()
        self._count_left_out(now)
        cause = _cause(record)
        heard = self._heard.pop(cause, None) or _Heard(now)
        self._heard[cause] = heard  # the latest comes last
        # A peer can make up causes.
        if len(self._heard) > MOST_CAUSES:
            del self._heard[next(iter(self._heard))]
        if now - heard.second >= 1:
            heard.second, heard.written = now, 0
        # A flood of one kind must not turn the rare lines away.
        if heard.written >= A_SECOND:
            heard.left_out += 1
            self._owed[cause] = record
            return
        heard.written += 1
        self._write(record, heard)

    def close(self) -> None:
        """Tell what was left out, and close."""
        self._count_left_out(float("inf"))
        try:
            self._rare.close()
        finally:
            self._frequent.close()
            super().close()

    def _count_left_out(self, now: float) -> None:
        for cause, record in list(self._owed.items()):
            heard = self._heard.get(cause)
            # The second is not over yet.
            if heard is None or now - heard.second < 1:
                continue
            del self._owed[cause]
            text = (
                f"{heard.left_out:,} more of this kind in the same second, the last:"
                f" {message_of(record)}"
            )
            heard.left_out = 0
            self._write(_about(record, text), heard)

    def _write(self, record: logging.LogRecord, heard: _Heard) -> None:
        if heard.size >= SHARE:
            self._frequent.handle(record)
            return
        before = self._rare.turned
        size = self._rare.written(record)
        # A new file gives every cause its share anew.
        if self._rare.turned != before:
            for each in self._heard.values():
                each.size = 0
        heard.size += size
        if heard.size >= SHARE:
            where = Path(self._frequent.baseFilename).name
            self._rare.handle(
                _about(
                    record, f"what more there is of this kind goes to {where}: {message_of(record)}"
                )
            )


class _Private(logging.handlers.RotatingFileHandler):
    """A rotated file (0600).

    A disk that is full or gone is one line on standard error, not a traceback each time.
    """

    def __init__(self, path: Path, old_files: int, *, delay: bool = False) -> None:
        self.turned = 0
        """The number of files begun."""
        self._size = 0
        self._told = False
        for file in (path, *path.parent.glob(f"{path.name}.*")):
            _make_private(file)
        super().__init__(
            path, maxBytes=FILE_BYTES, backupCount=old_files, encoding="utf-8", delay=delay
        )

    def written(self, record: logging.LogRecord) -> int:
        """Write a record; returns how many characters that took."""
        self._size = 0
        self.handle(record)
        return self._size

    def format(self, record: logging.LogRecord) -> str:
        """Return the text, whose length is remembered."""
        text = super().format(record)
        self._size = len(text)
        return text

    def doRollover(self) -> None:  # noqa: N802 - the library's name
        """Begin a new file."""
        self.turned += 1
        super().doRollover()

    def _open(self) -> TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Say it once; what is wrong is in `status` too."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._told:
            self._told = True
            sys.stderr.write(
                f"devstream: {self.baseFilename} cannot be written ({error}); look at the disk\n"
            )


class NodeLog:
    """The handlers of one run; the settings can change while it runs."""

    def __init__(self, handlers: Sequence[logging.Handler], form: str = "") -> None:
        self._handlers = handlers
        self._form = form
        self._rooms: set[str] = set()

    def follow(self, settings: LogSettings) -> None:
        """Take over the form and the levels of `settings`; a form that was chosen stays."""
        line = JsonLine() if (self._form or settings.format) == "json" else TextLine()
        for one in self._handlers:
            one.setFormatter(line)
        logging.getLogger().setLevel(settings.level.upper())
        # A room that is no longer named goes back to the level of all.
        for room in self._rooms - set(settings.rooms):
            logging.getLogger(f"{_PACKAGE}.{room}").setLevel(logging.NOTSET)
        self._rooms = set(settings.rooms)
        for room, level in settings.rooms.items():
            logging.getLogger(f"{_PACKAGE}.{room}").setLevel(level.upper())
        # The client says every request, and a source is asked every minute for years.
        logging.getLogger("httpx2").setLevel(max(logging.WARNING, logging.getLogger().level))


def start_logging(
    home: Home, *, verbose: bool, form: str = "", settings: LogSettings | None = None
) -> NodeLog:
    """Log to `node.log` in the home; with `verbose` to standard error too.

    Without a file that can be opened, only there. Where standard error is systemd's journal, it
    gets fields instead of lines.

    Args:
        home: The node's.
        verbose: Whether standard error has it too.
        form: `text` or `json`; empty where the settings decide.
        settings: The levels, and the form without another.

    """
    handlers: list[logging.Handler] = [_to_error()] if verbose else []
    try:
        handlers.insert(0, LogFile(home))
    except OSError as error:
        sys.stderr.write(
            f"devstream: {home.log} cannot be opened ({machine.reason(error)}), so the log comes"
            " here\n"
        )
        handlers = [_to_error()]
    logging.basicConfig(level=logging.INFO, handlers=handlers, force=True)
    log = NodeLog(handlers, form)
    log.follow(settings or LogSettings())
    return log


def _to_error() -> logging.Handler:
    if leads_to_journal(2):
        try:
            return JournalHandler()
        except OSError:
            return logging.StreamHandler()
    return logging.StreamHandler()


def _cause(record: logging.LogRecord) -> Cause:
    # Where a line is nothing but an error, each sort of error is a cause.
    only = (
        record.args[0]
        if isinstance(record.args, tuple) and len(record.args) == 1 and record.msg == "%s"
        else None
    )
    return record.name, record.lineno, type(only).__name__


def _about(record: logging.LogRecord, text: str) -> logging.LogRecord:
    return logging.LogRecord(
        record.name, record.levelno, record.pathname, record.lineno, text, None, None
    )


def _make_private(path: Path) -> None:
    if sys.platform != "win32" and path.is_file() and stat.S_IMODE(path.stat().st_mode) != 0o600:
        path.chmod(0o600)
