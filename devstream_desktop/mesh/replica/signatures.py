"""Signatures of entries: made for this device, checked for all, some of them in idle time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import islice

from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.stream.entry import KEY_BYTES, Entry, preamble

MAX_UNCHECKED = 100_000
"""Entries accepted by the chain alone, remembered for a later check."""


class Signatures:
    """Signs and verifies entries of one team."""

    def __init__(self, identity: Identity, store: LogStore) -> None:
        self._store = store
        self._sign = identity.sign
        self._verify = identity.verify
        self._preamble = preamble(identity.team)
        self._unchecked: dict[tuple[bytes, int], None] = {}
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
        self._unchecked.update(dict.fromkeys((entry.feed, entry.seq) for entry in entries))
        # The oldest are given up: their bodies are proven already.
        while len(self._unchecked) > MAX_UNCHECKED:
            del self._unchecked[next(iter(self._unchecked))]

    def check(self, limit: int) -> int:
        """Check up to `limit` remembered signatures; returns the number of wrong ones.

        The bodies of those are genuine. Somebody on the way damaged their signatures.
        """
        wrong = 0
        right: defaultdict[bytes, list[int]] = defaultdict(list)
        for feed, seq in list(islice(self._unchecked, limit)):
            del self._unchecked[(feed, seq)]
            entry = self._store.entry(feed, seq)
            # It expired since it came in.
            if entry is None:
                continue
            if self.right(entry):
                right[feed].append(seq)
            else:
                wrong += 1
        for feed, seqs in right.items():
            self._store.verified(feed, seqs)
        return wrong
