"""Intake of entries and proofs, by the rules in the package's docstring."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.admission import Admission
from devstream_desktop.mesh.replica.author_table import AuthorTable
from devstream_desktop.mesh.replica.chain import (
    Checked,
    Rivals,
    agreeing,
    before_end,
    genuine,
    provable,
)
from devstream_desktop.mesh.replica.expiry import Expiry
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.own_feed import FUTURE_MS, OwnFeed
from devstream_desktop.mesh.replica.signatures import Signatures
from devstream_desktop.mesh.wire import MAX_GAPS, Pair, SignedEntry
from devstream_desktop.stream.entry import (
    COUNTER_BITS,
    KEY_BYTES,
    Entry,
    MalformedEntryError,
    contradict,
    hlc_time,
    parse_entry,
)
from devstream_desktop.stream.log import Arrival


class Rules:
    """Judges and stores the entries and proofs that peers send."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        expiry: Expiry,
        own: OwnFeed,
        signatures: Signatures,
        admission: Admission,
        authors: AuthorTable,
    ) -> None:
        self._feeds = feeds
        self._expiry = expiry
        self._own = own
        self._signatures = signatures
        self._admission = admission
        self._authors = authors

    def ingest(
        self, batch: Iterable[SignedEntry], sender: str, now: int, *, later: bool = False
    ) -> Outcome:
        """Store the new, allowed entries of a batch in one transaction.

        Args:
            batch: Entries as they came, of any feeds, in any order.
            sender: The device id of the peer.
            now: UTC milliseconds.
            later: Nobody need see them at once (`LogStore.add`).

        """
        outcome = Outcome()
        taken: list[tuple[FeedState, list[Checked]]] = []
        begun: Counter[bytes] = Counter()
        for feed, entries in _by_feed(batch, outcome).items():
            # `begun`: one batch must not begin more feeds than several may.
            if reason := self._admission.refusal(feed, begun[feed[:KEY_BYTES]]):
                outcome.refuse(len(entries), reason)
                continue
            state = self._feeds.get(feed)
            if state.frozen:
                outcome.frozen += len(entries)
                if state.author == self._own.key:
                    published, bad = self._own.reclaim(feed, entries, sender, now)
                    outcome.stored += published
                    outcome.bad += bad
                continue
            good = self._judge(state, entries, now, outcome)
            if good:
                taken.append((state, good))
                begun[state.author] += feed not in self._feeds
        outcome.stored[:0] = self._store(taken, sender, later=later)
        return outcome

    def absorb_proofs(self, pairs: Iterable[Pair], now: int) -> Outcome:
        """Freeze the feeds that these pairs prove to be broken."""
        outcome = Outcome()
        for pair in pairs:
            try:
                one = parse_entry(pair.first.body, pair.first.signature)
                other = parse_entry(pair.second.body, pair.second.signature)
            except MalformedEntryError:
                outcome.bad += 1
                continue
            state = self._feeds.get(one.feed)
            # Skipped before the signatures: a known proof costs no check.
            if state.frozen or self._admission.refusal(one.feed):
                continue
            right = self._signatures.right
            if contradict(one, other) and right(one) and right(other):
                outcome.stored += self._freeze(state, (one, other), now)
            else:
                outcome.bad += 1
        return outcome

    def _store(
        self, taken: Sequence[tuple[FeedState, list[Checked]]], sender: str, *, later: bool
    ) -> list[Entry]:
        """Store good entries by their stamps, in one transaction."""
        arrivals = [Arrival(entry, sender, ok) for _, good in taken for entry, ok in good]
        if not arrivals:
            return []
        # By stamp and not by feed, so that readers get news in their order.
        arrivals.sort(key=lambda arrival: arrival.entry.hlc)
        self._feeds.store.add(arrivals, later=later)
        for state, good in taken:
            self._feeds.keep(state)
            state.extend([item.entry for item in good])
            self._own.heard(good[-1].entry.hlc)
            self._feeds.touch(state)
            self._signatures.check_later(item.entry for item in good if not item.verified)
        return [arrival.entry for arrival in arrivals]

    def _judge(
        self, state: FeedState, entries: list[Entry], now: int, outcome: Outcome
    ) -> list[Checked]:
        """Return the entries of one feed to store, ascending.

        The others are counted and noted here.
        """
        run, rivals = self._unknown(state, entries, outcome)

        def above(entry: Entry) -> Entry | None:
            return self._feeds.at(state, entry.seq + 1)

        found, bad = genuine(run, above, self._signatures.right)
        outcome.bad += bad
        # More of our feed was written than this log knows: it is an older copy.
        if state.feed == self._own.feed and found and found[-1].entry.seq > state.head:
            self._own.renew_epoch()
        count = len(found)
        if (end := self._authors.ended(state.feed)) is not None:
            found, beyond, refused = before_end(found, end, above)
            outcome.refuse(refused, "its author was revoked")
            # Whoever stole the key could otherwise still break the feed's past.
            rivals.clear()
            if beyond:
                numbers = [(seq, seq) for seq in beyond]
                state.refused = intervals.union([*state.refused, *numbers])
                self._feeds.keep(state)
        found, more = agreeing(found, state.runs, state.tip, lambda seq: self._feeds.at(state, seq))
        rivals += more
        good = self._allowed(state, self._timely(state, found, now, outcome), outcome)
        good = self._joined(state, good, outcome)
        # The one that proved the entry before it may be among those left out.
        if len(good) < count:
            good, bad = provable(good, state.runs, self._signatures.right)
            outcome.bad += bad
        for one, other in rivals:
            # The chain alone proves too little here: a proof must convince every node.
            if not self._signatures.right(other):
                outcome.bad += 1
            elif not state.frozen and self._signatures.right(one):
                outcome.stored += self._freeze(state, (one, other), now)
        return [] if state.frozen else good

    def _unknown(
        self, state: FeedState, entries: list[Entry], outcome: Outcome
    ) -> tuple[list[Entry], list[Rivals]]:
        """Return the entries under new numbers, and those contradicting known ones."""
        run: dict[int, Entry] = {}
        rivals: list[Rivals] = []
        for entry in entries:
            known = run.get(entry.seq)
            if known is None:
                if entry.seq > state.floor and not intervals.contains(state.runs, entry.seq):
                    run[entry.seq] = entry
                    continue
                known = self._feeds.at(state, entry.seq)
            if known is not None and known.hash != entry.hash:
                rivals.append((known, entry))
            elif entry.seq > state.floor:
                outcome.known += 1
            else:
                outcome.settled += 1
                if state.tip is not None and contradict(state.tip, entry):
                    rivals.append((state.tip, entry))
        return [run[seq] for seq in sorted(run)], rivals

    def _timely(
        self, state: FeedState, found: list[Checked], now: int, outcome: Outcome
    ) -> list[Checked]:
        """Return the entries that are neither expired nor ahead of their time."""
        # Stamps grow inside a feed, so expired ones are at one end and future ones at the other.
        expired = [entry for entry, _ in found if self._expiry.expired(entry, now)]
        if expired:
            outcome.expired += len(expired)
            self._feeds.settle(state, expired[-1].seq, expired[-1])
        limit = (now + FUTURE_MS + 1) << COUNTER_BITS
        timely: list[Checked] = []
        for item in found:
            entry = item.entry
            # Stamps are the authors' own. Held back, so that nobody's clock rules the order.
            if entry.hlc >= limit:
                outcome.future += 1
                state.hold(entry.seq, hlc_time(entry.hlc) - FUTURE_MS)
                self._feeds.keep(state)
            elif entry.seq > state.floor:
                timely.append(item)
        return timely

    def _allowed(self, state: FeedState, found: list[Checked], outcome: Outcome) -> list[Checked]:
        """Return the entries that their author may write. The numbers of the others are noted."""
        allowed: list[Checked] = []
        for item in found:
            reason = self._authors.refusal(item.entry)
            # Its number is noted, so that it is not fetched again with each comparison.
            if reason is None:
                allowed.append(item)
                continue
            outcome.refuse(1, reason)
            state.refuse(item.entry.seq)
            self._feeds.keep(state)
        return allowed

    def _joined(self, state: FeedState, good: list[Checked], outcome: Outcome) -> list[Checked]:
        """Return the entries that leave at most `MAX_GAPS` holes in the feed.

        An author who leaves out numbers would otherwise make every look at the feed expensive.
        """
        # The usual case: no batch can make that many holes.
        if len(state.runs) + len(good) <= MAX_GAPS:
            return good
        kept: list[Checked] = []
        holes = len(state.runs)
        for item in reversed(good):
            seq = item.entry.seq
            above = bool(kept) and kept[-1].entry.seq == seq + 1
            above = above or intervals.contains(state.runs, seq + 1)
            # An entry beside a held one makes no new hole.
            if above or holes <= MAX_GAPS or intervals.contains(state.runs, seq - 1):
                kept.append(item)
                holes += not above
        outcome.refuse(len(good) - len(kept), f"its feed has more than {MAX_GAPS} holes")
        kept.reverse()
        return kept

    def _freeze(self, state: FeedState, proof: Rivals, now: int) -> list[Entry]:
        """End a feed; returns what this device published again, when the feed is its own."""
        published: list[Entry] = []
        if state.author == self._own.key:
            if state.feed == self._own.feed:
                self._own.renew_epoch()
            # Before the feed is frozen: a crash in between repeats this instead of losing it.
            published = self._own.publish_again(state, now)
        self._feeds.freeze(state, proof)
        return published


def _by_feed(batch: Iterable[SignedEntry], outcome: Outcome) -> dict[bytes, list[Entry]]:
    """Return the entries of a batch by feed. Malformed ones are counted."""
    found: defaultdict[bytes, list[Entry]] = defaultdict(list)
    for item in batch:
        try:
            entry = parse_entry(item.body, item.signature)
        except MalformedEntryError:
            outcome.bad += 1
            continue
        found[entry.feed].append(entry)
    return found
