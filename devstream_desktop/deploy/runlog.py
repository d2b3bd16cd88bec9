"""The output of one run: a private file, locked while the run goes on."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from devstream_desktop.deploy.masking import masked
from devstream_desktop.stream.text import clean

MAX_BYTES = 10 * 1024 * 1024
KEEP_BYTES = 1024 * 1024
"""Bytes kept of a log that grew over the limit: its end, where the reason is."""
CUT = re.compile(r"\[(\d{15}) earlier bytes were cut\]\r?\n")
"""The first line of a cut log, as the supervisor writes it."""
_TAIL_BYTES = 64 * 1024

_log = logging.getLogger(__name__)


def open_log(path: Path) -> int:
    """Open a new private file at `path` for appending.

    It is locked for as long as any process has what this returns.

    Raises:
        OSError: the disk is full, or the file exists (each run has its own).

    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    if sys.platform != "win32":
        import fcntl

        # Handed to the run's supervisor, so it tells for as long as that lives.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def is_held(path: Path) -> bool:
    """Return true while a run holds its log.

    False without such a file, and on a system without such locks. True where it cannot be looked
    at: it may be held.
    """
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    # Too many open files, for a moment.
    except OSError:
        return True
    try:
        # Shared, so that two who look at once do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def result_of(log: Path) -> Path:
    """Return the file for the program's result, beside a log."""
    return log.with_suffix(".result")


def size(path: Path) -> int:
    """Return the bytes of a log; 0 for none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def begins_with(path: Path, line: str) -> bool:
    """Tell whether a log began, or may have begun, with this line."""
    try:
        with path.open("rb") as file:
            head = file.read(_TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return False
    return head.startswith(line) or CUT.match(head) is not None


def last_line(path: Path, but: str = "") -> str:
    """Return the last line of the output that says something, cleaned; empty when there is none.

    A line that is `but` says nothing.
    """
    try:
        tail = _tail(path, _TAIL_BYTES)
    except OSError as error:
        _log.warning("the output of a deploy could not be read: %s", error)
        return ""
    # Masked before it is cut: half a secret is not known for one.
    text = masked(tail.decode("utf-8", "replace"))
    lines = (clean(line, 200) for line in reversed(text.splitlines()))
    return next((line for line in lines if line and line != but), "")


def prune(folder: Path, before_s: float, unfinished: Collection[str] = ()) -> None:
    """Remove old logs that no run holds, with what is beside them.

    Old is what was last written before `before_s` (seconds since 1970). Those of `unfinished`
    requests stay, however old they are: they tell what became of a run.
    """
    for path in folder.glob("*.log"):
        if path.stem in unfinished:
            continue
        # One that somebody else removes, or that cannot be removed, holds up no other.
        with suppress(OSError):
            # A deploy may run for days and print nothing.
            if path.stat().st_mtime < before_s and not is_held(path):
                path.unlink(missing_ok=True)
                for beside in path.parent.glob(f"{path.stem}.*"):
                    beside.unlink(missing_ok=True)


def _tail(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        before = max(0, file.tell() - size)
        file.seek(before)
        tail = file.read(size)
    if not before:
        return tail
    # The rest of a line may begin in the middle of what is masked for its form, the rest of a word
    # at any rate: no token has a blank.
    whole = tail.partition(b"\n")[2]
    return whole if whole.strip() else tail.partition(b" ")[2]
