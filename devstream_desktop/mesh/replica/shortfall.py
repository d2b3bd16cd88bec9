"""Entries that a node lacks, and the reasons it knows."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_desktop.mesh.wire import Range


@dataclass(frozen=True)
class Shortfall:
    """What a node lacks of the feeds it knows, by reason."""

    gaps: tuple[Range, ...] = ()
    """Below the newest number held, and lacking for no reason known here: on the way, or lost."""
    held_back: tuple[tuple[bytes, int], ...] = ()
    """Feeds stamped in the future, and when (UTC milliseconds) they are asked for again."""
    refused: tuple[Range, ...] = ()
    """By the author table, until the policy changes."""
    frozen: tuple[bytes, ...] = ()
    """Feeds that a number used twice has ended."""
    crowded: tuple[bytes, ...] = ()
    """Authors who have begun more feeds than are kept of one device."""
