"""Fields for the journal of systemd, where standard error leads there.

The protocol is the native one of systemd-journald (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): a
datagram of fields. `journalctl -o json` shows them, and `journalctl DEVSTREAM_ROOM=intake` chooses
by them.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from devstream_desktop.node.log_lines import message_of, room_of, trace_of

SOCKET = Path("/run/systemd/journal/socket")
_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (0, 7))
"""syslog's numbers, from the most severe level down."""


def leads_to_journal(descriptor: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Tell whether a stream is connected to the journal, by `JOURNAL_STREAM` (systemd.exec(5))."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class JournalHandler(logging.Handler):
    """Sends records to the journal."""

    def __init__(self, path: Path = SOCKET) -> None:
        """Prepare to send.

        Raises:
            OSError: this system has no such sockets.

        """
        super().__init__()
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        # A journal that is stopped must not hold up the loop.
        self._socket.setblocking(False)  # noqa: FBT003 - the name says it

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; without its traceback where that is too long for a datagram."""
        message, trace = message_of(record), trace_of(record)
        try:
            self._send(record, f"{message}\n{trace}" if trace else message)
        except OSError:
            try:
                self._send(record, message)
            except OSError:
                # node.log has it too.
                return

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
        super().close()

    def _send(self, record: logging.LogRecord, message: str) -> None:
        fields = {
            "MESSAGE": message,
            "PRIORITY": str(next(one for least, one in _PRIORITIES if record.levelno >= least)),
            "SYSLOG_IDENTIFIER": "devstream",
            "DEVSTREAM_ROOM": room_of(record.name),
            "LOGGER": record.name,
            "CODE_FILE": record.pathname,
            "CODE_LINE": str(record.lineno),
            "CODE_FUNC": record.funcName or "",
        }
        self._socket.sendto(b"".join(map(_field, fields, fields.values())), self._path)


def _field(name: str, value: str) -> bytes:
    content = value.encode("utf-8", "backslashreplace")
    if b"\n" not in content:
        return b"%s=%s\n" % (name.encode(), content)
    # A value of several lines is told by its length, so that none of them is taken for a field.
    return b"%s\n%s%s\n" % (name.encode(), len(content).to_bytes(8, "little"), content)
