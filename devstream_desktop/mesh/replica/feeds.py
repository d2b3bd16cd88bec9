"""What a node holds, feed by feed: read from the log at start, kept in step with it, and shown to peers as hashes and records."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.replica.shortfall import Shortfall
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.mesh.wire import (
    BUCKET_BYTES,
    BUCKETS,
    MAX_PAIRS,
    MAX_RECORDS,
    PAGE_BYTES,
    Pair,
    Place,
    Range,
    Record,
    Signed,
    record_bytes,
)
from devstream_desktop.stream.entry import Entry, hlc_time

MAX_LOOKS = 400
"""Ranges looked for in one answer to a FETCH: 10 ms. What is left over is asked for again."""

_BUCKETS = struct.Struct(f">{BUCKETS}Q")


def signed(entry: Entry) -> Signed:
    """The entry as it travels."""
    return Signed(entry.body, entry.signature)


def both(own: list[bytes], others: list[bytes]) -> list[bytes]:
    """The frozen feeds to tell a peer: its own, which only it asks for, and these others; as many as a message may name."""
    return list(dict.fromkeys([*own, *others]))[:MAX_RECORDS]


class Page(NamedTuple):
    """Some of the feeds in their order, and where the page ends when there is another."""

    records: list[Record]
    frozen: list[bytes]
    end: Place | None


class Holdings:
    """The feeds of a log. The rules (rules.py) decide what comes in; here is only what is there."""

    def __init__(self, store: LogStore) -> None:
        self.store = store
        self._feeds: dict[bytes, FeedState] = {}
        self._feeds_of: Counter[bytes] = Counter()
        """By author, how many."""
        self._prints: dict[bytes, int] = {}
        self._buckets = [0] * BUCKETS
        self._summary = 0
        self._proofs: dict[bytes, tuple[Entry, Entry]] | None = None
        """Of the frozen feeds, once anybody has asked for them."""
        self.revision = 0
        """Grows with every change of what is held or wanted."""
        for record in store.feeds():
            state = FeedState.of(record)
            state.head_entry = self._at(state, state.head)
            self._keep(state)
            self._touch(state)

    def counts(self) -> tuple[int, int]:
        """How many feeds are known, and how many entries are held."""
        return len(self._feeds), sum(intervals.size(state.runs) for state in self._feeds.values())

    def states(self) -> Iterator[FeedState]:
        """Every feed, for checks."""
        return iter(self._feeds.values())

    def frozen(self) -> list[bytes]:
        """The feeds that a number used twice has ended."""
        return [state.feed for state in self._feeds.values() if state.frozen]

    def shortfall(self, now: int) -> Shortfall:
        """What is lacking of the feeds known here, and why."""
        open_feeds = [state for state in self._feeds.values() if not state.frozen]
        return Shortfall(
            gaps=tuple(Range(state.feed, *gap) for state in open_feeds for gap in state.gaps(now)),
            held_back=tuple((state.feed, state.holds[0][1]) for state in open_feeds if state.held_back(now)),
            refused=tuple(Range(state.feed, *refused) for state in open_feeds for refused in state.refused),
            frozen=tuple(self.frozen()),
        )

    def proofs(self, feeds: Iterable[bytes], limit: int = MAX_PAIRS) -> list[Pair]:
        """The proofs of these feeds, as far as they are known here."""
        known = self._all_proofs()
        found = (known[feed] for feed in dict.fromkeys(feeds) if feed in known)
        return [Pair(signed(one), signed(other)) for one, other in islice(found, limit)]

    def _all_proofs(self) -> Mapping[bytes, tuple[Entry, Entry]]:
        if self._proofs is None:
            self._proofs = self.store.proofs()
        return self._proofs

    def buckets(self) -> bytes:
        """A hash over each bucket of feeds: equal on nodes that hold the same."""
        return _BUCKETS.pack(*self._buckets)

    def summary(self) -> bytes:
        """Eight bytes over everything held."""
        return self._summary.to_bytes(BUCKET_BYTES, "big")

    def differing(self, buckets: bytes) -> list[int]:
        """The buckets whose hash is another here."""
        return [n for n, (mine, theirs) in enumerate(zip(self._buckets, _BUCKETS.unpack(buckets), strict=True)) if mine != theirs]

    def page(self, buckets: Iterable[int], after: Place | None = None, limit: int = MAX_RECORDS) -> Page:
        """What is held of the feeds in these buckets, the latest feed first: as much as fits one message, from after a place on."""
        chosen = set(buckets)
        states = [state for state in self._feeds.values() if state.bucket in chosen and (state.frozen or state.head)]
        states.sort(key=_place)
        start = bisect_right(states, (-after.hlc, after.feed), key=_place) if after is not None else 0
        records: list[Record] = []
        frozen: list[bytes] = []
        room = PAGE_BYTES
        for at in range(start, len(states)):
            record = states[at].record() if not states[at].frozen else None
            room -= record_bytes(len(record.gaps) if record is not None else 0)
            if room < 0 or at - start >= limit:
                last = states[at - 1]
                return Page(records, frozen, Place(-_place(last)[0], last.feed))
            if record is not None:
                records.append(record)
            else:
                frozen.append(states[at].feed)
        return Page(records, frozen, None)

    def records(self, buckets: Iterable[int]) -> list[Record]:
        """What is held of the feeds in these buckets, all of it, the latest feed first."""
        found: list[Record] = []
        page = self.page(chosen := list(buckets))
        while True:
            found += page.records
            if page.end is None:
                return found
            page = self.page(chosen, page.end)

    def frozen_of(self, author: bytes) -> list[bytes]:
        """The feeds of an author (public key) that a number used twice has ended."""
        return [state.feed for state in self._feeds.values() if state.frozen and state.author == author]

    def within(self, ranges: Iterable[Range], *, tips: bool = False) -> list[Range]:
        """What of these ranges is held here, in their order, and each number once however often it is named.

        With `tips` the entry that was settled last counts as held.
        """
        found: list[Range] = []
        left: dict[bytes, Ranges] = {}
        for wanted in ranges:
            if (state := self._feeds.get(wanted.feed)) is not None:
                if wanted.feed not in left:
                    tip = [(state.tip.seq, state.tip.seq)] if tips and state.tip is not None else []
                    left[wanted.feed] = intervals.union([*state.runs, *tip])
                given = intervals.take(left[wanted.feed], wanted.first, wanted.last)
                found += [Range(wanted.feed, *part) for part in reversed(given)]
        return found

    def serve(self, ranges: Iterable[Range], max_bytes: int) -> list[Entry]:
        """The held entries of these ranges in their order, each from its newest down, as many as fit (but at least one).

        Frozen feeds too: nobody asks for them but their author (`Author.claims`), and nobody else takes them.
        """
        result: list[Entry] = []
        left = max_bytes
        for wanted in self.within(ranges, tips=True)[:MAX_LOOKS]:
            state = self._feeds[wanted.feed]
            if left <= 0:
                break
            if wanted.first == wanted.last:
                one = self._at(state, wanted.first)
                entries = [one] if one is not None else []
            else:
                entries = self.store.entries(wanted.feed, wanted.first, wanted.last, newest_first=True, max_bytes=left)
            for entry in entries:
                left -= len(entry.body) + len(entry.signature)
                if left < 0 and result:
                    return result
                result.append(entry)
        return result

    def settle_older(self, oldest: int, limit: int) -> int:
        """Settle the entries stamped before `oldest` (ms), at most about `limit` rows; returns how many, 0 when there are no more."""
        done = 0
        for state in list(self._feeds.values()):
            last = self._last_expired(state, oldest)
            if last is not None:
                done += self._settle_rows(state, last, limit - done)
            if done >= limit:
                break
        return done

    def settle_to(self, floors: Mapping[bytes, int], limit: int) -> int:
        """Settle the entries of these feeds up to these numbers, at most about `limit` rows; returns how many, 0 when there are no more."""
        done = 0
        for feed, floor in floors.items():
            state = self._feeds.get(feed)
            if state is not None and not state.frozen:
                done += self._settle_rows(state, floor, limit - done)
            if done >= limit:
                break
        return done

    def _settle_rows(self, state: FeedState, last: int, limit: int) -> int:
        """Settle the rows of a feed up to number `last`, at most `limit`; returns how many."""
        rows = intervals.intersect(state.runs, [(1, last)])
        if not rows or limit <= 0:
            return 0
        last = _nth(rows, limit) if intervals.size(rows) > limit else rows[-1][1]
        tip = self._at(state, last)
        if tip is None:
            return 0
        self._settle(state, last, tip)
        return intervals.size(intervals.intersect(rows, [(1, last)]))

    def ends(self, author: bytes, until: int) -> list[tuple[bytes, int, bytes]]:
        """Where the feeds of an author (public key) were at a time (ms): feed, number and hash of the last entry, the newest feed first."""
        found: list[Entry] = []
        for state in self._feeds.values():
            if state.author != author or state.frozen or not state.head:
                continue
            last = self._last_expired(state, until + 1)
            entry = self._at(state, last) if last is not None else state.tip
            if entry is not None and hlc_time(entry.hlc) <= until:
                found.append(entry)
        found.sort(key=lambda entry: entry.hlc, reverse=True)
        return [(entry.feed, entry.seq, entry.hash) for entry in found]

    def drop_spent(self, oldest: int, but: bytes) -> None:
        """Forget the feeds, except `but`, of which nothing is left and whose last known entry was stamped before `oldest` (ms)."""
        spent = [state for state in self._feeds.values() if not state.runs and not state.holds and not state.refused and state.feed != but]
        proofs = self._all_proofs()
        for state in spent:
            known = [entry for entry in (state.tip, *proofs.get(state.feed, ())) if entry is not None]
            if known and all(hlc_time(entry.hlc) < oldest for entry in known):
                self.store.drop(state.feed)
                self._proofs = None
                change = self._prints.pop(state.feed, 0)
                self._buckets[state.bucket] ^= change
                self._summary ^= change
                self._let_go(state)

    def _last_expired(self, state: FeedState, oldest: int) -> int | None:
        """The largest held number whose entry is older than `oldest`: clocks grow with numbers, so halving finds it."""
        low, high = 0, intervals.size(state.runs)
        while low < high:
            middle = (low + high) // 2
            entry = self._at(state, _nth(state.runs, middle + 1))
            if entry is not None and hlc_time(entry.hlc) < oldest:
                low = middle + 1
            else:
                high = middle
        return _nth(state.runs, low) if low else None

    def _settle(self, state: FeedState, floor: int, tip: Entry) -> None:
        self.store.settle(state.feed, floor, tip)
        state.settle(floor, tip)
        self._keep(state)
        self._touch(state)

    def _keep(self, state: FeedState) -> None:
        """Something of this feed is known, or known otherwise."""
        if state.feed not in self._feeds:
            self._feeds[state.feed] = state
            self._feeds_of[state.author] += 1
        self.revision += 1

    def _let_go(self, state: FeedState) -> None:
        """Nothing of this feed is known any more."""
        del self._feeds[state.feed]
        self._feeds_of[state.author] -= 1
        self.revision += 1

    def _at(self, state: FeedState, seq: int) -> Entry | None:
        """The entry with this number, when it is held or the tip."""
        if state.head_entry is not None and state.head_entry.seq == seq:
            return state.head_entry
        if state.tip is not None and state.tip.seq == seq:
            return state.tip
        return self.store.entry(state.feed, seq) if intervals.contains(state.runs, seq) else None

    def _touch(self, state: FeedState) -> None:
        fingerprint = state.fingerprint()
        self.revision += 1
        change = self._prints.get(state.feed, 0) ^ fingerprint
        self._buckets[state.bucket] ^= change
        self._summary ^= change
        self._prints[state.feed] = fingerprint


def _place(state: FeedState) -> tuple[int, bytes]:
    return (-state.head_entry.hlc if state.head_entry is not None and not state.frozen else 0, state.feed)


def _nth(ranges: Iterable[tuple[int, int]], n: int) -> int:
    """The n-th smallest member, counted from 1."""
    for first, last in ranges:
        if n <= last - first + 1:
            return first + n - 1
        n -= last - first + 1
    raise IndexError(n)
