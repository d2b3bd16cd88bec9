"""The result of taking in a batch of entries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from devstream_desktop.stream.entry import Entry


@dataclass
class Outcome:
    """Numbers of entries by what became of them."""

    stored: list[Entry] = field(default_factory=list)
    """New here, in the order stored. Entries that this device published anew come last."""
    known: int = 0
    settled: int = 0
    expired: int = 0
    future: int = 0
    frozen: int = 0
    bad: int = 0
    refused: int = 0
    reason: str = ""
    """The reason for the last refused entry."""

    def __iadd__(self, other: Outcome) -> Self:
        """Add another batch's result."""
        self.stored += other.stored
        self.known += other.known
        self.settled += other.settled
        self.expired += other.expired
        self.future += other.future
        self.frozen += other.frozen
        self.bad += other.bad
        self.refuse(other.refused, other.reason)
        return self

    def refuse(self, count: int, reason: str) -> None:
        """Count refused entries, and keep the reason where there are any."""
        self.refused += count
        self.reason = reason if count else self.reason
