"""The feeds that this device writes: numbered, stamped, chained and on the disk before anybody sees them.

A feed of ours goes on only while we surely know its newest number. When a number of it was used twice after all, the feed has ended for
everybody; what it said is then said again under a new epoch: what this log holds at once, and what only peers still hold as it comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.chain import genuine
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.feeds import Holdings
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.mesh.wire import BATCH_BYTES, Range, Signed
from devstream_desktop.stream.entry import (
    COUNTER_BITS,
    EPOCH_BYTES,
    KEY_BYTES,
    MAX_HLC,
    Entry,
    MalformedEntryError,
    encode_body,
    hlc_time,
    next_hlc,
    parse_entry,
    preamble,
)
from devstream_desktop.stream.log import Arrival

ADOPT_MS = 5_000
"""How far the stamps of others pull ours ahead of the clock: what is said next sorts after what was
just heard, and no member sets the time of all."""
FUTURE_MS = 600_000
"""How far an entry's clock may be ahead of ours: laptops are off by minutes (uhlc allows 0.5 s and Corrosion 0.3 s, for servers)."""
MAX_FRUITLESS = 20
"""Batches of an ended feed that a peer gives with nothing new in them, before it is asked no more: its rows do not grow."""


class Author(Holdings):
    """Holdings with a key: what this device says. The arguments are those of `Replica`."""

    def __init__(
        self,
        *,
        store: LogStore,
        public_key: bytes,
        sign: Callable[[bytes], bytes],
        verify: Callable[[bytes, bytes, bytes], bool],
        team: str,
        retention_ms: int,
    ) -> None:
        super().__init__(store)
        self.retention_ms = retention_ms
        self.keep_expired = False
        """Set while the local clock is in doubt: a clock 40 days ahead would otherwise erase the history."""
        self.clock_late = False
        """Set while it may be behind and no peers tell the time: what is said is then not older than the newest entry of others, because
        a clock 40 days behind would say what has expired for everybody."""
        self._key = public_key
        self._sign = sign
        self._verify = verify
        self._preamble = preamble(team)
        self._hlc = max((state.head_entry.hlc for state in self.states() if state.head_entry), default=0)
        self._left: list[FeedState] = []
        """Own feeds that ended because a clock was ahead."""
        self._said: set[bytes] | None = None
        self._fruitless: dict[tuple[bytes, str], int] = {}

    @property
    def own_feed(self) -> bytes:
        """The feed that this device appends to now."""
        return self._key + self.store.epoch

    @property
    def last_known(self) -> int:
        """When the newest entry of others, or else of this device, was stamped (UTC ms); 0 for none."""
        heads = [(state.author == self._key, hlc_time(state.head_entry.hlc)) for state in self.states() if state.head_entry]
        return max((time for own, time in heads if not own), default=0) or max((time for _, time in heads), default=0)

    def publish(self, payloads: Sequence[bytes], now: int) -> list[Entry]:
        """Append to the own feed; on disk when this returns.

        Raises:
            MalformedEntryError: a payload is too large; then nothing was appended.

        """
        if not payloads:
            return []
        if self.clock_late:
            now = max(now, self.last_known)
        state = self._own(now)
        limit = (now + ADOPT_MS) << COUNTER_BITS
        if self._hlc > limit:  # by a member's stamps, or while this clock was ahead as well
            heads = (state.head_entry.hlc for state in self.states() if state.head_entry)
            self._hlc = max((hlc for hlc in heads if hlc <= limit), default=0)
        last = max(self._hlc, state.head_entry.hlc if state.head_entry else 0)
        entries: list[Entry] = []
        seq, prev = state.head, state.head_entry.hash if state.head_entry else b""
        for payload in payloads:
            seq, last = seq + 1, next_hlc(last, now)
            body = encode_body(feed=state.feed, seq=seq, hlc=last, prev=prev, payload=payload)
            entry = parse_entry(body, self._sign(self._preamble + body))
            entries.append(entry)
            prev = entry.hash
        self.store.add([Arrival(entry, "", verified=True) for entry in entries], durable=True)
        self._keep(state)
        state.extend(entries)
        self._hlc = max(self._hlc, last)
        self._touch(state)
        if self._said is not None:
            self._said.update(_digest(payload) for payload in payloads)
        return entries

    def _own(self, now: int) -> FeedState:
        """The own feed, after a new epoch where the old one cannot be continued honestly."""
        state = self._feeds.get(self.own_feed) or FeedState(self.own_feed)
        head = state.head_entry
        ahead = head is not None and hlc_time(head.hlc) > now + FUTURE_MS  # stamped by a clock that was wrong: nobody would take the next
        if state.frozen or (state.head and head is None) or ahead:
            self._renew_epoch()
            if ahead and not state.frozen:
                self._left.append(state)
            return FeedState(self.own_feed)
        return state

    def mend(self, now: int) -> list[Entry]:
        """Say again, in a new feed, what is stamped ahead of `now`, which must be known to be right."""
        self._own(now)
        said: list[Entry] = []
        while self._left:
            state = self._left[0]
            if not state.frozen:
                timely = self._last_expired(state, now + FUTURE_MS + 1) or 0
                said += self._publish_again(state, now, after=timely)
            del self._left[0]
        return said

    def _renew_epoch(self) -> None:
        epoch = self.store.renew_epoch()
        if len(epoch) != EPOCH_BYTES or self.own_feed in self._feeds:
            raise RuntimeError("the log gave an epoch that is in use")

    def _publish_again(self, state: FeedState, now: int, *, after: int = 0) -> list[Entry]:
        """Say under the own feed of now what `state` holds beyond the number `after` and has not expired."""
        published: list[Entry] = []
        for first, last in intervals.intersect(state.runs, [(after + 1, state.head)]):
            batch: list[bytes] = []
            size = 0
            for entry in self._held(state.feed, first, last):
                if self.keep_expired or hlc_time(entry.hlc) >= now - self.retention_ms:
                    batch.append(entry.payload)
                    size += len(entry.body)
                if size > BATCH_BYTES:
                    published += self.publish(batch, now)
                    batch, size = [], 0
            published += self.publish(batch, now)
        return published

    def claims(self, frozen: Iterable[bytes], peer: str) -> list[Range]:
        """Our own ended feeds to ask a peer for that knows they ended: it may hold what a rolled-back log of ours has lost."""
        return [Range(feed, 1, MAX_HLC) for feed in dict.fromkeys(frozen) if self._claimable(feed, peer)]

    def _claimable(self, feed: bytes, peer: str) -> bool:
        state = self._feeds.get(feed)
        fruitless = self._fruitless.get((feed, peer), 0)
        return state is not None and state.frozen and state.author == self._key and fruitless < MAX_FRUITLESS

    def rest_of(self, claim: Range, batch: Sequence[Signed], peer: str) -> Range | None:
        """What of a claim is still to be fetched after the peer served `batch` of it, from its newest down; None when all is."""
        if not self._claimable(claim.feed, peer):
            return None
        try:
            lowest = min((parse_entry(item.body, item.signature).seq for item in batch), default=0)
        except MalformedEntryError:
            return None
        return Range(claim.feed, claim.first, lowest - 1) if claim.first < lowest <= claim.last else None

    def _reclaim(self, feed: bytes, entries: Iterable[Entry], peer: str, now: int) -> tuple[list[Entry], int]:
        """Say again what a peer holds of an ended feed of ours and no feed of ours says; and how many of these were not genuine."""
        if self._said is None:
            self._said = {
                _digest(entry.payload)
                for state in self.states()
                if state.author == self._key
                for first, last in state.runs
                for entry in self._held(state.feed, first, last)
            }
        lost: list[bytes] = []
        found, bad = genuine(sorted({entry.seq: entry for entry in entries}.values(), key=_seq), lambda _: None, self._signed)
        for entry, _ in found:
            digest = _digest(entry.payload)
            if digest not in self._said and (self.keep_expired or hlc_time(entry.hlc) >= now - self.retention_ms):
                self._said.add(digest)
                lost.append(entry.payload)
        self._fruitless[(feed, peer)] = 0 if lost else self._fruitless.get((feed, peer), 0) + 1
        return self.publish(lost, now), bad

    def _held(self, feed: bytes, first: int, last: int) -> Iterator[Entry]:
        """The held entries of a range, ascending, read in batches."""
        at = first
        while at <= last and (batch := self.store.entries(feed, at, last, newest_first=False, max_bytes=BATCH_BYTES)):
            yield from batch
            at = batch[-1].seq + 1

    def _signed(self, entry: Entry) -> bool:
        return self._verify(entry.feed[:KEY_BYTES], self._preamble + entry.body, entry.signature)


def _seq(entry: Entry) -> int:
    return entry.seq


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=16).digest()
