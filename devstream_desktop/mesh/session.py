"""The dialing side of one link, from HELLO to its end: tail the peer's news, push ours, compare and fetch what is missing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.backlog import Backlog
from devstream_desktop.mesh.clock import steady_ms
from devstream_desktop.mesh.comparison import Comparison
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.limits import MAX_WAIT_S, Bucket, cost, cost_of_bytes
from devstream_desktop.mesh.replica.catalogue import both, signed
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.ranges import total, without
from devstream_desktop.mesh.transport.link import Lane, Link, LinkError
from devstream_desktop.stream.entry import Entry, public_key

_log = logging.getLogger(__name__)
_R = TypeVar("_R")

CHECK_S = 4.0
"""A link in doubt must answer within this: the machine slept, or moved to another network."""
MIN_TAIL_S = 0.2
"""A peer that answers TAILs with nothing is asked no oftener than this."""
QUIET_REPAIR_S = 60.0
"""Two summaries that differed although comparing brought nothing (floors, holds, refusals differ) are not compared again for this long."""
LATE_S = 1.0
"""After a longer wait than this for a feed that says too much, what came meanwhile is taken newest first: nobody reads a storm in order."""
MAX_BAD = 3
LEVEL_RATE, MAX_LEVELLED = 4.0, 16
"""Exchanges of policies a second, and at once: a chain of some thousand versions comes in that many."""


@dataclass(frozen=True)
class Timing:
    """Seconds; injected so that tests need not wait for a sleeping laptop."""

    connect: float = 8.0
    """TCP, TLS and the gate, on a slow Wi-Fi with retransmissions."""
    request: float = 10.0
    """Any answer but TAIL's."""
    tail_wait: float = 25.0
    """How long the peer holds a TAIL without news: the heartbeat. NAT tables forget idle connections after 30 s and more."""
    tail: float = 35.0
    """With the time-out 10 s after the heartbeat, a frozen peer is noticed within 35 s."""
    repair: float = 300.0
    """Comparing digests with a neighbour although nothing seems wrong, plus or minus half."""
    peers: float = 60.0
    """Asking a dialed neighbour whom it knows, plus or minus half, as HyParView shuffles its views (docs/architecture.md, Overlay): who was
    given one address, before others came, must not depend on it. An answer is about a kilobyte."""
    life: float = 3600.0
    """nng tells nothing of a peer's certificate but the name in it, so each link is dialed anew after this: both ends then check each
    other's dates again, and a certificate that expired meanwhile ends the link."""


class PeerRefusedError(LinkError):
    """The peer answered that it does not want this link."""

    def __init__(self, reason: str, peers: Sequence[wire.PeerAddress], *, busy: bool) -> None:
        super().__init__(reason)
        self.peers = list(peers)
        self.busy = busy


class State(StrEnum):
    """How far a session is."""

    CONNECTING = "connecting"
    SYNCING = "syncing"
    LIVE = "live"
    LOST = "lost"


class Session:
    """One dialed link."""

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
        self.last_seen = 0
        self.ended_because = ""
        self.since = time.monotonic()
        self._timing = timing
        self._on_welcome = on_welcome
        self._on_peers = on_peers
        self._owed: list[wire.Range] = []
        self._compare = asyncio.Event()
        self._compared = asyncio.Event()
        self._doubted = asyncio.Event()
        self._backlog = Backlog(core, link, self._fetch, self._take)
        self._comparison = Comparison()
        self._wants_more = False
        """Whether the peer lacks more than it could name."""
        self._tail_from = (b"", 0)
        self._pushed = 0
        self._told_policy = 0
        self._levelled = (-1, -1)
        self._levels = Bucket(LEVEL_RATE, MAX_LEVELLED, self.since)
        self._quiet: tuple[bytes, bytes, float] = (b"", b"", 0.0)
        self._unequal = 0
        self._bad = 0

    @property
    def lag(self) -> int:
        """Our arrivals that have not been pushed yet, and what the peer asked for and has not had."""
        return (
            max(0, self.core.replica.feeds.store.newest() - self._pushed) + total(self._owed) if self.state is not State.CONNECTING else 0
        )

    def missing(self) -> list[wire.Range]:
        """What the peer has and this node wants of it."""
        return self._backlog.missing()

    def expected(self) -> list[wire.Range]:
        """What of that others need not bring."""
        return self._backlog.expected()

    def look(self) -> None:
        """See whether the peer gives what it says it has; every few seconds."""
        self._backlog.look()

    def compare_soon(self) -> None:
        """Compare digests with the peer as soon as may be."""
        self._compare.set()

    def doubt(self) -> None:
        """Have the peer answer now, or the link is given up."""
        self._doubted.set()

    async def run(self) -> None:
        """Live until the link is lost or `end` is called.

        Raises:
            LinkError: why it ended.

        """
        try:
            await self._greet()
            await self._compare_page()
            loops = (self._tail_loop, self._push_loop, self._repair_loop, self._peers_loop, self._check_loop)
            tasks = [asyncio.create_task(loop()) for loop in loops]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
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
        self._compare.set()
        self._compared.set()
        self._doubted.set()
        self.core.bell.ring()
        await self.link.close()

    async def _fetch(self, ranges: list[wire.Range]) -> list[wire.Signed]:
        return (await self._ask(wire.Fetch(ranges, wire.BATCH_BYTES), wire.Entries)).entries

    async def _take(self, entries: Sequence[wire.Signed]) -> Outcome:
        outcome = await self.core.take_in_parts(entries, self.device)
        self._count_bad(outcome)
        return outcome

    async def _ask(self, request: wire.Request, expected: type[_R], lane: Lane = Lane.OTHER, seconds: float | None = None) -> _R:
        asked = wire.encode(request)
        frame = await self.link.call(asked, lane, seconds or self._timing.request)
        reply = wire.decode_reply(frame)
        wait = self.core.owes(self.link.device, cost_of_bytes(asked) + cost_of_bytes(frame) + cost(reply))
        await self.link.rest(min(MAX_WAIT_S, wait))
        self.last_seen = self.core.clock()
        if isinstance(reply, expected):
            return reply
        if isinstance(reply, wire.Refused):
            raise PeerRefusedError(reply.reason, reply.peers, busy=reply.busy)
        raise wire.MalformedMessageError(f"{type(reply).__name__} in answer to {type(request).__name__}")

    async def _greet(self) -> None:
        core = self.core
        version = core.policies.version()
        hello = wire.Hello(wire.PROTOCOL, core.team, core.device, core.replica.feeds.store.index, version, core.clock(), core.port)
        asked = steady_ms()
        welcome = await self._ask(hello, wire.Welcome)
        if welcome.protocol != wire.PROTOCOL or welcome.team != core.team or welcome.device != self.link.device:
            raise PeerRefusedError("it is of another team, or not who its certificate says", [], busy=False)
        self.device = welcome.device
        core.forget(self.device)
        self.state = State.SYNCING
        core.heard_clock(self.device, welcome.wall + (steady_ms() - asked) // 2 - core.clock())  # ours may have been set meanwhile
        self._told_policy = version
        self._on_welcome(self)
        self._on_peers(self.device, welcome.peers)
        await self._level_policy(welcome.policy)

    async def _level_policy(self, theirs: int) -> None:
        """Exchange policy documents until both hold the same, once for each pair of versions.

        What is left goes on with the next word of the peer, which tells its version each time.
        """
        for _ in range(MAX_LEVELLED):
            mine = self.core.policies.version()
            if theirs == mine or self._levelled == (mine, theirs):
                return
            await self.link.rest(self._levels.take(1, time.monotonic()))
            self._levelled = (mine, theirs)
            reply = await self._ask(wire.Policy(mine, self.core.documents_after(theirs)), wire.Policies)
            self.core.absorb_policy(reply.documents)
            theirs = reply.version

    async def _compare_page(self) -> None:
        """Learn what the peer has, tell what we have, a page each; what either lacks is then fetched and pushed, newest first."""
        replica, comparison = self.core.replica, self._comparison
        records: list[wire.Record] = []
        frozen: list[bytes] = []
        first = not comparison.pages
        if not comparison.all_theirs:
            seen = await self._ask(wire.Digest(replica.feeds.digest.buckets(), comparison.theirs), wire.Records)
            records, frozen = seen.records, seen.frozen
            comparison.saw(seen.end)
            if first:
                comparison.buckets = seen.buckets
                self._tail_from = (seen.index, seen.lsn)
                self._owed = []
        pushed = replica.feeds.store.newest()
        lacking: list[bytes] = []
        if not comparison.all_mine:
            page = replica.catalogue.page(comparison.buckets, comparison.mine)
            comparison.showed(page.end)
            told = both(replica.catalogue.frozen_of(public_key(self.device)), page.frozen)
            wants = await self._ask(wire.Offer(page.records, told, page.end is not None), wire.Wants)
            lacking = wants.proofs
            self._owed = replica.catalogue.within([*self._owed, *wants.ranges])
            self._wants_more = self._wants_more or wants.more
        await self._exchange_proofs(lacking, replica.wants.unproven(frozen))
        if first:
            self._pushed = pushed
        self._backlog.show(records)
        self._compared.set()
        self.core.on_compared()
        doubts = replica.wants.doubts(records)
        if doubts:
            await self._take(await self._fetch(doubts))
        for claim in replica.own.claims(frozen, self.device):
            await self._fetch_claim(claim)
        if not comparison.over:
            self.state = State.SYNCING
        elif not self._owed and not self.missing():
            self._quiet = (replica.feeds.digest.summary(), b"", time.monotonic())
        self.core.bell.ring()

    async def _exchange_proofs(self, give: Sequence[bytes], ask: Sequence[bytes]) -> None:
        for at in range(0, max(len(give), len(ask)), wire.MAX_PAIRS):
            part = slice(at, at + wire.MAX_PAIRS)
            proofs = await self._ask(wire.Proof(self.core.replica.catalogue.proofs(give[part]), list(ask[part])), wire.Proofs)
            self._count_bad(await self.core.take_proofs(proofs.pairs))
            if not proofs.pairs and not give[part]:  # it has none of what it named
                break

    async def _fetch_claim(self, claim: wire.Range) -> None:
        """Fetch all that the peer holds of an ended feed of ours, from its newest down."""
        rest: wire.Range | None = claim
        while rest is not None and not self.link.lost.is_set():
            entries = await self._fetch([rest])
            await self._take(entries)
            rest = self.core.replica.own.rest_of(rest, entries, self.device)

    def _count_bad(self, outcome: Outcome) -> None:
        self._bad += outcome.bad
        if outcome.refused:
            _log.info("%d entries that %s passed on were refused: %s", outcome.refused, self.device[:8], outcome.reason)
        if self._bad > MAX_BAD:
            raise PeerRefusedError("it sent entries with wrong signatures", [], busy=False)

    async def _tail_loop(self) -> None:
        core = self.core
        while not self.link.lost.is_set():
            started = time.monotonic()
            index, lsn = self._tail_from
            ask = wire.Tail(index, lsn, round(self._timing.tail_wait * 1000), wire.BATCH_BYTES, core.policies.version())
            news = await self._ask(ask, wire.News, Lane.TAIL, self._timing.tail)
            wait = core.wait_after(await self._take(news.entries))
            if self._tail_from == (index, lsn) and not (news.resync and news.index != index):
                self._tail_from = (news.index, news.lsn)
            if news.policy != core.policies.version():
                await self._level_policy(news.policy)
            if news.resync or self._differs(news):
                self._compare.set()
            # The next TAIL is the heartbeat as well: it must not be late.
            await self._rest(min(wait, self._timing.tail_wait - (time.monotonic() - started)))
            if not news.entries and time.monotonic() - started < MIN_TAIL_S:
                await asyncio.sleep(MIN_TAIL_S)

    def _differs(self, news: wire.News) -> bool:
        """Whether two quiet heartbeats in a row showed different holdings that comparing may level."""
        mine = self.core.replica.feeds.digest.summary()
        if news.summary == mine or news.entries:
            self._unequal = 0
            return False
        self._unequal += 1
        known_mine, known_theirs, since = self._quiet
        if known_mine == mine and known_theirs in (b"", news.summary) and time.monotonic() - since < QUIET_REPAIR_S:
            self._quiet = (mine, news.summary, since)
            return False
        return self._unequal >= 2

    async def _push_loop(self) -> None:
        core, replica = self.core, self.core.replica
        while not self.link.lost.is_set():
            event = core.bell.event
            entries, end = await core.news_to_send(self._pushed, wire.BATCH_BYTES, self.device)
            version = core.policies.version()
            if entries or version != self._told_policy:
                reply = await self._push(entries)
                self._pushed = max(self._pushed, end)
                self._told_policy = version
                if reply.policy != core.policies.version():
                    await self._level_policy(reply.policy)
            elif self._owed:
                self._pushed = end
                batch = replica.catalogue.serve(self._owed, wire.BATCH_BYTES)
                self._owed = without(self._owed, [wire.Range(entry.feed, entry.seq, entry.seq) for entry in batch]) if batch else []
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
        """No news for so long; after a long rest what is held is compared before they go on, so that the newest come first."""
        await self.link.rest(seconds)
        if seconds > LATE_S and not self.link.lost.is_set():
            self._compared.clear()
            self._compare.set()
            with contextlib.suppress(TimeoutError):  # all of it is being fetched
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
            if not self._comparison.over:
                await self._compare_page()
                continue
            self.state = State.LIVE
            try:
                async with asyncio.timeout(self._timing.repair * self.core.rng.uniform(0.5, 1.5)):
                    await self._compare.wait()
            except TimeoutError:
                pass
            self._compare.clear()
            if not self.link.lost.is_set():
                self._comparison = Comparison()
                await self._compare_page()

    async def _peers_loop(self) -> None:
        while not self.link.lost.is_set():
            await self.link.rest(self._timing.peers * self.core.rng.uniform(0.5, 1.5))
            if not self.link.lost.is_set():
                self._on_peers(self.device, (await self._ask(wire.AskPeers(), wire.PeerList)).peers)
