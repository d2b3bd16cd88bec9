"""All feeds of a log: read from it at start, and kept in step with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.digest import Digest
from devstream_desktop.mesh.replica.feed import FeedState
from devstream_desktop.mesh.replica.shortfall import Shortfall
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.mesh.wire import BATCH_BYTES, Range
from devstream_desktop.stream.entry import Entry


class Feeds:
    """The feeds of one log. Which entries get in is decided in rules.py."""

    def __init__(self, store: LogStore) -> None:
        self.store = store
        self.digest = Digest()
        self.revision = 0
        """Grows with every change of what is held or wanted."""
        self._feeds: dict[bytes, FeedState] = {}
        self._count_of: Counter[bytes] = Counter()
        """The number of feeds of each author."""
        self._proofs: dict[bytes, tuple[Entry, Entry]] | None = None
        """The proofs of the frozen feeds, read at the first question."""
        for record in store.feeds():
            state = FeedState.of(record)
            state.head_entry = self.at(state, state.head)
            self.keep(state)
            self.touch(state)

    # Single feeds, for the rules.

    def __contains__(self, feed: bytes) -> bool:
        return feed in self._feeds

    def get(self, feed: bytes) -> FeedState:
        """Return the state of a feed; a new one, not yet kept, for an unknown feed."""
        return self._feeds.get(feed) or FeedState(feed)

    def count_of(self, author: bytes) -> int:
        """Return the number of known feeds of an author (public key)."""
        return self._count_of[author]

    def at(self, state: FeedState, seq: int) -> Entry | None:
        """Return the entry with this number, held or the tip."""
        if state.head_entry is not None and state.head_entry.seq == seq:
            return state.head_entry
        if state.tip is not None and state.tip.seq == seq:
            return state.tip
        return self.store.entry(state.feed, seq) if intervals.contains(state.runs, seq) else None

    def held(self, feed: bytes, first: int, last: int) -> Iterator[Entry]:
        """Yield the held entries of a range, ascending, read in batches."""
        at = first
        while at <= last:
            batch = self.store.entries(feed, at, last, newest_first=False, max_bytes=BATCH_BYTES)
            if not batch:
                return
            yield from batch
            at = batch[-1].seq + 1

    def keep(self, state: FeedState) -> None:
        """Know this feed from now on; or note that it changed."""
        if state.feed not in self._feeds:
            self._feeds[state.feed] = state
            self._count_of[state.author] += 1
        self.revision += 1

    def touch(self, state: FeedState) -> None:
        """Note that something else than before is held of this feed."""
        self.digest.update(state)
        self.revision += 1

    def let_go(self, state: FeedState) -> None:
        """Know nothing of this feed any more."""
        del self._feeds[state.feed]
        self._count_of[state.author] -= 1
        self.revision += 1

    def settle(self, state: FeedState, floor: int, tip: Entry) -> None:
        """Raise the floor to the number of `tip`, which expired last."""
        self.store.settle(state.feed, floor, tip)
        state.settle(floor, tip)
        self.keep(state)
        self.touch(state)

    def freeze(self, state: FeedState, proof: tuple[Entry, Entry]) -> None:
        """End a feed in which a number was used twice."""
        self.store.freeze(state.feed, proof)
        self._proofs = None
        state.frozen = True
        self.keep(state)
        self.touch(state)

    def drop(self, state: FeedState) -> None:
        """Forget a feed whose entries have all expired, in the log too."""
        self.store.drop(state.feed)
        self._proofs = None
        self.digest.drop(state)
        self.let_go(state)

    # All feeds.

    def states(self) -> Iterator[FeedState]:
        """Every feed."""
        return iter(self._feeds.values())

    def counts(self) -> tuple[int, int]:
        """Return the number of known feeds, and the number of held entries."""
        return len(self._feeds), sum(intervals.size(state.runs) for state in self.states())

    def frozen(self) -> list[bytes]:
        """Return the feeds that ended because a number was used twice."""
        return [state.feed for state in self.states() if state.frozen]

    def proofs(self) -> Mapping[bytes, tuple[Entry, Entry]]:
        """Return the proof of each frozen feed."""
        # Read at the first question, and again after a change: most nodes have none.
        if self._proofs is None:
            self._proofs = self.store.proofs()
        return self._proofs

    def shortfall(self, now: int) -> Shortfall:
        """Everything that is lacking of the known feeds, by reason."""
        alive = [state for state in self.states() if not state.frozen]
        return Shortfall(
            gaps=tuple(Range(state.feed, *gap) for state in alive for gap in state.gaps(now)),
            held_back=tuple(
                (state.feed, state.holds[0][1]) for state in alive if state.held_back(now)
            ),
            refused=tuple(Range(state.feed, *part) for state in alive for part in state.refused),
            frozen=tuple(self.frozen()),
        )
