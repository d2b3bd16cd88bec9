"""What every link of a node shares: the rules over the log, the bell that wakes whoever waits for news, and the policy."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Protocol

from devstream_desktop.mesh.accepted import AcceptedPeers
from devstream_desktop.mesh.bell import Bell
from devstream_desktop.mesh.clock import ClockWatch, steady_ms
from devstream_desktop.mesh.fetches import Fetches
from devstream_desktop.mesh.limits import COST_BURST, COST_RATE, Buckets, FeedRates, cost_of_waste
from devstream_desktop.mesh.membership import Gate
from devstream_desktop.mesh.refusals import Refusals
from devstream_desktop.mesh.replica.chain import MAX_BAD
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.transport.callers import Callers
from devstream_desktop.mesh.wire import MAX_DOCUMENTS, Pair, Signed
from devstream_desktop.stream.entry import Entry

_log = logging.getLogger(__name__)

RELAY_S = 0.05
"""A node passes on what it did not write itself after some part of this, another for each link: two neighbours that have the same entry
then seldom send it to each other at once. One copy a link is the least there can be. Simulated (tests/simulation) with links of 4 ms,
copies a node and milliseconds to the last: 30 nodes 7.0 and 15 without a delay, 4.7 and 47 with this, 4.2 and 131 with 0.2; 300 nodes
7.0 and 25, 4.7 and 94, 4.2 and 268."""
SEEN = 500
"""Entries remembered for each peer as sent by it, so that they are not sent back."""
MOST_OFF_MS = 100 * 365 * 86_400_000
"""How far a peer's clock is taken to be off, whatever it says."""
PART = 100
"""Entries taken at once: 15 ms when each needs a signature check of its own."""
PROOFS = 10
"""Proofs taken at once: two signature checks and a write each."""
POLICY_BYTES = 512 * 1024
"""Policy documents in one message, half of what a socket receives."""


class PolicyExchange(Protocol):
    """The chain of signed policies as the mesh sees it: a number that is equal where the same is held, and opaque documents."""

    def version(self) -> int:
        """Stands for what is held; 0 for nothing."""

    def documents(self, after_version: int) -> list[bytes]:
        """What a peer lacks whose `version` is this, oldest first."""

    def absorb(self, documents: list[bytes]) -> bool:
        """Take what is valid and new, at once or soon (`Mesh.policy_changed` then tells); True when it was at once."""


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
    ) -> None:
        self.device = identity.device
        self.team = identity.team
        self.gate = gate
        self.replica = replica
        self.policies = policies
        self.clock = clock
        """This machine's, right or wrong, as peers are told it. What is said and taken goes by `team_time`."""
        self.rng = rng
        self.watch = ClockWatch(replica.own.last_known)
        self.port = 0
        """Where this node listens, told to peers."""
        self.bell = Bell()
        self.look = asyncio.Event()
        """Set when it should be looked soon whom to dial."""
        self.callers = Callers(self.look)
        self.accepted = AcceptedPeers(self.callers, self.bell)
        self.refusals = Refusals(clock)
        self.stopping = False
        self.demand = 0
        """Grows when callers should compare digests with us, because we now want what we did not."""
        self.on_compared: Callable[[], None] = lambda: None
        """Called when a neighbour has shown what it has."""
        self.on_policy: Callable[[], None] = lambda: None
        """Called when a peer brought a newer policy."""
        self._on_entries = on_entries
        self._rates = FeedRates()
        self._costs = Buckets(COST_RATE, COST_BURST)
        self.fetches = Fetches()
        self._seen: dict[str, dict[bytes, None]] = {}
        self._writes: dict[str, bytes] = {}
        """By peer, the feed of its own that it has brought news of. Not all of its device: a copy of its machine has the same key."""
        self._key = identity.key

    def take(self, batch: Sequence[Signed], sender: str) -> Outcome:
        """Ingest a peer's batch; what is new is on its way to the others when this returns.

        Raises:
            Exception: the log could not store it (a full disk): nothing of it was taken, and the peer must not be told otherwise.

        """
        seen = self._seen.setdefault(sender, {})
        seen.update(dict.fromkeys(item.signature for item in batch[-SEEN:]))
        for old in list(islice(seen, max(0, len(seen) - SEEN))):
            del seen[old]
        self.look_at_clock()
        outcome = self.replica.rules.ingest(batch, sender, self.team_time())
        own = next((entry.feed for entry in outcome.stored if entry.device == sender), None)
        if own is not None:
            self._writes[sender] = own
        self.announce(outcome.stored)
        return outcome

    async def take_in_parts(self, batch: Sequence[Signed], sender: str) -> Outcome:
        """As `take`, with a moment for everybody else after each part: a full batch would hold them up for a tenth of a second.

        What is wrong with a part ends it: nobody honest sends more after that.
        """
        whole = self.take(batch[:PART], sender)
        for at in range(PART, len(batch), PART):
            if whole.bad > MAX_BAD:
                break
            await asyncio.sleep(0)
            whole += self.take(batch[at : at + PART], sender)
        self.owes(sender, cost_of_waste(len(batch) - len(whole.stored)))
        return whole

    def owes(self, peer: str, milliseconds: float) -> float:
        """A peer had us do so much work; in how many seconds it may have us do more."""
        return self._costs.take(peer, milliseconds, time.monotonic())

    def wait_after(self, outcome: Outcome) -> float:
        """For how many seconds the link that brought these news should bring no more (limits.py); what was fetched is no news."""
        return self._rates.wait(outcome.stored, self.team_time(), time.monotonic())

    def look_at_clock(self) -> None:
        """Decide whether the clock can be believed; before anything that may be forgotten by it, since it may have been set just now."""
        self.watch.tick(self.clock(), steady_ms())
        self.replica.expiry.suspended = bool(self.watch.doubt())
        self.replica.own.clock_late = self.watch.late

    def team_time(self) -> int:
        """UTC milliseconds by which entries are stamped and judged: this clock, or the team's where this one is wrong (clock.py)."""
        return self.clock() + self.watch.correction()

    def mend_stamps(self) -> None:
        """When the time is known, say again what was stamped ahead of it: nobody takes it before that time.

        Raises:
            Exception: the log could not store it (a full disk); it is tried again.

        """
        if self.watch.certain:
            self.announce(self.replica.own.mend(self.team_time()))

    def heard_clock(self, device: str, offset: int) -> None:
        """A peer's clock is `offset` milliseconds ahead of ours."""
        self.look_at_clock()  # a step of ours since the last look is in this offset already, and not in the others
        self.watch.heard(device, max(-MOST_OFF_MS, min(MOST_OFF_MS, offset)))

    def forget(self, peer: str) -> None:
        """The peer has left: what it sent is no sign of what it has when it comes back."""
        self._seen.pop(peer, None)
        self._writes.pop(peer, None)

    def news(self, lsn: int, size: int, peer: str) -> tuple[list[Entry], int]:
        """What arrived after `lsn` and `peer` is not known to have, and where to go on from."""
        entries, end = self.replica.feeds.store.after(lsn, max_bytes=size, not_from=peer, but=self._writes.get(peer, b""))
        seen = self._seen.get(peer)
        return [entry for entry in entries if entry.signature not in seen] if seen else entries, end

    async def news_to_send(self, lsn: int, size: int, peer: str) -> tuple[list[Entry], int]:
        """As `news`; what is only to be passed on is looked at again a moment later (see RELAY_S)."""
        entries, end = self.news(lsn, size, peer)
        if entries and not any(entry.feed.startswith(self._key) for entry in entries):
            await asyncio.sleep(RELAY_S * self.rng.random())
            entries, end = self.news(lsn, size, peer)
        return entries, end

    async def take_proofs(self, pairs: Sequence[Pair]) -> Outcome:
        """Freeze what these prove to be broken, with a moment for everybody else in between."""
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
        """Send entries that were just stored on their way, and report them to the node."""
        if entries:
            self.bell.ring()
            self._on_entries(entries)

    def documents_after(self, version: int) -> list[bytes]:
        """Policy documents that a peer with `version` lacks, as many as fit one message."""
        fitting: list[bytes] = []
        room = POLICY_BYTES
        for document in self.policies.documents(version):
            room -= len(document)
            if (room < 0 and fitting) or len(fitting) == MAX_DOCUMENTS:
                break
            fitting.append(document)
        return fitting

    def absorb_policy(self, documents: list[bytes]) -> None:
        """Take newer policy documents from a peer; everything that depends on the policy follows."""
        if documents and self.policies.absorb(documents):
            self.on_policy()
