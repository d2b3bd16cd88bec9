"""The dialing side of one link: tail the peer's news, push ours, compare, fetch what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from enum import StrEnum

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.backlog import Backlog
from devstream_desktop.mesh.clock import steady_ms
from devstream_desktop.mesh.comparison import Comparison, Divergence
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.policy_sync import PolicySync
from devstream_desktop.mesh.replica.catalogue import both, signed
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.ranges import total, without
from devstream_desktop.mesh.requester import PeerRefusedError, Requester
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.mesh.transport.link import Lane, Link, LinkError
from devstream_desktop.stream.entry import Entry, public_key

_log = logging.getLogger(__name__)

CHECK_S = 4.0
"""A link in doubt must answer within this: the machine slept, or moved to another network."""
MIN_TAIL_S = 0.2
"""The shortest time between two TAILs without news."""
LATE_S = 1.0
"""Wait after which a backlog is taken newest first.

Nobody reads a storm in order.
"""
MAX_BAD = 3
"""Wrong entries from one peer before the link ends."""


class State(StrEnum):
    """Progress of a session."""

    CONNECTING = "connecting"
    SYNCING = "syncing"
    LIVE = "live"
    LOST = "lost"


class Session:
    """One dialed link.

    Args:
        core: The node's middle.
        link: The open connection.
        timing: Time-outs and periods.
        on_welcome: Called when the peer has answered HELLO.
        on_peers: Called with the peer and the addresses of others that it names.

    """

    def __init__(
        self,
        core: Core,
        link: Link,
        timing: Timing,
        on_welcome: Callable[[Session], None],
        on_peers: Callable[[str, Sequence[wire.PeerAddress]], None],
    ) -> None:
        self.core = core
        self.link = link
        self.state = State.CONNECTING
        self.device = ""
        self.ended_because = ""
        self.since = time.monotonic()
        self._timing = timing
        self._on_welcome = on_welcome
        self._on_peers = on_peers
        self._requester = Requester(core, link, timing)
        self._ask = self._requester.ask
        self._policies = PolicySync(core, link, self._requester)
        self._backlog = Backlog(core, link, self._fetch, self._take)
        self._comparison = Comparison()
        self._divergence = Divergence()
        self._compare = asyncio.Event()
        """Set to compare digests with the peer soon."""
        self._compared = asyncio.Event()
        """Set when the peer has shown its records."""
        self._doubted = asyncio.Event()
        """Set to have the peer prove that it is there."""
        self._owed: list[wire.Range] = []
        """Ranges that the peer asked for and has not had."""
        self._wants_more = False
        """The peer lacks more than it could name."""
        self._tail_from = (b"", 0)
        """The peer's numbering of arrivals, and our cursor in it."""
        self._pushed = 0
        """The newest of our arrivals that was pushed to the peer."""
        self._told_policy = 0
        self._bad = 0

    @property
    def last_seen(self) -> int:
        """Time of the peer's last answer, UTC milliseconds; 0: never."""
        return self._requester.last_seen

    @property
    def lag(self) -> int:
        """The count of arrivals not yet pushed, and entries still owed."""
        if self.state is State.CONNECTING:
            return 0
        return max(0, self.core.replica.feeds.store.newest() - self._pushed) + total(self._owed)

    def missing(self) -> list[wire.Range]:
        """Ranges that the peer has and this node wants of it."""
        return self._backlog.missing()

    def expected(self) -> list[wire.Range]:
        """Return the ranges of those that others need not bring."""
        return self._backlog.expected()

    def look(self) -> None:
        """See whether the peer gives what it says it has; every few seconds."""
        self._backlog.look()

    def compare_soon(self) -> None:
        """Compare digests with the peer soon."""
        self._compare.set()

    def doubt(self) -> None:
        """Have the peer answer now; else the link is given up."""
        self._doubted.set()

    async def run(self) -> None:
        """Live until the link is lost or `end` is called.

        Raises:
            LinkError: why it ended.

        """
        try:
            await self._greet()
            await self._compare_page()
            loops = (
                self._tail_loop,
                self._push_loop,
                self._repair_loop,
                self._peers_loop,
                self._check_loop,
            )
            tasks = [asyncio.create_task(loop()) for loop in loops]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # One that ends, ends all. They see it by the flag; cancelling could be swallowed
            # (docs/architecture.md, What nng needs).
            await self.end("")
            await asyncio.gather(*tasks, return_exceptions=True)
            for task in done:
                if (error := task.exception()) is not None:
                    raise error
        except wire.MalformedMessageError as error:
            raise LinkError(f"it answered what is no message: {error}") from error
        finally:
            self.state = State.LOST
            await self.link.close()

    async def end(self, reason: str) -> None:
        """Close the link; `run` returns soon."""
        self.ended_because = self.ended_because or reason
        self.link.lost.set()
        # Every loop that waits looks at the flag again.
        self._compare.set()
        self._compared.set()
        self._doubted.set()
        self.core.bell.ring()
        await self.link.close()

    async def _fetch(self, ranges: list[wire.Range]) -> list[wire.SignedEntry]:
        return (await self._ask(wire.Fetch(ranges, wire.BATCH_BYTES), wire.Entries)).entries

    async def _take(self, entries: Sequence[wire.SignedEntry], *, later: bool = False) -> Outcome:
        outcome = await self.core.take_in_parts(entries, self.device, later=later)
        self._count_bad(outcome)
        return outcome

    def _count_bad(self, outcome: Outcome) -> None:
        self._bad += outcome.bad
        if outcome.refused:
            count, peer, reason = outcome.refused, self.device[:8], outcome.reason
            _log.info("%d entries that %s passed on were refused: %s", count, peer, reason)
        if self._bad > MAX_BAD:
            raise PeerRefusedError("it sent entries with wrong signatures", [], busy=False)

    async def _greet(self) -> None:
        core = self.core
        version = core.policies.version()
        index = core.replica.feeds.store.index
        hello = wire.Hello(
            wire.PROTOCOL,
            core.team,
            core.device,
            index,
            version,
            core.clock(),
            core.port,
            addresses=core.own_addresses(),
        )
        asked = steady_ms()
        welcome = await self._ask(hello, wire.Welcome)
        same = welcome.protocol == wire.PROTOCOL and welcome.team == core.team
        # The certificate has proven the device. The message must agree with it.
        if not same or welcome.device != self.link.device:
            reason = "it is of another team, or not who its certificate says"
            raise PeerRefusedError(reason, [], busy=False)
        self.device = welcome.device
        self._on_peers(self.device, [wire.PeerAddress(self.device, a) for a in welcome.addresses])
        core.forget(self.device)
        self.state = State.SYNCING
        # Half of the round trip is the way back. It is taken by the steady clock, because ours may
        # have been set meanwhile.
        core.heard_clock(self.device, welcome.wall + (steady_ms() - asked) // 2 - core.clock())
        self._told_policy = version
        self._on_welcome(self)
        self._on_peers(self.device, welcome.peers)
        await self._policies.level(welcome.policy)

    # Comparing.

    async def _compare_page(self) -> None:
        """Exchange a page of records each; what either lacks is then fetched and pushed."""
        replica, comparison = self.core.replica, self._comparison
        records: list[wire.Record] = []
        frozen: list[bytes] = []
        first = not comparison.pages
        if not comparison.all_theirs:
            digest = wire.Digest(replica.feeds.digest.buckets(), comparison.theirs)
            seen = await self._ask(digest, wire.Records)
            records, frozen = seen.records, seen.frozen
            comparison.saw(seen.end)
            if first:
                comparison.buckets = seen.buckets
                self._tail_from = (seen.index, seen.lsn)
                self._owed = []
        # As of here the peer is asked what it lacks. Later arrivals are pushed by the cursor.
        pushed = replica.feeds.store.newest()
        lacking: list[bytes] = []
        if not comparison.all_mine:
            page = replica.catalogue.page(comparison.buckets, comparison.mine)
            comparison.showed(page.end)
            shown = both(replica.catalogue.frozen_of(public_key(self.device)), page.frozen)
            offer = wire.Offer(page.records, shown, page.end is not None)
            wants = await self._ask(offer, wire.Wants)
            lacking = wants.proofs
            self._owed = replica.catalogue.within([*self._owed, *wants.ranges])
            self._wants_more = self._wants_more or wants.more
        await self._exchange_proofs(lacking, replica.wants.unproven(frozen))
        # Arrivals up to here were compared, so they need not be pushed one by one.
        if first:
            self._pushed = pushed
        self._backlog.show(records)
        self._compared.set()
        self.core.on_compared()
        if doubts := replica.wants.doubts(records):
            await self._take(await self._fetch(doubts))
        for claim in replica.own.claims(frozen, self.device):
            await self._fetch_claim(claim)
        if not comparison.over:
            self.state = State.SYNCING
        elif not self._owed and not self.missing():
            self._divergence.explained(replica.feeds.digest.summary())
        self.core.bell.ring()

    async def _exchange_proofs(self, give: Sequence[bytes], ask: Sequence[bytes]) -> None:
        for at in range(0, max(len(give), len(ask)), wire.MAX_PAIRS):
            part = slice(at, at + wire.MAX_PAIRS)
            known = self.core.replica.catalogue.proofs(give[part])
            proofs = await self._ask(wire.Proof(known, list(ask[part])), wire.Proofs)
            self._count_bad(await self.core.take_proofs(proofs.pairs))
            # It has none of what it named.
            if not proofs.pairs and not give[part]:
                break

    async def _fetch_claim(self, claim: wire.Range) -> None:
        """Fetch the peer's part of a closed feed of ours, newest first."""
        rest: wire.Range | None = claim
        while rest is not None and not self.link.lost.is_set():
            entries = await self._fetch([rest])
            await self._take(entries)
            rest = self.core.replica.own.rest_of(rest, entries, self.device)

    # The loops of a link.

    async def _tail_loop(self) -> None:
        core = self.core
        while not self.link.lost.is_set():
            started = time.monotonic()
            index, lsn = self._tail_from
            wait = round(self._timing.tail_wait * 1000)
            tail = wire.Tail(index, lsn, wait, wire.BATCH_BYTES, core.policies.version())
            news = await self._ask(tail, wire.News, Lane.TAIL, self._timing.tail)
            rest = core.wait_after(await self._take(news.entries))
            # A comparison may have set the cursor meanwhile. In another numbering of arrivals ours
            # means nothing: comparing sets a new one.
            if self._tail_from == (index, lsn) and not (news.resync and news.index != index):
                self._tail_from = (news.index, news.lsn)
            if news.policy != core.policies.version():
                await self._policies.level(news.policy)
            if news.resync or self._differs(news):
                self._compare.set()
            # The next TAIL is the heartbeat as well: it must not be late.
            await self._rest(min(rest, self._timing.tail_wait - (time.monotonic() - started)))
            if not news.entries and time.monotonic() - started < MIN_TAIL_S:
                await asyncio.sleep(MIN_TAIL_S)

    def _differs(self, news: wire.News) -> bool:
        mine = self.core.replica.feeds.digest.summary()
        return self._divergence.seen(mine, news.summary, quiet=not news.entries)

    async def _push_loop(self) -> None:
        core, replica = self.core, self.core.replica
        while not self.link.lost.is_set():
            event = core.bell.event
            entries, end = await core.news_to_send(self._pushed, wire.BATCH_BYTES, self.device)
            version = core.policies.version()
            # News first, then what the peer asked for, then sleep until the bell rings.
            if entries or version != self._told_policy:
                reply = await self._push(entries)
                self._pushed = max(self._pushed, end)
                self._told_policy = version
                if reply.policy != core.policies.version():
                    await self._policies.level(reply.policy)
            elif self._owed:
                self._pushed = end
                batch = replica.catalogue.serve(self._owed, wire.BATCH_BYTES)
                served = [wire.Range(entry.feed, entry.seq, entry.seq) for entry in batch]
                self._owed = without(self._owed, served) if batch else []
                if batch:
                    await self._push(batch)
                if not self._owed and self._wants_more:
                    self._wants_more = False
                    self._compare.set()
            else:
                self._pushed = end
                await event.wait()

    async def _push(self, entries: list[Entry]) -> wire.Pushed:
        push = wire.Push([signed(entry) for entry in entries], self.core.policies.version())
        reply = await self._ask(push, wire.Pushed, Lane.PUSH)
        if reply.resync:
            self._compare.set()
        await self._rest(reply.busy / 1000)
        return reply

    async def _rest(self, seconds: float) -> None:
        """Send and take no news for so long."""
        await self.link.rest(seconds)
        # After a long rest holdings are compared before the news go on, so that the newest entries
        # come first.
        if seconds > LATE_S and not self.link.lost.is_set():
            self._compared.clear()
            self._compare.set()
            # A time-out means that all of it is being fetched.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LATE_S):
                    await self._compared.wait()

    async def _check_loop(self) -> None:
        while not self.link.lost.is_set():
            await self._doubted.wait()
            self._doubted.clear()
            if not self.link.lost.is_set():
                await self._ask(wire.AskPeers(), wire.PeerList, seconds=CHECK_S)

    async def _repair_loop(self) -> None:
        while not self.link.lost.is_set():
            await self._backlog.fill()
            if self.link.lost.is_set():
                return
            # Between two pages the backlog is filled, so that the newest entries are here first.
            if not self._comparison.over:
                await self._compare_page()
                continue
            self.state = State.LIVE
            # At another moment for each link, so that a team does not compare all at once.
            pause = self._timing.repair * self.core.rng.uniform(0.5, 1.5)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._compare.wait()
            self._compare.clear()
            if not self.link.lost.is_set():
                self._comparison = Comparison()
                await self._compare_page()

    async def _peers_loop(self) -> None:
        while not self.link.lost.is_set():
            await self.link.rest(self._timing.peers * self.core.rng.uniform(0.5, 1.5))
            if not self.link.lost.is_set():
                named = await self._ask(wire.AskPeers(), wire.PeerList)
                self._on_peers(self.device, named.peers)
