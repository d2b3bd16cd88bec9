"""How much a peer may ask and an author may say: token buckets, so that bursts pass and floods do not.

A feed that says more than a person or a collector can (docs/architecture.md, Rates) is not refused, because what is refused
would be fetched again: what was taken beyond the rate is a debt, and the link that brought it waits until it is paid. Only news
of this moment count, and never what is fetched, so that catching up with a storm costs nobody any wait. After a wait both ends
compare what they hold, and what came meanwhile is fetched in large batches, newest first (session.py): a storm is a few seconds
late, and its newest line not later.
"""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.stream.entry import Entry, hlc_time

FEED_RATE, FEED_BURST = 50.0, 2000.0
"""Events a second of one feed, and how many may come at once: a merge train with all its builds passes without a wait."""
JUST_NOW_MS = 20_000
"""What is older is no flood of this moment."""
MAX_WAIT_S = 5.0
"""The longest wait at a time; the debt stays. News of other feeds come over the other links meanwhile."""
CALL_RATE, CALL_BURST = 200.0, 2000.0
"""Requests a second of one caller. Honest ones ask one thing at a time, and at most two for each batch of news."""


MOST_OF_AUTHOR, MOST_OF_PEER = 250_000, 1_000_000
"""Numbers that a peer's word is taken for, of one author and in all: what a history holds at most (history/log.py: MOST_BYTES) is some
more. The newest are asked for first, and what they leave is asked for when they are here."""


class Bucket:
    """Tokens that come back at a rate. Time is passed in, seconds that only grow."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, count: float, now: float) -> float:
        """Take tokens, on credit where there are none; returns in how many seconds the debt is paid."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - count
        self._at = now
        return max(0.0, -self._tokens / self._rate)

    def full(self, now: float) -> bool:
        """Whether it has forgotten everything."""
        return self._tokens + (now - self._at) * self._rate >= self._burst


class FeedRates:
    """A bucket for each feed that says something now."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, Bucket] = {}

    def wait(self, stored: Sequence[Entry], now_ms: int, now: float) -> float:
        """For how many seconds who brought these new entries should bring no more.

        Args:
            stored: What was new.
            now_ms: UTC milliseconds.
            now: Steady seconds.

        """
        counts: dict[bytes, int] = {}
        for entry in stored:
            if hlc_time(entry.hlc) > now_ms - JUST_NOW_MS:
                counts[entry.feed] = counts.get(entry.feed, 0) + 1
        wait = 0.0
        for feed, count in counts.items():
            bucket = self._buckets.setdefault(feed, Bucket(FEED_RATE, FEED_BURST, now))
            wait = max(wait, bucket.take(count, now))
        if len(self._buckets) > len(counts):
            self._buckets = {feed: bucket for feed, bucket in self._buckets.items() if not bucket.full(now)}
        return min(wait, MAX_WAIT_S)
