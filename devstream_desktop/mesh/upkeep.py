"""Housekeeping of a mesh: ends and doubts links, prunes, checks signatures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh.clock import MAX_OFFSET_MS
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.overlay.dialer import Dialer
from devstream_desktop.mesh.overlay.discovery import Discovery
from devstream_desktop.mesh.overlay.table import Overlay
from devstream_desktop.mesh.overlay.wake import Wake
from devstream_desktop.mesh.replica.expiry import PRUNE_CHUNK
from devstream_desktop.mesh.transport.admission import refusal

SWEEP_S = 4.0
"""Period of looking at the links.

One that the policy ends is closed within five seconds, however the gate learnt of it.
"""
PRUNE_S = 3600.0
IDLE_CHECKS = 30
"""Signatures checked in an idle second.

That takes 3 ms.
"""

_log = logging.getLogger(__name__)


class Upkeep:
    """The housekeeping of one mesh.

    Args:
        core: The node's middle.
        overlay: The known peers.
        dialer: The dialed links.
        life: How long a link may live, seconds.

    """

    def __init__(self, core: Core, overlay: Overlay, dialer: Dialer, life: float) -> None:
        self.finder: Discovery | None = None
        self._core = core
        self._overlay = overlay
        self._dialer = dialer
        self._life = life
        core.on_policy = self.follow_policy
        self._wake = Wake()
        self._started = self._swept = time.monotonic()
        self._shuffle_at = self._started + overlay.shuffle_pause()
        self._pruned = -PRUNE_S
        self._clock_steps = self._corrected = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._wake.slept(self._core.clock(), time.monotonic())
        self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def follow_policy(self) -> None:
        """Follow a new policy: show it to peers, end refused links.

        What was refused so far is asked for again.
        """
        core = self._core
        if core.replica.policy_changed():
            self._compare_all()
        self.end_refused()
        self._overlay.retry_now()
        core.bell.ring()
        self._core.look.set()

    def _compare_all(self) -> None:
        """Have every link compared anew, because other entries are wanted."""
        self._core.demand += 1
        for session in self._dialer.live():
            session.compare_soon()
        self._core.bell.ring()

    def end_refused(self) -> None:
        """End the links with devices that the gate refuses."""
        # Asked of each again, because the policy or a certificate may have changed meanwhile.
        for caller in self._core.callers.all():
            if (reason := refusal(self._core.gate, caller.device)) is not None:
                self._core.refusals.note(caller.host, caller.device, reason)
        self._core.callers.drop(lambda caller: refusal(self._core.gate, caller.device) is not None)
        for session in self._dialer.live():
            if (reason := refusal(self._core.gate, session.link.device)) is not None:
                self._core.refusals.note(session.link.address, session.link.device, reason)
                self._dialer.end_soon(session, reason)

    async def prune(self) -> int:
        """Delete expired entries in chunks; returns how many.

        Everything else runs between them.
        """
        done = 0
        self._core.look_at_clock()
        # In chunks of about 5 ms, and the clock is looked at anew for each.
        while count := self._core.replica.prune(self._core.team_time()):
            done += count
            await asyncio.sleep(0)
            self._core.look_at_clock()
        return done

    def prune_soon(self) -> None:
        """Have expired entries deleted soon, and not within the hour.

        As soon as the clock is confirmed.
        """
        self._pruned = -PRUNE_S

    async def forget(self, floors: Mapping[bytes, int]) -> int:
        """Delete the entries of these feeds up to these numbers.

        Expired or not, in the same chunks; returns how many.
        """
        done = 0
        while count := self._core.replica.expiry.settle_to(floors, PRUNE_CHUNK):
            done += count
            await asyncio.sleep(0)
        return done

    async def _keep(self) -> None:
        await self._wake.moved(time.monotonic())
        duties = (self._look_around, self._look_after, self._sweep, self._shuffle, self._prune)
        while not self._core.stopping:
            await asyncio.sleep(1.0)
            for duty in duties:
                try:
                    await duty(time.monotonic())
                # A full disk: logged, and tried again.
                except DevstreamError as error:
                    _log.warning("housekeeping: %s", error)
                except Exception:  # noqa: BLE001 - a mistake in one must not end the others for good
                    _log.exception("housekeeping failed; it goes on")

    async def _look_around(self, now: float) -> None:
        """After a sleep or a move, check every link and retry.

        When the clock was set, every link is made anew: with its HELLO each end learns the other's
        clock, and dates are checked again.
        """
        slept, moved = self._wake.slept(self._core.clock(), now), await self._wake.moved(now)
        self._core.look_at_clock()
        steps, self._clock_steps = self._clock_steps, self._core.watch.steps
        stepped = steps != self._clock_steps
        if not (slept or moved or stepped):
            return
        moved_or_slept = "this machine slept" if slept else "its addresses changed"
        why = "the clock was set" if stepped else moved_or_slept
        _log.info("looking at every link: %s", why)
        for session in self._dialer.live():
            # A new HELLO shows both ends the other's clock.
            if stepped:
                self._dialer.end_soon(session, why)
            else:
                session.doubt()
        if stepped:
            self._core.callers.drop(lambda _: True)
        self._overlay.retry_now()
        self._core.look.set()
        if self.finder is not None:
            self.finder.look()

    async def _look_after(self, _now: float) -> None:
        self._core.look_at_clock()
        correction = self._core.watch.correction()
        # Logged once for each change, and not with every look.
        if abs(correction - self._corrected) > MAX_OFFSET_MS:
            _log.warning("%s", self._core.watch.doubt() or "entries go by this clock again")
            self._corrected = correction
            # Entries that were held back may be in time now.
            self._compare_all()
        self._core.mend_stamps()
        wrong = self._core.replica.signatures.check(IDLE_CHECKS)
        if wrong:
            text = "%d entries came with damaged signatures; later ones prove their content"
            _log.warning(text, wrong)

    async def _sweep(self, now: float) -> None:
        if now - self._swept < SWEEP_S:
            return
        self._swept = now
        self._core.callers.drop(lambda caller: caller.gone(now) or now - caller.since > self._life)
        self._dialer.renew_one(now, self._life * 0.8)
        for session in self._dialer.live():
            session.look()
        self.end_refused()
        self._core.accepted.forget_gone()

    async def _shuffle(self, now: float) -> None:
        # So that no group of nodes is left to itself for long.
        if now >= self._shuffle_at:
            self._dialer.shuffle()
            self._shuffle_at = now + self._overlay.shuffle_pause()

    def may_forget(self) -> bool:
        """Tell whether what is old may be deleted now."""
        self._core.look_at_clock()
        return self._is_sure(time.monotonic()) and self._core.watch.may_forget

    def _is_sure(self, now: float) -> bool:
        # A clock that was wrong at the start already has not jumped: a peer shows its own first, or
        # an hour goes by alone.
        return self._core.watch.witnessed or now - self._started >= PRUNE_S

    async def _prune(self, now: float) -> None:
        if self._is_sure(now) and now - self._pruned >= PRUNE_S:
            self._pruned = now
            await self.prune()
