"""Entries that a node lacks, and the reasons it knows."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_desktop.mesh.wire import Range


@dataclass(frozen=True)
class Shortfall:
    """Everything a node lacks of the feeds it knows, by reason."""

    gaps: tuple[Range, ...] = ()
    """Numbers below the newest held one, lacking for no known reason: on the way, or lost."""
    held_back: tuple[tuple[bytes, int], ...] = ()
    """Feeds stamped in the future, with the time of the next try.

    UTC milliseconds.
    """
    refused: tuple[Range, ...] = ()
    """Numbers that the author table refused, until the policy changes."""
    frozen: tuple[bytes, ...] = ()
    """Feeds that ended because a number was used twice."""
    crowded: tuple[bytes, ...] = ()
    """Authors who began more feeds than are kept of one device."""
