"""The feeds that this device writes: numbered, stamped, chained, on disk before anybody sees them.

A feed goes on only while its newest number is surely known. When a number was used twice after all,
the feed ends for everybody. Its content is then published again under a new epoch: what this log
holds at once, and what only peers still hold as it comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.chain import genuine
from devstream_desktop.mesh.replica.expiry import Expiry
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.mesh.replica.signatures import Signatures
from devstream_desktop.mesh.wire import BATCH_BYTES, Range, SignedEntry
from devstream_desktop.stream.entry import (
    COUNTER_BITS,
    EPOCH_BYTES,
    MAX_HLC,
    Entry,
    MalformedEntryError,
    encode_body,
    hlc_time,
    next_hlc,
    parse_entry,
)
from devstream_desktop.stream.log import Arrival

ADOPT_MS = 5_000
"""The most that stamps of others pull ours ahead of the clock.

The next entry then sorts after the one just received, and no member sets the time of all.
"""
FUTURE_MS = 600_000
"""The most that an entry's stamp may be ahead of our clock.

Laptops are off by minutes. The library uhlc allows 0.5 s and Corrosion 0.3 s, for servers.
"""
MAX_FRUITLESS = 20
"""Fruitless batches before a peer is not asked for a closed feed.

A closed feed cannot grow.
"""


class OwnFeed:
    """The author's side of a replica.

    Args:
        feeds: The feeds of the log.
        expiry: The retention of the log.
        signatures: Signs with this device's key.
        key: This device's public key.

    """

    def __init__(self, feeds: Feeds, expiry: Expiry, signatures: Signatures, key: bytes) -> None:
        self.key = key
        self.clock_late = False
        """Set while the clock may be behind and no peer corrects it.

        New entries are then not older than the newest of others. A clock 40 days behind would
        otherwise publish what has expired for everybody.
        """
        self._feeds = feeds
        self._expiry = expiry
        self._signatures = signatures
        self._hlc = max((head.hlc for head in self._heads()), default=0)
        """The largest stamp published or received."""
        self._left: list[FeedState] = []
        """Own feeds that ended because a clock was ahead."""
        self._published: set[bytes] | None = None
        """Digests of all payloads in own feeds, read when first needed."""
        self._fruitless: dict[tuple[bytes, str], int] = {}

    @property
    def feed(self) -> bytes:
        """The feed that this device appends to now."""
        return self.key + self._feeds.store.epoch

    @property
    def last_known(self) -> int:
        """The newest stamp of others, or else of this device (UTC ms); 0 for none."""
        heads = [(head.feed.startswith(self.key), hlc_time(head.hlc)) for head in self._heads()]
        others = max((time for own, time in heads if not own), default=0)
        return others or max((time for _, time in heads), default=0)

    def publish(self, payloads: Sequence[bytes], now: int) -> list[Entry]:
        """Append to the own feed; on disk when this returns.

        Raises:
            MalformedEntryError: a payload is too large; then nothing was appended.

        """
        if not payloads:
            return []
        # Others would expire at once what is stamped 40 days ago.
        if self.clock_late:
            now = max(now, self.last_known)
        state = self._current(now)
        limit = (now + ADOPT_MS) << COUNTER_BITS
        # Ahead by a member's stamps, or from a time when this clock was ahead as well.
        if self._hlc > limit:
            self._hlc = max((head.hlc for head in self._heads() if head.hlc <= limit), default=0)
        last = max(self._hlc, state.head_entry.hlc if state.head_entry else 0)
        entries: list[Entry] = []
        seq, prev = state.head, state.head_entry.hash if state.head_entry else b""
        for payload in payloads:
            seq, last = seq + 1, next_hlc(last, now)
            body = encode_body(feed=state.feed, seq=seq, hlc=last, prev=prev, payload=payload)
            entry = parse_entry(body, self._signatures.sign(body))
            entries.append(entry)
            prev = entry.hash
        arrivals = [Arrival(entry, "", verified=True) for entry in entries]
        # Durable before anybody sees them: no number is given twice after a power cut.
        self._feeds.store.add(arrivals, durable=True)
        self._feeds.keep(state)
        state.extend(entries)
        self.heard(last)
        self._feeds.touch(state)
        if self._published is not None:
            self._published.update(_digest(payload) for payload in payloads)
        return entries

    def heard(self, hlc: int) -> None:
        """Stamp the next entry after this one."""
        self._hlc = max(self._hlc, hlc)

    def mend(self, now: int) -> list[Entry]:
        """Publish again what is stamped ahead of `now`, in a new feed.

        `now` must be known to be right.
        """
        self._current(now)
        published: list[Entry] = []
        # One feed after the other, so that a full disk loses none.
        while self._left:
            state = self._left[0]
            if not state.frozen:
                timely = self._expiry.last_before(state, now + FUTURE_MS + 1) or 0
                published += self.publish_again(state, now, after=timely)
            # Only now: a full disk above leaves it for the next try.
            del self._left[0]
        return published

    def renew_epoch(self) -> None:
        """Append to a new feed from now on."""
        epoch = self._feeds.store.renew_epoch()
        # A used epoch would give a number twice, the one thing that must never happen.
        if len(epoch) != EPOCH_BYTES or self.feed in self._feeds:
            raise RuntimeError("the log gave an epoch that is in use")

    def publish_again(self, state: FeedState, now: int, *, after: int = 0) -> list[Entry]:
        """Publish again the unexpired entries of `state` beyond a number."""
        published: list[Entry] = []
        for first, last in intervals.intersect(state.runs, [(after + 1, state.head)]):
            batch: list[bytes] = []
            size = 0
            for entry in self._feeds.held(state.feed, first, last):
                if not self._expiry.expired(entry, now):
                    batch.append(entry.payload)
                    size += len(entry.body)
                # In batches, so that a long feed is never in memory whole.
                if size > BATCH_BYTES:
                    published += self.publish(batch, now)
                    batch, size = [], 0
            published += self.publish(batch, now)
        return published

    def claims(self, frozen: Iterable[bytes], peer: str) -> list[Range]:
        """Own closed feeds to ask for at a peer that knows them.

        It may hold entries that a rolled-back log of ours has lost.
        """
        feeds = [feed for feed in dict.fromkeys(frozen) if self._claimable(feed, peer)]
        return [Range(feed, 1, MAX_HLC) for feed in feeds]

    def rest_of(self, claim: Range, batch: Sequence[SignedEntry], peer: str) -> Range | None:
        """Return the rest of a claim after a peer has served `batch`.

        `batch` came from its newest down. None when all was served.
        """
        if not self._claimable(claim.feed, peer):
            return None
        try:
            numbers = [parse_entry(item.body, item.signature).seq for item in batch]
        except MalformedEntryError:
            return None
        lowest = min(numbers, default=0)
        more = claim.first < lowest <= claim.last
        return Range(claim.feed, claim.first, lowest - 1) if more else None

    def reclaim(
        self, feed: bytes, entries: Iterable[Entry], peer: str, now: int
    ) -> tuple[list[Entry], int]:
        """Publish what a peer holds of a closed feed and we lack.

        Returns the new entries, and how many of the given ones were not genuine.
        """
        if self._published is None:
            self._published = {
                _digest(entry.payload)
                for state in self._feeds.states()
                if state.author == self.key
                for first, last in state.runs
                for entry in self._feeds.held(state.feed, first, last)
            }
        lost: list[bytes] = []
        run = sorted({entry.seq: entry for entry in entries}.values(), key=lambda entry: entry.seq)
        found, bad = genuine(run, lambda _: None, self._signatures.right)
        for entry, _ in found:
            digest = _digest(entry.payload)
            # The payload decides: the lost entry had another number and stamp.
            if digest not in self._published and not self._expiry.expired(entry, now):
                self._published.add(digest)
                lost.append(entry.payload)
        fruitless = self._fruitless.get((feed, peer), 0) + 1
        self._fruitless[(feed, peer)] = 0 if lost else fruitless
        return self.publish(lost, now), bad

    def _current(self, now: int) -> FeedState:
        """Return the own feed; a new one where the old cannot go on."""
        state = self._feeds.get(self.feed)
        head = state.head_entry
        # Stamped by a clock that was wrong: nobody would accept the next entry before that time.
        ahead = head is not None and hlc_time(head.hlc) > now + FUTURE_MS
        # Without the head entry its hash is unknown, and the chain cannot go on.
        if state.frozen or (state.head and head is None) or ahead:
            self.renew_epoch()
            if ahead and not state.frozen:
                self._left.append(state)
            return FeedState(self.feed)
        return state

    def _heads(self) -> list[Entry]:
        return [state.head_entry for state in self._feeds.states() if state.head_entry]

    def _claimable(self, feed: bytes, peer: str) -> bool:
        state = self._feeds.get(feed)
        fruitless = self._fruitless.get((feed, peer), 0)
        return state.frozen and state.author == self.key and fruitless < MAX_FRUITLESS


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()
