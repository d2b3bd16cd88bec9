"""Counts of the events that came in since a node began.

Its counters have a bounded number of names, whatever a member or a sender writes: kinds and states
are the stream's own words, and only this home's sources are named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import STATES, Kind

OTHER = "other"
"""Source of an event that none of this home's sources made."""


class Tally:
    """Counts events. Lives on the node's loop."""

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        """By kind and source."""
        self.deploys: Counter[str] = Counter()
        """By state."""

    def note(self, events: Iterable[Event], sources: Collection[str]) -> None:
        """Count `events`; `sources` are the names that may be a label."""
        for event in events:
            source = event.source if event.source in sources else OTHER
            self.events[event.kind, source] += 1
            if event.kind is Kind.DEPLOY and event.state in STATES[Kind.DEPLOY]:
                self.deploys[event.state] += 1
