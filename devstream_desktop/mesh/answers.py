"""The listening side of every link: what a peer that dialed us is answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.address import LOWEST_PORT, join
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.limits import CALL_BURST, CALL_RATE, MAX_DEBT_S, Buckets, cost, cost_of_bytes, cost_of_rows
from devstream_desktop.mesh.overlay.table import ACCEPT_CAP, has_room
from devstream_desktop.mesh.replica.catalogue import both, signed
from devstream_desktop.mesh.replica.ranges import total, without
from devstream_desktop.mesh.transport.listener import Caller
from devstream_desktop.stream.entry import public_key

MAX_BAD = 3
"""Wrong entries from one caller before it is cut off: a bit may flip, but not thrice."""
EARLY_S = 0.2
"""A PUSH this much before the wait that was asked for is over is a clock's grain."""
PATIENCE_S = 30.0
"""An offer of which nothing comes for so long is no catch-up any more."""
FORGET_S = 60.0
"""A caller that left keeps its place in the picture for this long, so that a reconnect is no new neighbour."""


@dataclass
class Accepted:
    """What is remembered of a peer that dials us."""

    device: str
    host: str
    pipe: int
    address: str = ""
    """Where it says it can be dialed."""
    last: float = 0.0
    lsn: int = 0
    """Our arrivals that it has: the cursor of its last TAIL."""
    told_policy: int = -1
    demand: int = 0
    bad: int = 0
    asked_for: int = 0
    """How many events it offered, was asked for and has not pushed yet."""
    offering: bool = False
    """Whether it has shown a page of what it has, and another follows."""
    brought: float = 0.0
    """When it offered them, or last pushed some, `time.monotonic`."""
    busy_until: float = 0.0
    """When it may push again, `time.monotonic`: its news came faster than an author may speak."""
    parked: object | None = field(default=None, repr=False)
    """Stands for the TAIL that waits; another object in its place, or none, sends it home."""

    def owes(self) -> int:
        """How many events are to come of it; none when it has brought nothing for long, whatever it had offered."""
        return self.asked_for if time.monotonic() - self.brought < PATIENCE_S else 0


class Answers:
    """Answers requests from the core; waiting for news happens here too, bounded by one parked TAIL a caller.

    A device has one link with us. When it dials again while that is up (it woke, or has a new address), the newer one takes the older's
    place with its first TAIL: until it has proven to work, the older one is served.
    """

    def __init__(
        self,
        core: Core,
        *,
        peers: Callable[[str], list[wire.PeerAddress]],
        expected_elsewhere: Callable[[], list[wire.Range]],
        on_hello: Callable[[Accepted], None],
        on_refused: Callable[[str, str, str], None],
        callers: Callable[[], list[Caller]],
        cut: Callable[[Callable[[Caller], bool]], None],
        cap: int = ACCEPT_CAP,
    ) -> None:
        self._core = core
        self._peers = peers
        self._expected_elsewhere = expected_elsewhere
        self._on_hello = on_hello
        self._on_refused = on_refused
        self._callers = callers
        self._cut = cut
        self._cap = cap
        self.accepted: dict[str, Accepted] = {}
        self._newer: dict[int, Accepted] = {}
        """By connection: second links that have not proven to work."""
        self._calls = Buckets(CALL_RATE, CALL_BURST)
        self._working: dict[str, asyncio.Lock] = {}
        """One thing at a time for each device, so that everybody else comes in between."""

    async def handle(self, caller: Caller, frame: bytes) -> bytes | None:
        """The answer to one request; None cuts the caller off."""
        if self._calls.take(caller.device, 1, time.monotonic()) or not await self._paid(caller, cost_of_bytes(frame)):
            self._on_refused(caller.host, caller.device, "it asks too much")
            return None
        try:
            request = wire.decode_request(frame)
        except wire.MalformedMessageError as error:
            self._on_refused(caller.host, caller.device, f"it sent what is no message: {error}"[:200])
            return None
        if not await self._paid(caller, cost(request)):
            self._on_refused(caller.host, caller.device, "it asks too much")
            return None
        if isinstance(request, wire.Tail):  # it waits for news
            reply = await self._reply(caller, request)
        else:
            async with self._working.setdefault(caller.device, asyncio.Lock()):
                reply = await self._reply(caller, request)
        if reply is not None:
            self._core.owes(caller.device, cost_of_bytes(reply))
        return reply

    async def _paid(self, caller: Caller, milliseconds: float) -> bool:
        """Wait until this much work may be done for the caller; False when it has too much under way for that."""
        wait = self._core.owes(caller.device, milliseconds)
        if wait > MAX_DEBT_S:
            return False
        if wait:
            await asyncio.sleep(wait)
        return True

    async def _reply(self, caller: Caller, request: wire.Request) -> bytes | None:
        if isinstance(request, wire.Hello):
            return wire.encode(self._welcome(request, caller))
        peer = self._newer.get(caller.pipe) or self.accepted.get(caller.device)
        if peer is None or peer.pipe != caller.pipe:
            return wire.encode(wire.Refused("say HELLO first", []))
        if isinstance(request, wire.Tail) and caller.pipe in self._newer:
            self._take_place(self._newer.pop(caller.pipe))
            self._cut(lambda other: other.device == caller.device and other.pipe != caller.pipe)
        peer.last = time.monotonic()
        reply = await self._tail(request, peer) if isinstance(request, wire.Tail) else await self._answer(request, peer)
        if peer.bad > MAX_BAD:
            self._on_refused(caller.host, caller.device, "it sent entries with wrong signatures")
            return None
        return wire.encode(reply)

    def _welcome(self, hello: wire.Hello, caller: Caller) -> wire.Reply:
        core = self._core
        if hello.protocol != wire.PROTOCOL:
            return wire.Refused(f"this node speaks protocol {wire.PROTOCOL}, yours is {hello.protocol}: update the older one", [])
        if hello.team != core.team or hello.device != caller.device:
            return wire.Refused("another team", [])
        if hello.device == core.device:
            return wire.Refused("that is you", [])
        if not has_room(self.live(), caller.device, self._cap):
            return wire.Refused("full, try these", self._peers(caller.device), busy=True)
        core.heard_clock(caller.device, hello.wall - core.clock())
        peer = Accepted(caller.device, caller.host, caller.pipe, last=time.monotonic(), demand=core.demand)
        if hello.port >= LOWEST_PORT:
            peer.address = join(caller.host, hello.port)
        old = self.accepted.get(caller.device)
        if old is not None and old.pipe != caller.pipe and any(other.pipe == old.pipe for other in self._callers()):
            self._newer[caller.pipe] = peer
        else:
            self._take_place(peer)
        self._on_hello(peer)
        version = core.policies.version()
        peer.told_policy = version
        return wire.Welcome(
            wire.PROTOCOL, core.team, core.device, core.replica.feeds.store.index, version, core.clock(), self._peers(caller.device)
        )

    def _take_place(self, peer: Accepted) -> None:
        if (old := self.accepted.get(peer.device)) is not None:
            self.let_go(old)
        self.accepted[peer.device] = peer
        self._core.forget(peer.device)

    def live(self) -> set[str]:
        """Devices that are served now: they take a place. Who has left is remembered for a while, but takes none."""
        pipes = {caller.pipe for caller in self._callers()}
        return {device for device, peer in self.accepted.items() if peer.pipe in pipes}

    async def _tail(self, tail: wire.Tail, peer: Accepted) -> wire.Reply:
        core, store = self._core, self._core.replica.feeds.store
        if tail.index != store.index or tail.lsn > store.newest():
            return wire.News(store.index, store.newest(), [], core.replica.feeds.digest.summary(), core.policies.version(), resync=True)
        self.let_go(peer)  # a newer TAIL of the same peer: the older one's connection is gone
        ticket = peer.parked = object()
        until = time.monotonic() + tail.wait / 1000
        lsn = tail.lsn
        while True:
            event = core.bell.event
            peer.lsn = lsn
            before = lsn
            entries, lsn = await core.news_to_send(lsn, tail.size, peer.device)
            core.owes(peer.device, cost_of_rows(lsn - before - len(entries)))
            left = until - time.monotonic()
            if entries or left <= 0 or core.stopping or peer.parked is not ticket or self._has_word_for(peer):
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await event.wait()
        if peer.parked is ticket:
            peer.parked = None
        resync = peer.demand != core.demand
        peer.demand = core.demand
        peer.told_policy = core.policies.version()
        peer.last = time.monotonic()
        return wire.News(store.index, lsn, [signed(e) for e in entries], core.replica.feeds.digest.summary(), peer.told_policy, resync)

    def _has_word_for(self, peer: Accepted) -> bool:
        return peer.told_policy != self._core.policies.version() or peer.demand != self._core.demand

    async def _answer(
        self, request: wire.Push | wire.Digest | wire.Offer | wire.Fetch | wire.AskPeers | wire.Proof | wire.Policy, peer: Accepted
    ) -> wire.Reply:
        core, replica = self._core, self._core.replica
        match request:
            case wire.Push():
                now = time.monotonic()
                if request.entries and now < peer.busy_until - EARLY_S:
                    return wire.Refused("it was asked to push slower", [])  # not busy, which would send it away for minutes
                outcome = await core.take_in_parts(request.entries, peer.device)
                peer.bad += outcome.bad
                wait = core.wait_after(outcome)
                peer.busy_until = now + wait
                peer.asked_for = max(0, peer.asked_for - len(request.entries))
                peer.brought = now if outcome.stored else peer.brought
                resync = peer.demand != core.demand
                peer.demand = core.demand
                return wire.Pushed(len(outcome.stored), core.policies.version(), resync, round(wait * 1000))
            case wire.Digest():
                buckets = replica.feeds.digest.differing(request.buckets)
                records, frozen, end = replica.catalogue.page(buckets, request.after)
                theirs = replica.catalogue.frozen_of(public_key(peer.device))
                return wire.Records(replica.feeds.store.index, replica.feeds.store.newest(), buckets, records, both(theirs, frozen), end)
            case wire.Offer():
                wanted = core.unclaimed(without(replica.wants.want(request.records, core.team_time()), self._expected_elsewhere()))
                peer.asked_for = total(wanted) + (peer.asked_for if peer.offering else 0)
                peer.brought, peer.offering = time.monotonic(), request.more
                core.on_compared()
                asked = replica.wants.doubts(request.records) + replica.own.claims(request.frozen, peer.device) + wanted
                more = len(asked) > wire.MAX_RANGES
                return wire.Wants(asked[: wire.MAX_RANGES], replica.wants.unproven(request.frozen), more)
            case wire.Fetch():
                entries = replica.catalogue.serve(request.ranges, min(request.size, wire.BATCH_BYTES))
                return wire.Entries([signed(e) for e in entries])
            case wire.AskPeers():
                return wire.PeerList(self._peers(peer.device))
            case wire.Proof():
                peer.bad += (await core.take_proofs(request.give)).bad
                return wire.Proofs(replica.catalogue.proofs(request.ask))
            case wire.Policy():
                if request.version != core.policies.version():
                    core.absorb_policy(request.documents)
                return wire.Policies(core.policies.version(), core.documents_after(request.version))

    def works(self, device: str) -> bool:
        """Whether this caller's link has proven to work: it waits for news now."""
        peer = self.accepted.get(device)
        return peer is not None and peer.parked is not None

    def let_go(self, peer: Accepted) -> None:
        """End the peer's waiting TAIL. All who wait are woken for it; the others go on waiting."""
        if peer.parked is not None:
            peer.parked = None
            self._core.bell.ring()

    def forget_gone(self) -> None:
        """Drop what is remembered of peers that have not asked for long."""
        now = time.monotonic()
        for device in [device for device, peer in self.accepted.items() if now - peer.last >= FORGET_S]:
            self.let_go(self.accepted.pop(device))
        pipes = {caller.pipe for caller in self._callers()}
        self._newer = {pipe: peer for pipe, peer in self._newer.items() if pipe in pipes}
        self._working = {device: lock for device, lock in self._working.items() if lock.locked()}
