"""Lines in the stream about brokers gone for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from devstream_desktop.control.messages.status import CarrierStatus
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.subject import CARRIER
from devstream_desktop.stream.words import Kind

LONG_MS = 600_000
"""Milliseconds without a broker after which the team is told."""


class CarrierLines:
    """A teller of brokers gone for long, and of their return.

    Only collectors may say so. Who relays for a site is not known while the broker is gone. So the
    first collector of the site tells, and those who tell at the same moment tell the same fact.

    Args:
        device: This device's id.
        may_tell: True while this device is a collector.
        last: Finds the last word on the subject of an event, None where there is none. Blocks.
        publish: Puts events into the stream; what is known there is not said again.

    """

    def __init__(
        self,
        device: str,
        may_tell: Callable[[], bool],
        last: Callable[[Event], Event | None],
        publish: Callable[[Sequence[Event]], Awaitable[None]],
    ) -> None:
        self._device = device
        self._may_tell = may_tell
        self._last = last
        self._publish = publish
        self._carried: dict[str, CarrierStatus] = {}
        """The carriers at the last look, by subject."""

    async def look(self, carriers: Sequence[CarrierStatus], now: int) -> None:
        """Tell what is new. `now` is UTC milliseconds.

        Raises:
            HistoryError, ControlError: it cannot be read, or not be told.

        """
        if not self._may_tell():
            return
        here = {self._subject(carrier): carrier for carrier in carriers}
        for subject, carrier in (self._carried | here).items():
            gone = subject in here and carrier.state == "gone"
            if gone and now - carrier.since < LONG_MS:
                continue
            if not gone and subject in here and carrier.state not in ("live", "catching up"):
                continue
            news = self._lost(subject, carrier, now)
            last = await asyncio.to_thread(self._last, news)
            lost = last is not None and last.state == "silent"
            if gone and not lost:
                await self._publish([news])
            elif last is not None and lost and not gone:
                await self._publish([_back(last, now)])
        self._carried = here

    def _place(self, carrier: CarrierStatus) -> str:
        return carrier.site or self._device[:8]

    def _subject(self, carrier: CarrierStatus) -> str:
        return f"{CARRIER}{carrier.name}/{self._place(carrier)}"

    def _lost(self, subject: str, carrier: CarrierStatus, now: int) -> Event:
        # The nodes of a site lose it within seconds: they should name one loss by one number.
        number = str(carrier.since // LONG_MS)
        return make_event(
            kind=Kind.SOURCE,
            state="silent",
            service=carrier.name,
            subject=subject,
            number=number,
            key=fact_key(subject, Kind.SOURCE, "silent", number),
            time=now,
            source=self._place(carrier),
            reason=carrier.error,
        )


def _back(lost: Event, now: int) -> Event:
    return make_event(
        kind=Kind.SOURCE,
        state="active",
        service=lost.service,
        subject=lost.subject,
        number=lost.number,
        key=fact_key(lost.subject, Kind.SOURCE, "active", lost.number),
        time=now,
        source=lost.source,
        duration=max(0, now - lost.time + LONG_MS),
    )
