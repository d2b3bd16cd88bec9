"""The rules of replication, pure: entries and digests in, entries and wants out; time is passed in, nothing waits, nothing is sent.

Promises, whatever the network does and in whatever order things come:
    - A number of a feed is stored once, with the body its author signed, and never changes.
    - What has expired never comes back: the floor, the entry's own clock and the tip each forbid it.
    - Two nodes that can reach each other by any path end with the same live entries, newest first on the way.
    - A number used twice (a restored backup, a cloned disk) is proven by two signed entries; the feed is then frozen everywhere, and
      its author says again under a new epoch what it held, and what it meets at peers that only they still held. Readers know a fact
      by its key, so it stays one row. (What the author never comes back for stays where it is until it expires.)
    - Own entries are on disk before anybody sees them, so a number is not given twice after a power cut.
    - A clock that is in doubt (clock.py) forgets nothing. A node whose clock is wrong takes part by the team's time; what it said with a
      stamp ahead of that, before it heard its peers, it says again.

Where things are: the messages are a table in wire.py, what is needed of a log is store.py, what is held is feeds.py, the own feed is
own_feed.py, which entries are genuine and which contradict each other is chain.py. Here is what is taken, refused and asked for.

State of a feed (feed.py): `floor <= runs`, the `tip` settled last, the `head`. All of it is derived from the log at start; only what was
refused by the author table and what waits for its time (`holds`) is in memory alone, because both are asked for again after a restart.

What happens to an entry that comes in, in this order:
    its feed is frozen                    ignored; its author, though, says again what it lacks
    number <= floor, or held              known; or, with another hash, proof of a number used twice
    neither chained nor signed            bad: counted, its sender is cut off after a few
    contradicts a neighbour               proof: frozen. Before its age is looked at: the floor may only rise over what is older
    older than the retention              settled: the floor rises to it
    more than ten minutes ahead of us     held back: asked for again when its time has come
    its author may not write this         refused: asked for again when the policy changes (of a revoked author: chain.before_end)
    vouched for only by one not kept      its own signature decides
    else                                  stored

Numbers of a feed grow with its clock, and that is what most of it rests on: one expired entry settles all before it, one entry from the
future holds back all after it, pruning halves its way to the floor, and two entries that break the order are a proof.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Self

from devstream_desktop.mesh.limits import MOST_OF_AUTHOR, MOST_OF_PEER
from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.chain import before_end, contradict, genuine
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.replica.own_feed import FUTURE_MS, Author
from devstream_desktop.mesh.replica.shortfall import Shortfall
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.mesh.wire import MAX_GAPS, Pair, Range, Record, Signed
from devstream_desktop.stream.entry import COUNTER_BITS, KEY_BYTES, Entry, MalformedEntryError, hlc_time, parse_entry
from devstream_desktop.stream.log import Arrival

PRUNE_CHUNK = 32
"""Numbers settled in one transaction (about 5 ms with their rows and words), so that pruning never stalls the loop."""
NEWEST_FIRST = 200
"""Of each feed the newest this many are fetched before anything older of any feed."""
KEEP_SPENT_MS = 60 * 86_400_000
"""Twice the longest retention: after that no honest node has an entry of a feed that has expired here, so its floor is forgotten too."""
MAX_FEEDS = 256
"""Of one device. An honest one begins another after a restored backup, a lost database or a clock that was ahead, and the oldest are
forgotten 60 days after their last entry: three a day may be told of."""
MAX_UNCHECKED = 100_000
"""Entries remembered as accepted by the chain alone until their own signatures are checked in idle time."""


@dataclass
class Outcome:
    """What became of a batch."""

    stored: list[Entry] = field(default_factory=list)
    """New here, in the order stored; those that this device published again under a new epoch come last."""
    known: int = 0
    settled: int = 0
    expired: int = 0
    future: int = 0
    frozen: int = 0
    bad: int = 0
    refused: int = 0
    reason: str = ""  # why the last refused entry was

    def __iadd__(self, other: Outcome) -> Self:
        """What became of both."""
        self.stored += other.stored
        self.known += other.known
        self.settled += other.settled
        self.expired += other.expired
        self.future += other.future
        self.frozen += other.frozen
        self.bad += other.bad
        self.refused += other.refused
        self.reason = other.reason or self.reason
        return self


class Replica(Author):
    """One node's replica of every feed.

    Args:
        store: The log.
        public_key: This device's Ed25519 key.
        sign: Signs a message with it.
        verify: Whether `(public key, message, signature)` is right.
        team: The team's id, bound into every signature.
        refusal: Why an entry may not be taken, None when it may. Of an entry whose version it does not know it judges the author alone.
        retention_ms: How long entries are kept, by their own clocks.
        rng: For choices that must not be the same everywhere.
        ended: Number and hash of the last entry of a feed whose author is out, 0 when nothing of it is taken any more; None: it goes on.
        is_author: Whether a public key is, or was, one of the team's. Of others nothing is kept, not even that there was something:
            whoever makes up keys would fill every log.

    """

    def __init__(
        self,
        *,
        store: LogStore,
        public_key: bytes,
        sign: Callable[[bytes], bytes],
        verify: Callable[[bytes, bytes, bytes], bool],
        team: str,
        refusal: Callable[[Entry], str | None],
        retention_ms: int,
        rng: random.Random,
        ended: Callable[[bytes], tuple[int, bytes] | None] = lambda _: None,
        is_author: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        super().__init__(store=store, public_key=public_key, sign=sign, verify=verify, team=team, retention_ms=retention_ms)
        self._refusal = refusal
        self._ended = ended
        self._is_author = is_author
        self._strangers = False
        """Whether something of a key that is no member's was passed over; by the next policy it may be one."""
        self._crowded: set[bytes] = set()
        """Authors of whom some feeds were passed over, because there are so many."""
        self._rng = rng
        self._unchecked: dict[tuple[bytes, int], None] = {}

    # What comes in.

    def ingest(self, batch: Iterable[Signed], sender: str, now: int) -> Outcome:
        """Take what is new and allowed of a peer's batch, in one transaction.

        Args:
            batch: Entries as they came, of any feeds, in any order.
            sender: The device id of the peer.
            now: UTC milliseconds.

        """
        outcome = Outcome()
        by_feed: defaultdict[bytes, list[Entry]] = defaultdict(list)
        for item in batch:
            try:
                entry = parse_entry(item.body, item.signature)
            except MalformedEntryError:
                outcome.bad += 1
                continue
            by_feed[entry.feed].append(entry)
        taken: list[tuple[FeedState, list[tuple[Entry, bool]]]] = []
        begun: Counter[bytes] = Counter()
        for feed, entries in by_feed.items():
            if (reason := self._passed_over(feed, begun[feed[:KEY_BYTES]])) is not None:
                outcome.refused += len(entries)
                outcome.reason = reason
                continue
            state = self._feeds.get(feed) or FeedState(feed)
            if state.frozen:
                outcome.frozen += len(entries)
                if state.author == self._key:
                    published, bad = self._reclaim(feed, entries, sender, now)
                    outcome.stored += published
                    outcome.bad += bad
                continue
            good = self._sift(state, entries, now, outcome)
            if good:
                taken.append((state, good))
                begun[state.author] += feed not in self._feeds
        arrivals = [Arrival(entry, sender, verified) for _, good in taken for entry, verified in good]
        if not arrivals:
            return outcome
        arrivals.sort(key=lambda arrival: arrival.entry.hlc)
        self.store.add(arrivals)
        for state, good in taken:
            new = [entry for entry, _ in good]
            self._keep(state)
            state.extend(new)
            self._hlc = max(self._hlc, new[-1].hlc)
            self._touch(state)
            self._unchecked.update(dict.fromkeys((state.feed, entry.seq) for entry, verified in good if not verified))
        while len(self._unchecked) > MAX_UNCHECKED:
            del self._unchecked[next(iter(self._unchecked))]
        outcome.stored[:0] = [arrival.entry for arrival in arrivals]
        return outcome

    def _passed_over(self, feed: bytes, begun: int = 0) -> str | None:
        """Why nothing of a feed is kept, not even that there is one: whoever makes up keys or epochs would fill every log.

        `begun`: further feeds of its author that are about to be known.
        """
        author = feed[:KEY_BYTES]
        if not self._is_author(author):
            self._strangers = True
            return "its author is not in the team"
        if feed not in self._feeds and self._feeds_of[author] + begun >= MAX_FEEDS and author != self._key:
            self._crowded.add(author)
            return f"its device has begun more than {MAX_FEEDS} feeds"
        return None

    def unproven(self, frozen: Iterable[bytes]) -> list[bytes]:
        """Which of these, frozen elsewhere, are not frozen here and may be."""
        return [
            feed
            for feed in dict.fromkeys(frozen)
            if not ((state := self._feeds.get(feed)) and state.frozen) and not self._passed_over(feed)
        ]

    def shortfall(self, now: int) -> Shortfall:
        """What is lacking of the feeds known here, and why."""
        self._crowded = {author for author in self._crowded if self._feeds_of[author] >= MAX_FEEDS}
        return replace(super().shortfall(now), crowded=tuple(self._crowded))

    def _sift(self, state: FeedState, entries: list[Entry], now: int, outcome: Outcome) -> list[tuple[Entry, bool]]:
        """The entries of one feed that are to be stored, ascending; everything else is dealt with here."""
        run: dict[int, Entry] = {}
        rivals: list[tuple[Entry, Entry]] = []
        for entry in entries:
            known = run.get(entry.seq)
            if known is None:
                if entry.seq > state.floor and not intervals.contains(state.runs, entry.seq):
                    run[entry.seq] = entry
                    continue
                known = self._at(state, entry.seq)
            if known is not None and known.hash != entry.hash:
                rivals.append((known, entry))
            elif entry.seq > state.floor:
                outcome.known += 1
            else:
                outcome.settled += 1
                if state.tip is not None and contradict(state.tip, entry):
                    rivals.append((state.tip, entry))
        found, bad = genuine([run[seq] for seq in sorted(run)], lambda entry: self._at(state, entry.seq + 1), self._signed)
        outcome.bad += bad
        if state.feed == self.own_feed and found and found[-1][0].seq > state.head:
            self._renew_epoch()  # more of our feed was written than we know: this log is an older copy
        count = len(found)
        if (end := self._ended(state.feed)) is not None:
            found, beyond, refused = before_end(found, end, lambda entry: self._at(state, entry.seq + 1))
            rivals, outcome.refused, outcome.reason = [], outcome.refused + refused, "its author was revoked" if refused else outcome.reason
            if beyond:
                state.refused = intervals.union([*state.refused, *((seq, seq) for seq in beyond)])
                self._keep(state)
        good = self._allowed(state, self._by_age(state, self._agreeing(state, found, rivals), now, outcome), outcome)
        good = self._joined(state, good, outcome)
        if len(good) < count:
            good = self._vouched(state, good, outcome)
        for one, other in rivals:
            if not self._signed(other):
                outcome.bad += 1
            elif not state.frozen and self._signed(one):
                outcome.stored += self._freeze(state, (one, other), now)
        return [] if state.frozen else good

    def _agreeing(self, state: FeedState, found: list[tuple[Entry, bool]], rivals: list[tuple[Entry, Entry]]) -> list[tuple[Entry, bool]]:
        """Those that contradict neither each other nor what is held next to them; pairs that do go to `rivals`."""
        agreeing: list[tuple[Entry, bool]] = []
        previous: Entry | None = None
        for item in found:
            entry = item[0]
            before = previous
            if previous is None or previous.seq != entry.seq - 1:
                low = intervals.below(state.runs, entry.seq)
                if low is not None and (previous is None or low > previous.seq):
                    before = self._at(state, low)
                elif previous is None:
                    before = state.tip
            if before is not None and contradict(before, entry):
                rivals.append((before, entry))
            else:
                agreeing.append(item)
                previous = entry
        # Only the last of each run has a held neighbour above it; for the others it is the next of the batch, which was looked at.
        for at, (entry, _) in enumerate(agreeing):
            if at + 1 == len(agreeing) or agreeing[at + 1][0].seq != entry.seq + 1:
                high = intervals.above(state.runs, entry.seq)
                after = self._at(state, high) if high is not None else None
                if after is not None and contradict(entry, after):
                    rivals.append((after, entry))
        return agreeing

    def _by_age(self, state: FeedState, found: list[tuple[Entry, bool]], now: int, outcome: Outcome) -> list[tuple[Entry, bool]]:
        """Settle what has expired, hold back what is ahead of its time, return the rest (clocks grow inside a feed: each is one end)."""
        oldest = now - self.retention_ms
        expired = [] if self.keep_expired else [entry for entry, _ in found if hlc_time(entry.hlc) < oldest]
        if expired:
            outcome.expired += len(expired)
            self._settle(state, expired[-1].seq, expired[-1])
        limit = (now + FUTURE_MS + 1) << COUNTER_BITS
        timely: list[tuple[Entry, bool]] = []
        for item in found:
            entry = item[0]
            if entry.hlc >= limit:
                outcome.future += 1
                state.hold(entry.seq, hlc_time(entry.hlc) - FUTURE_MS)
                self._keep(state)
            elif entry.seq > state.floor:
                timely.append(item)
        return timely

    def _allowed(self, state: FeedState, agreeing: list[tuple[Entry, bool]], outcome: Outcome) -> list[tuple[Entry, bool]]:
        """Those that their author may write; the numbers of the others are noted."""
        allowed: list[tuple[Entry, bool]] = []
        for item in agreeing:
            entry = item[0]
            reason = self._refusal(entry)
            if reason is None:
                allowed.append(item)
                continue
            outcome.refused += 1
            outcome.reason = reason
            state.refuse(entry.seq)
            self._keep(state)
        return allowed

    def _joined(self, state: FeedState, good: list[tuple[Entry, bool]], outcome: Outcome) -> list[tuple[Entry, bool]]:
        """Those that leave the feed with no more than `MAX_GAPS` holes. An author who leaves out numbers would make every look dear."""
        if len(state.runs) + len(good) <= MAX_GAPS:
            return good
        kept: list[tuple[Entry, bool]] = []
        holes = len(state.runs)
        for item in reversed(good):
            seq = item[0].seq
            above = (kept and kept[-1][0].seq == seq + 1) or intervals.contains(state.runs, seq + 1)
            if above or holes <= MAX_GAPS or intervals.contains(state.runs, seq - 1):
                kept.append(item)
                holes += not above
        if len(kept) < len(good):
            outcome.refused += len(good) - len(kept)
            outcome.reason = f"its feed has more than {MAX_GAPS} holes"
        kept.reverse()
        return kept

    def _vouched(self, state: FeedState, good: list[tuple[Entry, bool]], outcome: Outcome) -> list[tuple[Entry, bool]]:
        """Those that this log can vouch for: where the next entry, whose chain did, is not kept, the own signature must."""
        kept: list[tuple[Entry, bool]] = []
        for entry, verified in reversed(good):
            follows = (kept and kept[-1][0].seq == entry.seq + 1) or intervals.contains(state.runs, entry.seq + 1)
            if verified or follows:
                kept.append((entry, verified))
            elif self._signed(entry):
                kept.append((entry, True))
            else:
                outcome.bad += 1
        kept.reverse()
        return kept

    # Numbers used twice.

    def _freeze(self, state: FeedState, proof: tuple[Entry, Entry], now: int) -> list[Entry]:
        """End a feed. When it is ours, publish what it holds again first: a crash in between then repeats that instead of losing it."""
        published: list[Entry] = []
        if state.author == self._key:
            if state.feed == self.own_feed:
                self._renew_epoch()
            published = self._publish_again(state, now)
        self.store.freeze(state.feed, proof)
        self._proofs = None
        state.frozen = True
        self._keep(state)
        self._touch(state)
        return published

    def absorb_proofs(self, pairs: Iterable[Pair], now: int) -> Outcome:
        """Freeze the feeds that these prove to be broken."""
        outcome = Outcome()
        for pair in pairs:
            try:
                one, other = (parse_entry(item.body, item.signature) for item in (pair.first, pair.second))
            except MalformedEntryError:
                outcome.bad += 1
                continue
            state = self._feeds.get(one.feed) or FeedState(one.feed)
            if state.frozen or self._passed_over(one.feed):
                continue
            if contradict(one, other) and self._signed(one) and self._signed(other):
                outcome.stored += self._freeze(state, (one, other), now)
            else:
                outcome.bad += 1
        return outcome

    # Comparing with a peer.

    def want(self, records: Iterable[Record], now: int) -> list[Range]:
        """What a peer with these records can give and this node lacks, the newest of every feed first.

        Records prove nothing: they are believed for so many numbers and no more, and of members only.
        """
        newest: list[Range] = []
        older: list[Range] = []
        left, left_of = MOST_OF_PEER, defaultdict[bytes, int](lambda: MOST_OF_AUTHOR)
        wanted: dict[bytes, Ranges] = {}
        for record in sorted(records, key=lambda record: record.head_hlc, reverse=True):
            state = self._feeds.get(record.feed) or FeedState(record.feed)
            if self._passed_over(record.feed):
                continue
            missing = state.missing(record, now)
            if not missing:
                continue
            if (known := wanted.get(record.feed)) is not None:
                missing = intervals.subtract(missing, known)
            missing = intervals.newest(missing, min(left, left_of[state.author]))
            wanted[record.feed] = intervals.union([*(known or ()), *missing])
            count = intervals.size(missing)
            left -= count
            left_of[state.author] -= count
            budget = NEWEST_FIRST
            for first, last in reversed(missing):
                split = max(first, last - budget + 1)
                if split <= last:
                    newest.append(Range(record.feed, split, last))
                    budget -= last - split + 1
                if first < split:
                    older.append(Range(record.feed, first, split - 1))
        return newest + older

    def doubts(self, records: Iterable[Record]) -> list[Range]:
        """Heads of the peer that contradict what is held here: fetched, they prove a number used twice.

        So does one of our own feed beyond what we know: whether this log is an older copy is for that entry to prove.
        """
        found = {}
        for record in records:
            state = self._feeds.get(record.feed) or FeedState(record.feed)
            if state.doubt(record) or (record.feed == self.own_feed and record.head > state.head):
                found[record.feed] = Range(record.feed, record.head, record.head)
        return list(found.values())

    # Housekeeping.

    def policy_changed(self) -> bool:
        """Ask again for what was refused so far; True when anything was."""
        again = [state for state in self._feeds.values() if state.refused]
        strangers, self._strangers = self._strangers, False
        self.revision += 1
        for state in again:
            state.refused = []
            if not state.head and not state.holds and not state.frozen:
                self._let_go(state)
        return bool(again) or strangers

    def prune(self, now: int, limit: int = PRUNE_CHUNK) -> int:
        """Settle what has expired, at most about `limit` rows; returns how many rows, 0 when there is nothing more to do."""
        if self.keep_expired:
            return 0
        done = self.settle_older(now - self.retention_ms, limit)
        if not done:
            self.drop_spent(now - KEEP_SPENT_MS, self.own_feed)
        return done

    def check_signatures(self, limit: int) -> int:
        """Check up to `limit` signatures of entries that the chain alone vouched for; returns how many were wrong.

        The bodies of those are genuine; somebody on the way spoilt their signatures.
        """
        wrong = 0
        right: defaultdict[bytes, list[int]] = defaultdict(list)
        for feed, seq in list(islice(self._unchecked, limit)):
            del self._unchecked[(feed, seq)]
            entry = self.store.entry(feed, seq)
            if entry is None:
                continue
            if self._signed(entry):
                right[feed].append(seq)
            else:
                wrong += 1
        for feed, seqs in right.items():
            self.store.verified(feed, seqs)
        return wrong
