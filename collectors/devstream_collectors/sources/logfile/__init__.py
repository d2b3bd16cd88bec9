"""A log file's lines, as they are written: what is severe, or what a pattern finds, once for each sort of message and not for each line."""

from __future__ import annotations

from devstream_collectors.sources.logfile.tail import COLLECTOR, check, read

__all__ = [
    "COLLECTOR",
    "check",
    "read",
]
