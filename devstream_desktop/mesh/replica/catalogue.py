"""The content of a log as peers see it: records in pages, entries by ranges, proofs."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.wire import (
    MAX_PAIRS,
    MAX_RECORDS,
    PAGE_BYTES,
    Pair,
    Place,
    Range,
    Record,
    SignedEntry,
    record_bytes,
)
from devstream_desktop.stream.entry import Entry

MAX_LOOKS = 400
"""Ranges looked for in one answer to a FETCH: 10 ms. The rest is asked for again."""


def signed(entry: Entry) -> SignedEntry:
    """Return the entry as it travels."""
    return SignedEntry(entry.body, entry.signature)


def both(own: list[bytes], others: list[bytes]) -> list[bytes]:
    """Return the frozen feeds that fit a message to a peer.

    Its own are included always, because only their author asks for frozen feeds.
    """
    return list(dict.fromkeys([*own, *others]))[:MAX_RECORDS]


class Page(NamedTuple):
    """Some of the feeds, and the page's end when another follows."""

    records: list[Record]
    frozen: list[bytes]
    end: Place | None


class Catalogue:
    """Answers to the questions that peers may ask of a log."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    def page(
        self, buckets: Iterable[int], after: Place | None = None, limit: int = MAX_RECORDS
    ) -> Page:
        """Return the records of these buckets' feeds, from a place on.

        The latest feed comes first. A page has as many feeds as fit one message, and at most
        `limit`.
        """
        chosen = set(buckets)
        states = [
            state
            for state in self._feeds.states()
            if state.bucket in chosen and (state.frozen or state.head)
        ]
        # Newest first, so that a page that is cut off is the useful part.
        states.sort(key=_place)
        # Places are unique, so feeds with one stamp neither repeat nor fall between two pages.
        start = bisect_right(states, (-after.hlc, after.feed), key=_place) if after else 0
        records: list[Record] = []
        frozen: list[bytes] = []
        room = PAGE_BYTES
        for at in range(start, len(states)):
            record = states[at].record() if not states[at].frozen else None
            room -= record_bytes(len(record.gaps) if record is not None else 0)
            # Counted at the most that they can take, so that the message always fits.
            if room < 0 or at - start >= limit:
                last = states[at - 1]
                return Page(records, frozen, Place(-_place(last)[0], last.feed))
            if record is not None:
                records.append(record)
            else:
                frozen.append(states[at].feed)
        return Page(records, frozen, None)

    def records(self, buckets: Iterable[int]) -> list[Record]:
        """Return the records of these buckets' feeds, the latest first."""
        found: list[Record] = []
        page = self.page(chosen := list(buckets))
        while True:
            found += page.records
            if page.end is None:
                return found
            page = self.page(chosen, page.end)

    def within(self, ranges: Iterable[Range], *, tips: bool = False) -> list[Range]:
        """Return the held parts of these ranges, each number once.

        With `tips` the entry that expired last counts as held.
        """
        found: list[Range] = []
        left: dict[bytes, Ranges] = {}
        for wanted in ranges:
            if wanted.feed not in self._feeds:
                continue
            if wanted.feed not in left:
                state = self._feeds.get(wanted.feed)
                tip = [(state.tip.seq, state.tip.seq)] if tips and state.tip else []
                left[wanted.feed] = intervals.union([*state.runs, *tip])
            # Given numbers are taken out, so naming one a thousand times is one look.
            given = intervals.take(left[wanted.feed], wanted.first, wanted.last)
            found += [Range(wanted.feed, *part) for part in reversed(given)]
        return found

    def serve(self, ranges: Iterable[Range], max_bytes: int) -> list[Entry]:
        """Held entries of these ranges, each from its newest down.

        As many as fit `max_bytes`, but at least one. Frozen feeds are served too: only their author
        asks for them (`OwnFeed.claims`), and nobody else accepts them.
        """
        result: list[Entry] = []
        left = max_bytes
        for wanted in self.within(ranges, tips=True)[:MAX_LOOKS]:
            state = self._feeds.get(wanted.feed)
            if left <= 0:
                break
            # One entry is likely the head or the tip, which are in memory.
            if wanted.first == wanted.last:
                one = self._feeds.at(state, wanted.first)
                entries = [one] if one is not None else []
            else:
                entries = self._feeds.store.entries(
                    wanted.feed, wanted.first, wanted.last, newest_first=True, max_bytes=left
                )
            for entry in entries:
                left -= len(entry.body) + len(entry.signature)
                # At least one, or an entry larger than the rest would never leave.
                if left < 0 and result:
                    return result
                result.append(entry)
        return result

    def frozen_of(self, author: bytes) -> list[bytes]:
        """Return the frozen feeds of an author (public key)."""
        return [
            state.feed for state in self._feeds.states() if state.frozen and state.author == author
        ]

    def proofs(self, feeds: Iterable[bytes], limit: int = MAX_PAIRS) -> list[Pair]:
        """Return the proofs of these feeds that are known here."""
        known = self._feeds.proofs()
        found = (known[feed] for feed in dict.fromkeys(feeds) if feed in known)
        return [Pair(signed(one), signed(other)) for one, other in islice(found, limit)]


def _place(state: FeedState) -> tuple[int, bytes]:
    stamp = state.head_entry.hlc if state.head_entry is not None and not state.frozen else 0
    return (-stamp, state.feed)
