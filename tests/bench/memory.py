"""Memory that a process has to itself, and bytes that it wrote."""

from __future__ import annotations

import psutil


def unique_memory() -> int:
    """Bytes that no other process shares (USS)."""
    return int(psutil.Process().memory_full_info().uss)


def written_bytes() -> int:
    """Bytes written to files and sockets since the start; 0 where the system does not count."""
    counters = getattr(psutil.Process(), "io_counters", None)
    return int(getattr(counters(), "write_chars", 0)) if counters else 0
