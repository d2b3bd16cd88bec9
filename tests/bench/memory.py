"""What a process alone uses of the memory."""

from __future__ import annotations

import psutil


def unique_memory() -> int:
    """Bytes that no other process shares (USS)."""
    return int(psutil.Process().memory_full_info().uss)
