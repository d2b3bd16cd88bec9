"""Expiry of entries: when one is too old, and how the floors of feeds rise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.stream.entry import Entry, hlc_time

PRUNE_CHUNK = 32
"""Rows deleted in one transaction.

That takes about 5 ms, so pruning never stalls the loop.
"""
EVER = (1 << 63) - 1
"""Later than every stamp (ms)."""
KEEP_SPENT_MS = 60 * 86_400_000
"""Time after its last entry when an empty feed is forgotten.

Its floor is forgotten as well. That is twice the longest retention: no honest node has entries of
it any more.
"""


class Expiry:
    """The retention of one log.

    Args:
        feeds: The feeds of the log.
        retention_ms: Age at which entries expire, by their own stamps.

    """

    def __init__(self, feeds: Feeds, retention_ms: int) -> None:
        self.retention_ms = retention_ms
        self.suspended = False
        """Set while the local clock is in doubt. One 40 days ahead would erase the history."""
        self._feeds = feeds

    def expired(self, entry: Entry, now: int) -> bool:
        """Return True when an entry has expired at a time."""
        return not self.suspended and hlc_time(entry.hlc) < now - self.retention_ms

    def prune(self, now: int, own_feed: bytes, limit: int = PRUNE_CHUNK) -> int:
        """Delete about `limit` expired rows; returns how many.

        0 means that none are left. `own_feed` is never forgotten: this device goes on appending to
        it.
        """
        if self.suspended:
            return 0
        done = self.settle_older(now - self.retention_ms, limit)
        # Only when no row is left to delete: rows are what takes disk.
        if not done:
            self._drop_spent(now - KEEP_SPENT_MS, own_feed)
        return done

    def settle_older(self, oldest: int, limit: int) -> int:
        """Delete about `limit` rows stamped before `oldest` (ms); returns how many."""
        done = 0
        for state in list(self._feeds.states()):
            last = self.last_before(state, oldest)
            if last is not None:
                done += self._settle_rows(state, last, limit - done)
            if done >= limit:
                break
        return done

    def settle_to(self, floors: Mapping[bytes, int], limit: int) -> int:
        """Delete about `limit` rows of these feeds up to these numbers; returns how many."""
        done = 0
        for feed, floor in floors.items():
            state = self._feeds.get(feed)
            if not state.frozen:
                done += self._settle_rows(state, floor, limit - done)
            if done >= limit:
                break
        return done

    def ends(self, author: bytes, until: int) -> list[tuple[bytes, int, bytes]]:
        """Return an author's last entry in each feed at a time.

        `author` is a public key, `until` UTC milliseconds. Each is feed, number and hash; the
        newest feed comes first.
        """
        found: list[Entry] = []
        for state in self._feeds.states():
            # A frozen feed has no end that all nodes agree on.
            if state.author != author or state.frozen or not state.head:
                continue
            last = self.last_before(state, until + 1)
            entry = self._feeds.at(state, last) if last is not None else state.tip
            if entry is not None and hlc_time(entry.hlc) <= until:
                found.append(entry)
        found.sort(key=lambda entry: entry.hlc, reverse=True)
        return [(entry.feed, entry.seq, entry.hash) for entry in found]

    def last_before(self, state: FeedState, time: int) -> int | None:
        """Return the largest held number stamped before a time (ms)."""
        # Stamps grow with numbers, so halving finds it in a few looks into the log.
        low, high = 0, intervals.size(state.runs)
        while low < high:
            middle = (low + high) // 2
            entry = self._feeds.at(state, _nth(state.runs, middle + 1))
            if entry is not None and hlc_time(entry.hlc) < time:
                low = middle + 1
            else:
                high = middle
        return _nth(state.runs, low) if low else None

    def _settle_rows(self, state: FeedState, last: int, limit: int) -> int:
        """Delete at most `limit` rows of a feed up to number `last`.

        Returns how many.
        """
        rows = intervals.intersect(state.runs, [(1, last)])
        if not rows or limit <= 0:
            return 0
        # The floor rises to a held number only, whose entry becomes the tip.
        last = _nth(rows, limit) if intervals.size(rows) > limit else rows[-1][1]
        tip = self._feeds.at(state, last)
        if tip is None:
            return 0
        self._feeds.settle(state, last, tip)
        return intervals.size(intervals.intersect(rows, [(1, last)]))

    def _drop_spent(self, oldest: int, own_feed: bytes) -> None:
        """Forget the empty feeds whose last entry is older than `oldest`."""
        spent = [
            state
            for state in self._feeds.states()
            if not (state.runs or state.holds or state.refused) and state.feed != own_feed
        ]
        proofs = self._feeds.proofs()
        for state in spent:
            # Without any known entry its age is unknown, so its floor must stay.
            known = [one for one in (state.tip, *proofs.get(state.feed, ())) if one is not None]
            if known and all(hlc_time(entry.hlc) < oldest for entry in known):
                self._feeds.drop(state)


def _nth(ranges: Iterable[tuple[int, int]], n: int) -> int:
    """Return the n-th smallest member, counted from 1."""
    for first, last in ranges:
        if n <= last - first + 1:
            return first + n - 1
        n -= last - first + 1
    raise IndexError(n)
