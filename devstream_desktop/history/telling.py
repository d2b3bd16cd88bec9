"""Tellings of a fact, and the order that elects its row."""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec

from devstream_desktop.stream.entry import VERSION, Entry
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.fact import event_of, fact_id, run_of
from devstream_desktop.stream.subject import is_terminal

_TIE_BYTES = 4


class Telling(msgspec.Struct, frozen=True):
    """An event in the log, by what elects the row."""

    lsn: int
    entry: Entry
    event: Event
    fact: bytes
    """Its identity (`stream.fact.fact_id`)."""
    struck: bool

    @property
    def order(self) -> tuple[bool, int, bytes, int]:
        return (self.struck, self.entry.hlc, self.entry.feed, self.entry.seq)

    @property
    def place(self) -> bytes:
        """Decides which of two rows is the later: by clock, and where those tie by hash.

        Sorts as bytes do.
        """
        return self.entry.hlc.to_bytes(8, "big") + self.entry.hash[:_TIE_BYTES]

    @property
    def run(self) -> int:
        return -self.lsn if self.struck else run_hash(self.event)

    @property
    def terminal(self) -> bool:
        return not self.struck and is_terminal(self.event.kind, self.event.state)


def told_by(lsn: int, entry: Entry, end: int | None) -> Telling | None:
    """Return an entry's telling; None where a later version wrote it, or it holds no event.

    `end` is the last number of its feed that is vouched for; None for no end.
    """
    if entry.version != VERSION:
        return None
    try:
        event = event_of(entry)
    except InvalidEventError:
        return None
    fact = fact_id(event, entry.device)
    return Telling(lsn, entry, event, fact, struck=end is not None and entry.seq > end)


@lru_cache(maxsize=1024)
def subject_hash(subject: str) -> int:
    """Return a 63-bit number for a subject, for a small index."""
    return _hash(subject)


def run_hash(event: Event) -> int:
    """Return a 63-bit number for the run that an event is of."""
    return _hash(run_of(event))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1
