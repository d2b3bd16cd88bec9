"""The listening side of every link: answers to the peers that dialed us."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from devstream_desktop.address import join
from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.accepted import Accepted
from devstream_desktop.mesh.address import LOWEST_PORT
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.limits import (
    CALL_BURST,
    CALL_RATE,
    MAX_DEBT_S,
    Buckets,
    cost,
    cost_of_bytes,
    cost_of_rows,
)
from devstream_desktop.mesh.overlay.dialer import Dialer
from devstream_desktop.mesh.overlay.table import Overlay, has_room
from devstream_desktop.mesh.replica.catalogue import both, signed
from devstream_desktop.mesh.replica.ranges import total, without
from devstream_desktop.mesh.transport.callers import Caller
from devstream_desktop.stream.entry import public_key

MAX_BAD = 3
"""Wrong entries from one caller before it is cut off.

A bit may flip, but not thrice.
"""
EARLY_S = 0.2
"""Tolerance for a PUSH slightly before its back-off ends.

That is the granularity of clocks.
"""


OnAsk = Callable[[str, str, bytes], Awaitable[bytes]]
"""(device, topic, body) of a question to this node alone."""
Question = (
    wire.Push | wire.Digest | wire.Offer | wire.Fetch | wire.AskPeers | wire.Proof | wire.AskPolicy
)
"""A request that is answered at once."""


class Answers:
    """Answers the requests of peers.

    Waiting for news happens here too, bounded by one parked TAIL a caller.
    """

    def __init__(self, core: Core, overlay: Overlay, dialer: Dialer, on_ask: OnAsk) -> None:
        self._core = core
        self._on_ask = on_ask
        self._overlay = overlay
        self._dialer = dialer
        self._calls = Buckets(CALL_RATE, CALL_BURST)
        self._working: dict[str, asyncio.Lock] = {}

    async def handle(self, caller: Caller, frame: bytes) -> bytes | None:
        """Return the answer to one request; None cuts the caller off."""
        # Paid for before it is decoded, because decoding is work as well.
        too_often = self._calls.take(caller.device, 1, time.monotonic())
        if too_often or not await self._paid(caller, cost_of_bytes(frame)):
            self._cut_off(caller, "it asks too much")
            return None
        try:
            request = wire.decode_request(frame)
        except wire.MalformedMessageError as error:
            self._cut_off(caller, f"it sent what is no message: {error}"[:200])
            return None
        if not await self._paid(caller, cost(request)):
            self._cut_off(caller, "it asks too much")
            return None
        # A TAIL waits for news, so it must not hold up the caller's other requests; nor may a
        # question, which git may have to answer.
        if isinstance(request, wire.Tail):
            reply = await self._reply(caller, request)
        elif isinstance(request, wire.AskNode):
            async with self._turn(f"{caller.device} asks"):
                reply = await self._reply(caller, request)
        else:
            async with self._turn(caller.device):
                reply = await self._reply(caller, request)
        if reply is not None:
            self._core.owes(caller.device, cost_of_bytes(reply))
        return reply

    async def _paid(self, caller: Caller, milliseconds: float) -> bool:
        """Wait until a caller may cause this much work; False when it owes too much."""
        wait = self._core.owes(caller.device, milliseconds)
        # An honest peer waits for its answers, and never owes so much.
        if wait > MAX_DEBT_S:
            return False
        if wait:
            await asyncio.sleep(wait)
        return True

    async def _reply(self, caller: Caller, request: wire.Request) -> bytes | None:
        if isinstance(request, wire.Hello):
            return wire.encode(self._welcome(request, caller))
        if isinstance(request, wire.AskNode):
            return wire.encode(await self._answer_alone(request, caller.device))
        peer = self._core.accepted.of(caller)
        if peer is None:
            return wire.encode(wire.Refused("say HELLO first", []))
        if isinstance(request, wire.Tail) and self._core.accepted.prove(caller):
            self._core.forget(caller.device)
        peer.last = time.monotonic()
        if isinstance(request, wire.Tail):
            reply = await self._tail(request, peer)
        else:
            reply = await self._answer(request, peer)
        if peer.bad > MAX_BAD:
            self._cut_off(caller, "it sent entries with wrong signatures")
            return None
        return wire.encode(reply)

    async def _answer_alone(self, request: wire.AskNode, device: str) -> wire.Reply:
        try:
            body = await self._on_ask(device, request.topic, request.body)
        except DevstreamError as error:
            return wire.Refused(str(error)[:200], [])
        if len(body) > wire.ANSWER_BYTES:
            return wire.Refused("the answer is too large", [])
        return wire.NodeAnswer(body)

    def _cut_off(self, caller: Caller, reason: str) -> None:
        self._core.refusals.note(caller.host, caller.device, reason)

    def _welcome(self, hello: wire.Hello, caller: Caller) -> wire.Reply:
        core = self._core
        if hello.protocol != wire.PROTOCOL:
            both = f"protocol {wire.PROTOCOL}, yours is {hello.protocol}"
            return wire.Refused(f"this node speaks {both}: update the older one", [])
        # The certificate says who it is. A name in a message proves nothing.
        if hello.team != core.team or hello.device != caller.device:
            return wire.Refused("another team", [])
        if hello.device == core.device:
            return wire.Refused("that is you", [])
        # A device that is served already may always come back.
        if not has_room(core.accepted.served(), caller.device):
            return wire.Refused("full, try these", self._peers(caller.device), busy=True)
        core.heard_clock(caller.device, hello.wall - core.clock())
        now = time.monotonic()
        peer = Accepted(caller.device, caller.host, caller.pipe, last=now, demand=core.demand)
        # Below, a peer could have all others knock at system services.
        if hello.port >= LOWEST_PORT:
            peer.address = join(caller.host, hello.port)
            self._dialer.met(peer.device, peer.address)
            others = [wire.PeerAddress(peer.device, one) for one in hello.addresses]
            self._dialer.hear_of(peer.device, others)
        if core.accepted.welcome(peer):
            core.forget(peer.device)
        version = core.policies.version()
        peer.told_policy = version
        return wire.Welcome(
            wire.PROTOCOL,
            core.team,
            core.device,
            core.replica.feeds.store.index,
            version,
            core.clock(),
            self._peers(caller.device),
            addresses=core.own_addresses(),
        )

    async def _tail(self, tail: wire.Tail, peer: Accepted) -> wire.Reply:
        core, store = self._core, self._core.replica.feeds.store
        # A cursor in another numbering of arrivals means nothing here.
        if tail.index != store.index or tail.lsn > store.newest():
            return wire.News(
                store.index,
                store.newest(),
                [],
                core.replica.feeds.digest.summary(),
                core.policies.version(),
                resync=True,
            )
        # A newer TAIL of the same peer: the older one's connection is gone.
        core.accepted.release(peer)
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
            over = left <= 0 or core.stopping or peer.parked is not ticket
            if entries or over or self._has_word_for(peer):
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
        return wire.News(
            store.index,
            lsn,
            [signed(e) for e in entries],
            core.replica.feeds.digest.summary(),
            peer.told_policy,
            resync,
        )

    def _has_word_for(self, peer: Accepted) -> bool:
        return peer.told_policy != self._core.policies.version() or peer.demand != self._core.demand

    async def _answer(
        self,
        request: Question,
        peer: Accepted,
    ) -> wire.Reply:
        core, replica = self._core, self._core.replica
        match request:
            case wire.Push():
                now = time.monotonic()
                # Not `busy`, which would send it away for minutes.
                if request.entries and now < peer.busy_until - EARLY_S:
                    return wire.Refused("it was asked to push slower", [])
                outcome = await core.take_in_parts(request.entries, peer.device)
                peer.bad += outcome.bad
                wait = core.wait_after(outcome)
                peer.busy_until = now + wait
                peer.asked_for = max(0, peer.asked_for - len(request.entries))
                peer.brought = now if outcome.stored else peer.brought
                resync = peer.demand != core.demand
                peer.demand = core.demand
                version, stored = core.policies.version(), len(outcome.stored)
                return wire.Pushed(stored, version, resync, round(wait * 1000))
            case wire.Digest():
                buckets = replica.feeds.digest.differing(request.buckets)
                records, frozen, end = replica.catalogue.page(buckets, request.after)
                theirs = replica.catalogue.frozen_of(public_key(peer.device))
                store, shown = replica.feeds.store, both(theirs, frozen)
                return wire.Records(store.index, store.newest(), buckets, records, shown, end)
            case wire.Offer():
                wanted = replica.wants.want(request.records, core.team_time())
                # Less what our own links are bringing already.
                wanted = core.fetches.unclaimed(without(wanted, self._dialer.expected()))
                peer.asked_for = total(wanted) + (peer.asked_for if peer.offering else 0)
                peer.brought, peer.offering = time.monotonic(), request.more
                core.on_compared()
                claims = replica.own.claims(request.frozen, peer.device)
                asked = replica.wants.doubts(request.records) + claims + wanted
                more = len(asked) > wire.MAX_RANGES
                unproven = replica.wants.unproven(request.frozen)
                return wire.Wants(asked[: wire.MAX_RANGES], unproven, more)
            case wire.Fetch():
                size = min(request.size, wire.BATCH_BYTES)
                entries = replica.catalogue.serve(request.ranges, size)
                return wire.Entries([signed(e) for e in entries])
            case wire.AskPeers():
                return wire.PeerList(self._peers(peer.device))
            case wire.Proof():
                peer.bad += (await core.take_proofs(request.give)).bad
                return wire.Proofs(replica.catalogue.proofs(request.ask))
            case wire.AskPolicy():
                # The same stamp means the same documents: nothing to check.
                if request.version != core.policies.version():
                    core.absorb_policy(request.documents)
                part = peer.policy_parts.next(core.policies, request.version)
                return wire.Policies(core.policies.version(), part)

    def _peers(self, asker: str) -> list[wire.PeerAddress]:
        """Addresses of others for a peer: those that were reached, and those of callers."""
        callers = {
            peer.address: peer.device
            for peer in self._core.accepted.all()
            if peer.address and peer.device != asker
        }
        return [
            wire.PeerAddress(device, address)
            for address, device in self._overlay.to_tell(asker, callers)
        ]

    def _turn(self, device: str) -> asyncio.Lock:
        """Return the lock of a device.

        One request of each is answered at a time, so that others come between.
        """
        if device not in self._working:
            self._working = {other: lock for other, lock in self._working.items() if lock.locked()}
            self._working[device] = asyncio.Lock()
        return self._working[device]
