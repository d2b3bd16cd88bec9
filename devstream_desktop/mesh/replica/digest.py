"""Hashes over all feeds, to find differences between nodes cheaply."""

from __future__ import annotations

import struct

from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.wire import BUCKET_BYTES, BUCKETS

_BUCKETS = struct.Struct(f">{BUCKETS}Q")


class Digest:
    """The XOR of the fingerprints of the feeds in each bucket."""

    def __init__(self) -> None:
        self._prints: dict[bytes, int] = {}
        """The fingerprint of each feed, as it is contained in the hashes."""
        self._buckets = [0] * BUCKETS
        self._summary = 0

    def update(self, state: FeedState) -> None:
        """Take up a feed's present state."""
        fingerprint = state.fingerprint()
        # XOR takes the old fingerprint out and the new one in.
        self._change(state, self._prints.get(state.feed, 0) ^ fingerprint)
        self._prints[state.feed] = fingerprint

    def drop(self, state: FeedState) -> None:
        """Take out a feed that is forgotten."""
        self._change(state, self._prints.pop(state.feed, 0))

    def buckets(self) -> bytes:
        """Return a hash over each bucket of feeds: equal on nodes that hold the same."""
        return _BUCKETS.pack(*self._buckets)

    def summary(self) -> bytes:
        """Eight bytes over everything held."""
        return self._summary.to_bytes(BUCKET_BYTES, "big")

    def differing(self, buckets: bytes) -> list[int]:
        """Return the buckets whose hash differs from a peer's."""
        pairs = zip(self._buckets, _BUCKETS.unpack(buckets), strict=True)
        return [number for number, (mine, theirs) in enumerate(pairs) if mine != theirs]

    def _change(self, state: FeedState, change: int) -> None:
        self._buckets[state.bucket] ^= change
        self._summary ^= change
