"""Signatures of entries: made for this device, checked for all, some of them in idle time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.stream.entry import KEY_BYTES, Entry, preamble

MAX_UNCHECKED = 100_000
"""Entries of a feed that a later check remembers: the chain alone has proven them."""


class Signatures:
    """Signs and verifies entries of one team."""

    def __init__(self, identity: Identity, store: LogStore) -> None:
        self._store = store
        self._sign = identity.sign
        self._verify = identity.verify
        self._preamble = preamble(identity.team)
        self._unchecked: dict[bytes, Ranges] = {}
        """By feed. As ranges: a catch-up brings a hundred thousand."""
        self.checked = 0
        """Signatures checked since the start."""

    def sign(self, body: bytes) -> bytes:
        """Sign the body of an entry with this device's key."""
        return self._sign(self._preamble + body)

    def right(self, entry: Entry) -> bool:
        """Verify an entry's own signature."""
        self.checked += 1
        return self._verify(entry.feed[:KEY_BYTES], self._preamble + entry.body, entry.signature)

    def check_later(self, entries: Iterable[Entry]) -> None:
        """Remember entries that only the hash chain has proven."""
        found: defaultdict[bytes, Ranges] = defaultdict(list)
        for entry in entries:
            found[entry.feed].append((entry.seq, entry.seq))
        for feed, numbers in found.items():
            known = intervals.union([*self._unchecked.get(feed, []), *numbers])
            # The oldest are given up: their bodies are proven already.
            self._unchecked[feed] = intervals.newest(known, MAX_UNCHECKED)

    def check(self, limit: int) -> int:
        """Check up to `limit` remembered signatures; returns the number of wrong ones.

        The bodies of those are genuine. Somebody on the way damaged their signatures.
        """
        wrong = 0
        for feed in list(self._unchecked):
            if limit <= 0:
                break
            ranges = self._unchecked[feed]
            numbers = intervals.numbers(intervals.newest(ranges, limit))
            # None, where the entry expired since it came in.
            found = [self._store.entry(feed, seq) for seq in numbers]
            entries = [entry for entry in found if entry is not None]
            right = [entry.seq for entry in entries if self.right(entry)]
            wrong += len(entries) - len(right)
            if right:
                self._store.verified(feed, right)
            intervals.take(ranges, numbers[0], numbers[-1])
            if not ranges:
                del self._unchecked[feed]
            limit -= len(numbers)
        return wrong
