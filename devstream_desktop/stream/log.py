"""Values that a log takes and gives: shared by the rules of replication and the history."""

from __future__ import annotations

import msgspec

from devstream_desktop.stream.entry import Entry

INDEX_BYTES = 16
"""Random bytes that name one numbering of arrivals."""


class Arrival(msgspec.Struct, frozen=True):
    """An entry on its way into the log."""

    entry: Entry
    sender: str = ""
    """Device id of the peer it came from; empty for this device's own."""
    verified: bool = True
    """Its own signature was checked. Else only the hash chain up to a later one was."""


class FeedRecord(msgspec.Struct, frozen=True):
    """The log's knowledge of one feed, derived from its rows."""

    feed: bytes
    floor: int
    """Numbers up to here are settled: expired, never stored or asked for again."""
    tip: Entry | None
    """The newest settled entry.

    With it the chain and a number used twice can be checked at the floor.
    """
    frozen: bool
    """A number was used twice: the feed is replicated no more."""
    runs: tuple[tuple[int, int], ...]
    """Held numbers above the floor: ascending closed intervals that do not touch."""
