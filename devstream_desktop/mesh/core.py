"""The middle of a node: rules, bell, clock and policy, shared by all links."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from itertools import islice

from devstream_desktop.mesh.accepted import AcceptedPeers
from devstream_desktop.mesh.bell import Bell
from devstream_desktop.mesh.clock import ClockWatch, steady_ms
from devstream_desktop.mesh.fetches import Fetches
from devstream_desktop.mesh.folding import Folding
from devstream_desktop.mesh.limits import (
    COST_BURST,
    COST_RATE,
    Buckets,
    FeedRates,
    cost_of_rows,
    cost_of_waste,
)
from devstream_desktop.mesh.membership import Gate
from devstream_desktop.mesh.policy_parts import PolicyExchange
from devstream_desktop.mesh.refusals import Refusals
from devstream_desktop.mesh.replica.chain import MAX_BAD
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.transport.callers import Callers
from devstream_desktop.mesh.wire import MAX_ADDRESSES, Pair, SignedEntry
from devstream_desktop.stream.entry import Entry

RELAY_S = 0.05
"""The longest pause before a foreign entry is passed on, seconds.

Each link waits a random part of it: two neighbours with the same entry then seldom send it to each
other at once. One copy a link is the least there can be. Simulated (tests/simulation) with links of
4 ms, copies a node and milliseconds to the last: 30 nodes 7.0 and 15 without a delay, 4.7 and 47
with this, 4.2 and 131 with 0.2; 300 nodes 7.0 and 25, 4.7 and 94, 4.2 and 268.
"""
SEEN = 500
"""Entries remembered of each peer, so that they are not sent back."""
MOST_OFF_MS = 100 * 365 * 86_400_000
"""The most that a peer's clock is taken to be off."""
PART = 100
"""Entries taken at once: 15 ms when each needs a signature check of its own."""
CHAIN_PART = 300
"""Entries taken at once after a part that the hash chain proved: 30 ms.

Half an answer to a FETCH. In a larger transaction each entry costs less.
"""
LATER_PART = 600
"""The same, where their lines are made later: 20 ms."""
MOST_UNREAD = 120_000
"""The most entries that wait for their lines, some seconds; what is live waits with them.

It is above what a fresh desk of a large team takes in, whose log should be whole first.
"""
PROOFS = 10
"""Proofs taken at once: two signature checks and a write each."""


class Core:
    """The middle of a node: links bring batches in and take them out."""

    def __init__(
        self,
        *,
        identity: Identity,
        gate: Gate,
        replica: Replica,
        policies: PolicyExchange,
        clock: Callable[[], int],
        on_entries: Callable[[list[Entry]], None],
        rng: random.Random,
        alone: Callable[[], bool] = lambda: False,
        addresses: Callable[[], Sequence[str]] = list,
    ) -> None:
        self.identity = identity
        self.device = identity.device
        self.team = identity.team
        self.gate = gate
        self.replica = replica
        self.policies = policies
        self.clock = clock
        """This machine's clock, right or wrong, as it is shown to peers.

        Entries are stamped and judged by `team_time`.
        """
        self.rng = rng
        self.watch = ClockWatch(replica.own.last_known, alone=alone)
        self.port = 0
        """The port that this node listens on, shown to peers."""
        self.bell = Bell()
        self.look = asyncio.Event()
        """Set when it should be looked soon whom to dial."""
        self.callers = Callers(self.look)
        self.accepted = AcceptedPeers(self.callers, self.bell)
        self.refusals = Refusals(clock)
        self.stopping = False
        self.demand = 0
        """Grows when callers should compare digests with us.

        We then want what we did not want before.
        """
        self.carried = False
        """True while a broker's log is read to its end (carrier/)."""
        self.on_compared: Callable[[], None] = lambda: None
        """Called when a neighbour has shown what it has."""
        self.on_disbelieved: Callable[[], None] = lambda: None
        """Called when a peer of the team does not believe our certificate."""
        self.on_policy: Callable[[], None] = lambda: None
        """Called when a peer brought a newer policy."""
        self._addresses = addresses
        self._on_entries = on_entries
        self._part = PART
        self._folding = Folding(replica.feeds.store)
        self._rates = FeedRates()
        self._costs = Buckets(COST_RATE, COST_BURST)
        self.fetches = Fetches()
        self._seen: dict[str, dict[bytes, None]] = {}
        self._writes: dict[str, bytes] = {}
        """By peer, the feed of its own that it brought news of.

        Not all feeds of its device: a copy of its machine has the same key.
        """
        self._key = identity.key

    def own_addresses(self) -> list[str]:
        """List this node's addresses now, as many as a message holds."""
        return list(self._addresses())[:MAX_ADDRESSES]

    def take(self, batch: Sequence[SignedEntry], sender: str, *, later: bool = False) -> Outcome:
        """Store a peer's batch; its news is on its way when this returns.

        With `later` nobody need see it at once (`LogStore.add`).

        Raises:
            Exception: the log could not store it (a full disk). Nothing of it was taken, and the
                peer must not hear otherwise.

        """
        # Before they are stored, so that no link sends them back meanwhile.
        seen = self._seen.setdefault(sender, {})
        seen.update(dict.fromkeys(item.signature for item in batch[-SEEN:]))
        for old in list(islice(seen, max(0, len(seen) - SEEN))):
            del seen[old]
        self.look_at_clock()
        outcome = self.replica.rules.ingest(batch, sender, self.team_time(), later=later)
        # The feed that the peer writes itself; news of it need not go back there.
        own = next((entry.feed for entry in outcome.stored if entry.device == sender), None)
        if own is not None:
            self._writes[sender] = own
        self.announce(outcome.stored)
        return outcome

    async def take_in_parts(
        self, batch: Sequence[SignedEntry], sender: str, *, later: bool = False
    ) -> Outcome:
        """Do as `take`, with a moment for everything else after each part.

        A full batch would hold them up for a tenth of a second. Wrong entries in a part end it:
        nobody honest sends more after that.
        """
        whole, rest = Outcome(), batch
        while True:
            part, rest = rest[: self._part], rest[self._part :]
            whole += self._take_part(part, sender, later=later)
            await asyncio.sleep(0)
            # Else what is live would wait as long as somebody has something old to give.
            while later and await self.keep_up(but=MOST_UNREAD):
                pass
            if not rest or whole.bad > MAX_BAD:
                break
        new = len(whole.stored)
        self.owes(sender, cost_of_waste(len(batch) - new))
        # What was asked for and is new is our own wish.
        if later:
            self.owes(sender, -cost_of_rows(new))
        return whole

    async def keep_up(self, *, but: int = 0) -> bool:
        """Take one step of the work that stored batches left; tells whether there was any.

        It takes as long as a part, and so has a turn of its own. Up to `but` entries may stay
        unread.
        """
        store = self.replica.feeds.store
        if await self._folding.step(reading=store.unread > but):
            return True
        worked = store.keep_up(but=but)
        if worked:
            await asyncio.sleep(0)
        return worked

    async def show(self) -> bool:
        """Take one step to make seen what `keep_up` has begun; tells whether there was any."""
        shown = self.replica.feeds.store.show()
        if shown:
            await asyncio.sleep(0)
        return shown

    def _take_part(self, part: Sequence[SignedEntry], sender: str, *, later: bool) -> Outcome:
        """Take a part in one transaction; choose the next one's size."""
        signatures = self.replica.signatures
        before = signatures.checked
        outcome = self.take(part, sender, later=later)
        # Nearly all are proven by the hash of the next one.
        chained = (signatures.checked - before) * 10 < len(part)
        self._part = (LATER_PART if later else CHAIN_PART) if chained else PART
        return outcome

    def owes(self, peer: str, milliseconds: float) -> float:
        """Charge a peer for work; returns the seconds until it may cause more."""
        return self._costs.take(peer, milliseconds, time.monotonic())

    def wait_after(self, outcome: Outcome) -> float:
        """Seconds the link that brought these news should bring no more.

        See limits.py. Fetched entries are no news.
        """
        return self._rates.wait(outcome.stored, self.team_time(), time.monotonic())

    def look_at_clock(self) -> None:
        """Decide whether the clock can be believed.

        Called before anything that may be deleted by it, since it may have been set just now.
        """
        self.watch.tick(self.clock(), steady_ms())
        self.replica.expiry.suspended = not self.watch.may_forget
        self.replica.own.clock_late = self.watch.late

    def team_time(self) -> int:
        """UTC milliseconds to stamp and judge entries by.

        That is this clock, or the team's time where this one is wrong (clock.py).
        """
        return self.clock() + self.watch.correction()

    def mend_stamps(self) -> None:
        """Publish again what is stamped ahead, once the time is known.

        Nobody accepts it before its time.

        Raises:
            Exception: the log could not store it (a full disk); it is tried again.

        """
        # By a doubtful clock it would be stamped wrong a second time.
        if self.watch.certain:
            self.announce(self.replica.own.mend(self.team_time()))

    def heard_clock(self, device: str, offset: int) -> None:
        """Note that a peer's clock is `offset` milliseconds ahead."""
        # A step of our clock since the last look is in this offset already, and not in the others.
        self.look_at_clock()
        self.watch.heard(device, max(-MOST_OFF_MS, min(MOST_OFF_MS, offset)))

    def forget(self, peer: str) -> None:
        """Forget a peer that left.

        What it sent is no sign of what it has when it comes back.
        """
        self._seen.pop(peer, None)
        self._writes.pop(peer, None)

    def news(self, lsn: int, size: int, peer: str) -> tuple[list[Entry], int]:
        """Arrivals after `lsn` that a peer is not known to have.

        The second value is the arrival number to go on from.
        """
        entries, end = self.replica.feeds.store.after(
            lsn, max_bytes=size, not_from=peer, but=self._writes.get(peer, b"")
        )
        seen = self._seen.get(peer)
        if seen:
            entries = [entry for entry in entries if entry.signature not in seen]
        return entries, end

    async def news_to_send(self, lsn: int, size: int, peer: str) -> tuple[list[Entry], int]:
        """Find news as `news`, after a pause for what is only relayed.

        See RELAY_S.
        """
        entries, end = self.news(lsn, size, peer)
        # Own entries leave at once: nobody else can have sent them yet.
        if entries and not any(entry.feed.startswith(self._key) for entry in entries):
            await asyncio.sleep(RELAY_S * self.rng.random())
            entries, end = self.news(lsn, size, peer)
        return entries, end

    async def take_proofs(self, pairs: Sequence[Pair]) -> Outcome:
        """Freeze the feeds that these pairs prove to be broken.

        With a moment for everything else in between.
        """
        whole = Outcome()
        for at in range(0, len(pairs), PROOFS):
            outcome = self.replica.rules.absorb_proofs(pairs[at : at + PROOFS], self.team_time())
            self.announce(outcome.stored)
            whole += outcome
            if whole.bad > MAX_BAD:
                break
            await asyncio.sleep(0)
        return whole

    def append(self, payloads: list[bytes]) -> list[Entry]:
        """Append to the own feed; on disk when this returns. `announce` then sends them.

        Raises:
            MalformedEntryError: a payload is too large; none was appended.
            Exception: the log could not store them (a full disk).

        """
        self.look_at_clock()
        self.mend_stamps()
        return self.replica.own.publish(payloads, self.team_time())

    def announce(self, entries: list[Entry]) -> None:
        """Send stored entries on their way, and report them."""
        if entries:
            self.bell.ring()
            self._on_entries(entries)

    def absorb_policy(self, documents: list[bytes]) -> None:
        """Take newer policy documents from a peer; all that depends on them follows."""
        if documents and self.policies.absorb(documents):
            self.on_policy()
