"""Limits of requests and news: token buckets, so that bursts pass and floods do not.

A feed that says more than a person or a collector can is not refused, because what is refused would
be fetched again: what was taken beyond the rate is a debt, and the link that brought it waits until
it is paid. Only news of this moment count, and never what is fetched, so that catching up with a
storm costs nobody any wait. After a wait both ends compare what they hold, and what came meanwhile
is fetched in large batches, newest first (session.py): a storm is a few seconds late, and its
newest line not later.

What a peer has us do is paid for in the same way, in milliseconds of the loop as they were
measured, by device and not by link, and with what it answers as with what it asks. Whoever owes
waits, and others do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.door.bucket import Bucket
from devstream_desktop.mesh import wire
from devstream_desktop.stream.entry import KEY_BYTES, Entry, hlc_time

FEED_RATE, FEED_BURST = 50.0, 2000.0
"""Events of one author a second, and at once.

A merge train with all its builds passes without a wait.
"""
JUST_NOW_MS = 20_000
"""Age from which an entry is no part of a flood."""
MAX_WAIT_S = 5.0
"""The longest wait at a time; the debt stays.

News of other feeds come over the other links meanwhile.
"""
CALL_RATE, CALL_BURST = 200.0, 2000.0
"""Requests of one device a second, and at once.

Honest ones ask one thing at a time, and at most two for each batch of news.
"""
COST_RATE, COST_BURST = 300.0, 400.0
"""Milliseconds of work for one device a second, and at once.

A newcomer is served 30 full batches a second, some 20,000 events.
"""
MAX_DEBT_S = 8.0
"""Debt in seconds at which a peer is cut off.

An honest peer waits for its answers, and never has so much under way.
"""
NAMED_RATE, NAMED_BURST = 32 / 3600, 32.0
"""New addresses that one device may name a second, and at once.

That is a neighbour's first two answers, and another address every two minutes.
"""
MOST_OF_AUTHOR, MOST_OF_PEER = 250_000, 1_000_000
"""Numbers that a peer's word counts for: of an author, in all.

A history holds at most some more (history/shares.py: MOST_BYTES). The newest are asked for first,
and the rest is asked for when they are here.
"""

_BYTES = 1 / 20_000
"""Cost of a byte to read and decode, or to send."""
_WASTED = 0.1
"""Cost of an entry that was not new.

It is looked for in the database, and its signature may be checked.
"""
_ROW = 0.02


class Buckets:
    """A bucket for each of many, as long as it remembers anything."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._of: dict[bytes | str, Bucket] = {}

    def take(self, who: bytes | str, count: float, now: float) -> float:
        """Take from one bucket, as `Bucket.take`."""
        return self._bucket(who, now).take(count, now)

    def grant(self, who: bytes | str, count: float, now: float) -> bool:
        """Take from one bucket, as `Bucket.grant`."""
        return self._bucket(who, now).grant(count, now)

    def _bucket(self, who: bytes | str, now: float) -> Bucket:
        # Full ones remember nothing, so the table is as small as the number of busy peers.
        if who not in self._of:
            self._of = {other: bucket for other, bucket in self._of.items() if not bucket.full(now)}
            self._of[who] = Bucket(self._rate, self._burst, now)
        return self._of[who]


class FeedRates:
    """The rate of each author's news, in however many feeds."""

    def __init__(self) -> None:
        self._authors = Buckets(FEED_RATE, FEED_BURST)

    def wait(self, stored: Sequence[Entry], now_ms: int, now: float) -> float:
        """Seconds the sender must wait before pushing more entries.

        Args:
            stored: What was new.
            now_ms: UTC milliseconds.
            now: Steady seconds.

        """
        counts: dict[bytes, int] = {}
        for entry in stored:
            # Older entries are a catch-up, which costs nobody a wait.
            if hlc_time(entry.hlc) > now_ms - JUST_NOW_MS:
                author = entry.feed[:KEY_BYTES]
                counts[author] = counts.get(author, 0) + 1
        take = self._authors.take
        waits = [take(author, count, now) for author, count in counts.items()]
        return min(MAX_WAIT_S, max(waits, default=0.0))


def cost(message: wire.Request | wire.Reply) -> float:
    """Return the least cost of a peer's message, milliseconds of the loop.

    What turns out to be wasted is paid for afterwards.
    """
    match message:
        case wire.Push() | wire.News() | wire.Entries():
            return 0.5 + 0.02 * len(message.entries)
        case wire.Digest():
            return 8.0
        case wire.Offer() | wire.Records():
            return (
                1.0
                + 0.01 * len(message.records)
                + 0.001 * sum(len(record.gaps) for record in message.records)
            )
        case wire.Fetch() | wire.Wants():
            return 1.0 + 0.01 * len(message.ranges)
        case wire.Proof():
            return 1.0 + 0.3 * len(message.give) + 0.02 * len(message.ask)
        case wire.Proofs():
            return 1.0 + 0.3 * len(message.pairs)
        case wire.AskPolicy() | wire.Policies():
            return 5.0 + sum(len(document) for document in message.documents) / 10_000
        case wire.AskNode():
            return 5.0
        case wire.Hello() | wire.Welcome():
            return 3.0
        case _:
            return 0.5


def cost_of_bytes(frame: bytes) -> float:
    """Return the cost of receiving or sending a frame."""
    return 0.1 + len(frame) * _BYTES


def cost_of_waste(count: int) -> float:
    """Return the cost of looking at so many known entries."""
    return count * _WASTED


def cost_of_rows(count: int) -> float:
    """Return the cost of passing over so many rows of the log."""
    return count * _ROW
