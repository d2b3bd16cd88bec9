"""Wants: what to ask a peer for, given the records that it shows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from devstream_desktop.mesh.limits import MOST_OF_AUTHOR, MOST_OF_PEER
from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.admission import Admission
from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.replica.own_feed import OwnFeed
from devstream_desktop.mesh.wire import Range, Record

NEWEST_FIRST = 200
"""Newest entries of each feed fetched before anything older."""


class Wants:
    """Compares a peer's records with the feeds here.

    Records prove nothing, so they change nothing: they only decide what is asked for.
    """

    def __init__(self, feeds: Feeds, own: OwnFeed, admission: Admission) -> None:
        self._feeds = feeds
        self._own = own
        self._admission = admission

    def want(self, records: Iterable[Record], now: int) -> list[Range]:
        """Lacking ranges that a peer with these records can give.

        The newest of every feed come first. A peer's word counts for members' feeds only, and for a
        bounded count of numbers (limits.py).
        """
        newest: list[Range] = []
        older: list[Range] = []
        left, left_of = MOST_OF_PEER, defaultdict[bytes, int](lambda: MOST_OF_AUTHOR)
        wanted: dict[bytes, Ranges] = {}
        # The feeds that wrote last come first: their news is what people wait for.
        for record in sorted(records, key=lambda record: record.head_hlc, reverse=True):
            state = self._feeds.get(record.feed)
            if self._admission.refusal(record.feed):
                continue
            missing = state.missing(record, now)
            if not missing:
                continue
            # The peer may name one feed twice; each number is asked for once.
            if (known := wanted.get(record.feed)) is not None:
                missing = intervals.subtract(missing, known)
            # A claim is believed for so many numbers, the newest, whoever makes it.
            missing = intervals.newest(missing, min(left, left_of[state.author]))
            wanted[record.feed] = intervals.union([*(known or ()), *missing])
            count = intervals.size(missing)
            left -= count
            left_of[state.author] -= count
            budget = NEWEST_FIRST
            # The newest numbers of this feed, as far as its share of the front goes.
            for first, last in reversed(missing):
                split = max(first, last - budget + 1)
                if split <= last:
                    newest.append(Range(record.feed, split, last))
                    budget -= last - split + 1
                if first < split:
                    older.append(Range(record.feed, first, split - 1))
        return newest + older

    def doubts(self, records: Iterable[Record]) -> list[Range]:
        """Heads of the peer that contradict what is held: fetched, they prove a double use.

        The same for a head of our own feed beyond what we know. Only that entry can prove that this
        log is an older copy.
        """
        found = {}
        for record in records:
            state = self._feeds.get(record.feed)
            # A copy of this device may have gone on in our feed.
            ahead = record.feed == self._own.feed and record.head > state.head
            if ahead or state.doubt(record):
                found[record.feed] = Range(record.feed, record.head, record.head)
        return list(found.values())

    def unproven(self, frozen: Iterable[bytes]) -> list[bytes]:
        """Return the feeds frozen elsewhere that may freeze here."""
        return [
            feed
            for feed in dict.fromkeys(frozen)
            if not self._feeds.get(feed).frozen and not self._admission.refusal(feed)
        ]
