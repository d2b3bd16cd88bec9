"""The relay of a site: one node reads the log for all and sends to it what they wrote.

The lowest device id that holds a connection is the relay. It says so each second; who hears that
leaves the log alone and gets everything by gossip. Nothing here decides what is believed. Two
relays cost a copy each on the wide line. Where a relay dies, or brings nothing, others read.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from devstream_desktop.door.bucket import Bucket
from devstream_desktop.mesh.carrier.beat import MOST_OFF_MS, Beat, seal, unseal
from devstream_desktop.mesh.carrier.broker import Broker
from devstream_desktop.mesh.carrier.entries import Entries
from devstream_desktop.mesh.core import Core

TICK_S = 0.5
"""Seconds between two looks; the first is at another moment in each node."""
BEAT_S = 1.0
SILENT_S, PATIENCE_S = 2.2, 0.5
"""Seconds of silence after which a relay is gone.

Then each node waits a little more.
"""
SETTLE_S = 0.8
"""Seconds from the claim to the first read: a lower device id answers meanwhile.

Silence, patience, settling and a look before each are below five seconds.
"""
LATE_S = 5.0
"""Seconds after which the newest arrival of the relay should be here."""
SAMPLE_S = 600.0
"""Seconds between looks for the newest message here, give or take half.

A relay that says it has read what it has not is found out by it. One message each: where a
hundred devices of a site have a connection, that is one in six seconds on the wide line.
"""
SHUN_S = 3600.0
"""Seconds for which a relay that left something out is not followed."""
RATE, BURST = 100.0, 400.0
"""Words a second that are looked at, and at once. Each may cost the check of a signature."""


@dataclass
class _Heard:
    """A beat of the relay that is followed."""

    at: float
    """The time it was heard, `time.monotonic`."""
    beat: Beat
    looked: bool = False
    newest: int = -1
    """The newest arrival here when its arrival was found here; -1: it was not."""


class Site:
    """One node's part in having one relay.

    Args:
        core: The node's middle.
        broker: The broker; its logs are not touched here.
        name: The site's name.
        entries: Reads and sends while it is on duty.
        may_relay: True while this node can send what others wrote.
        level: True while this node has caught up with its neighbours.

    """

    def __init__(
        self,
        core: Core,
        broker: Broker,
        name: str,
        entries: Entries,
        *,
        may_relay: Callable[[], bool],
        level: Callable[[], bool],
    ) -> None:
        self.relay = ""
        """The device that relays; empty while none is known."""
        self._core = core
        self._broker = broker
        self._name = name
        self._entries = entries
        self._may_relay = may_relay
        self._level = level
        now = time.monotonic()
        self._alive = now
        """Time of the relay's last beat, `time.monotonic`.

        The time since when there is none, where none was heard.
        """
        self._patience = 0.0
        self._claimed = now
        self._said = 0.0
        self._ready = False
        """True once the relay's arrivals have come here."""
        self._without = False
        """The relay's arrivals do not come here."""
        self._trail: deque[_Heard] = deque()
        self._stamps: dict[str, int] = {}
        """The newest time in a beat of each device: no beat counts twice."""
        self._shunned: dict[str, float] = {}
        self._words = Bucket(RATE, BURST, now)

    async def run(self) -> None:
        """Follow a relay, or be it, until it is cancelled.

        Raises:
            BrokerError: the connection is lost.

        """
        end = await self._broker.hear(self._name, self._hear)
        try:
            await asyncio.gather(self._look_often(), self._sample_often())
        finally:
            end()

    async def _look_often(self) -> None:
        rng = self._core.rng
        self._alive = time.monotonic()
        self._patience = PATIENCE_S * rng.random()
        await asyncio.sleep(TICK_S * rng.random())
        while True:
            await self._look(time.monotonic())
            await asyncio.sleep(TICK_S)

    async def _look(self, now: float) -> None:
        me = self._core.device
        if self.relay == me and not self._may_relay():
            self._follow("", now)
        if self.relay != me:
            await self._check(now)
            silent = now - self._alive > SILENT_S + self._patience
            if silent and self.relay:
                self._follow("", self._alive)
            if self._may_relay() and (silent or (self._ready and self.relay > me)):
                self._follow(me, now)
                self._claimed, self._said = now, 0.0
        if self.relay == me:
            alone = now - self._claimed > SETTLE_S
        else:
            alone = self._without or (not self.relay and now - self._alive > SILENT_S + PATIENCE_S)
        if alone:
            self._entries.take_duty(sole=self.relay == me)
        else:
            self._entries.leave_duty()
        if self.relay == me and now - self._said >= BEAT_S:
            self._said = now
            await self._broker.say(self._name, seal(self._core, self._beat()))

    def _beat(self) -> Beat:
        feed, seq = self._entries.newest()
        made, read = self._entries.taken()
        now = self._core.team_time()
        return Beat(self._name, self._core.device, now, made, read, feed, seq)

    def _hear(self, word: bytes) -> None:
        """Take in a word that somebody said to the site; anybody with credentials can."""
        now, me = time.monotonic(), self._core.device
        if not self._words.grant(1, now):
            return
        beat = unseal(self._core, self._name, word)
        if beat is None or beat.device == me or self._shunned.get(beat.device, 0.0) > now:
            return
        # Said again by somebody else, it would keep a relay alive that is dead.
        late = abs(beat.time - self._core.team_time()) > MOST_OFF_MS
        if late or beat.time <= self._stamps.get(beat.device, 0):
            return
        self._stamps[beat.device] = beat.time
        if self.relay and beat.device > self.relay:
            return
        if beat.device != self.relay:
            self._follow(beat.device, now)
        self._alive = now
        self._trail.append(_Heard(now, beat))

    def _follow(self, device: str, now: float) -> None:
        self.relay, self._alive, self._without = device, now, False
        self._patience = PATIENCE_S * self._core.rng.random()
        self._trail.clear()

    async def _check(self, now: float) -> None:
        """Look whether gossip brings what the relay has; then what it read need not be read here.

        The numbers of one moment count for the arrivals of a later one: what came here in between
        is looked for in the log again when this node becomes the relay.
        """
        for heard in self._trail:
            if now - heard.at < LATE_S:
                break
            if not heard.looked:
                heard.looked = True
                here = self._entries.holds(heard.beat.feed, heard.beat.seq)
                self._without = not here
                self._ready = self._ready and here
                heard.newest = self._entries.newest_arrival() if here else -1
        while self._trail and now - self._trail[0].at >= 2 * LATE_S:
            heard = self._trail.popleft()
            if heard.newest >= 0 and self._level():
                await self._entries.trust(heard.beat.made, heard.beat.ranges(), heard.newest)
                self._ready = True

    async def _sample_often(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_S * self._core.rng.uniform(0.5, 1.5))
            relay = self.relay
            if relay in ("", self._core.device):
                continue
            complete = await self._entries.sample(2 * LATE_S)
            if not complete and self.relay == relay:
                self._shunned[relay] = time.monotonic() + SHUN_S
                self._entries.distrust()
                self._ready = False
                self._follow("", time.monotonic())
