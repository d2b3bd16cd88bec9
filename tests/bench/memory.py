"""Memory that a process has to itself."""

from __future__ import annotations

import psutil


def unique_memory() -> int:
    """Bytes that no other process shares (USS)."""
    return int(psutil.Process().memory_full_info().uss)
