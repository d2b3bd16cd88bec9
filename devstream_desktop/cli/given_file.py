"""Files that a person names on the command line; `-` is standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from devstream_desktop import machine
from devstream_desktop.errors import DevstreamError

MOST = 16 * 1024 * 1024
"""Bytes of a file, and characters of standard input: a name may be that of an endless device."""


def read_bytes(name: str) -> bytes:
    """Return the content of a file.

    Raises:
        DevstreamError: it cannot be read, or is too large.

    """
    try:
        with Path(name).open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise DevstreamError(f"{name} cannot be read: {machine.reason(error)}") from None
    if len(content) > MOST:
        raise DevstreamError(f"{name} is larger than {MOST >> 20} MB; is it the right file?")
    return content


def read_text(name: str) -> str:
    """Return the text of a file, or of standard input.

    Raises:
        DevstreamError: as `read_bytes`, or it is no UTF-8.

    """
    if name == "-":
        return sys.stdin.read(MOST)
    try:
        text = read_bytes(name).decode("utf-8")
    except UnicodeDecodeError:
        raise DevstreamError(f"{name} cannot be read: it is no text") from None
    # As of standard input: every system's end of a line is one.
    return text.replace("\r\n", "\n").replace("\r", "\n")
