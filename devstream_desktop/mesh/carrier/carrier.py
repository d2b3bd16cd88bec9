"""One broker beside the links to peers: connect, read and send, and connect again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from devstream_desktop.control.messages.status import CarrierStatus
from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh.carrier.broker import Broker, BrokerError, Sent
from devstream_desktop.mesh.carrier.entries import Entries
from devstream_desktop.mesh.carrier.papers import Papers
from devstream_desktop.mesh.carrier.place import Place, PlaceFile
from devstream_desktop.mesh.carrier.site import Site
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.overlay.backoff import pause

LEAST_MS, MOST_MS = 500, 30_000
STEADY_S = 10.0
"""A connection that held for so long begins the back-off anew."""
SAVE_S = 5.0
OTHERS = "events of others"

_log = logging.getLogger(__name__)


class Carrier:
    """Carries the stream of one node to a broker and back.

    Args:
        core: The node's middle.
        name: Of the carrier, for a person.
        broker: The broker.
        file: Remembers how far it is.
        travels: Tells which of the policy documents may go to a broker.
        relay: Send what others wrote as well.
        site: The site's name, where one of its nodes reads and sends for all; empty: each does.
        level: True while this node has caught up with its neighbours.

    """

    def __init__(
        self,
        core: Core,
        name: str,
        broker: Broker,
        file: PlaceFile,
        *,
        travels: Callable[[bytes], bool],
        relay: bool,
        site: str = "",
        level: Callable[[], bool] = lambda: True,
    ) -> None:
        self._core = core
        self._name = name
        self._broker = broker
        self._file = file
        self._travels = travels
        self._relay = relay
        self._site_name = site
        self._level = level
        self._place = Place()
        self._entries: Entries | None = None
        """The exchange of entries; None without a connection."""
        self._site: Site | None = None
        self._trouble = ""
        """The reason why there is no connection."""
        self._unsendable: dict[str, str] = {}
        """The reasons why something cannot be sent, by what it is."""
        self._since = core.clock()

    def status(self) -> CarrierStatus:
        """Describe it."""
        entries = self._entries
        state = "gone" if self._trouble else "connecting"
        if entries is not None:
            state = "catching up" if entries.unread else "live"
        return CarrierStatus(
            name=self._name,
            state=state,
            unread=entries.unread if entries is not None else 0,
            unsent=entries.unsent() if entries is not None else 0,
            error=self._trouble or next(iter(self._unsendable.values()), ""),
            since=self._since,
            site=self._site_name,
            relay=self._site.relay if self._site is not None else "",
        )

    async def run(self) -> None:
        """Carry until it is cancelled."""
        failures = 0
        self._place = await self._file.load()
        while True:
            began = time.monotonic()
            try:
                await self._broker.open()
                await self._carry()
            except (BrokerError, DevstreamError, OSError) as error:
                self._lost(str(error))
            except Exception:  # noqa: BLE001 - it must not take the gossip along; it is in the log
                _log.exception("the carrier %s stopped", self._name)
                self._lost("it stopped; node.log says more")
            finally:
                self._entries = self._site = None
                await self._broker.close()
            failures = 1 if time.monotonic() - began > STEADY_S else failures + 1
            await asyncio.sleep(pause(failures, LEAST_MS, MOST_MS, self._core.rng) / 1000)

    def _lost(self, reason: str) -> None:
        # Each reason once, because it is tried again and again.
        if reason != self._trouble:
            _log.warning("the carrier %s: %s", self._name, reason)
        # Servers are tried in any order, and each has its own reason: it is one loss.
        if not self._trouble:
            self._since = self._core.clock()
        self._trouble = reason

    async def _carry(self) -> None:
        """Read and send until one of them fails.

        Raises:
            BrokerError: the connection is lost.

        """
        core, broker = self._core, self._broker
        self._entries = entries = Entries(
            core, broker.entries, self._place, relay=self._relay, elected=bool(self._site_name)
        )
        papers = Papers(core, broker.papers, self._travels)
        if self._trouble:
            _log.info("the carrier %s is back", self._name)
        self._trouble = ""
        self._unsendable.clear()
        self._since = core.clock()
        loops: list[Awaitable[None]] = [
            entries.read(),
            papers.read(),
            papers.absorb(),
            self._sending("events of this device", partial(entries.send, own=True)),
            self._sending("policies", papers.send),
            self._saving(),
        ]
        if self._relay:
            loops.append(self._sending(OTHERS, partial(entries.send, own=False)))
        if self._site_name:
            self._site = Site(
                core,
                broker,
                self._site_name,
                entries,
                may_relay=lambda: self._relay and OTHERS not in self._unsendable,
                level=self._level,
            )
            loops.append(self._site.run())
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            core.carried = False
            await self._save()

    async def _sending(self, what: str, send: Callable[[Sent], Awaitable[None]]) -> None:
        """Send, and try again: who may only read still reads."""
        failures = 0

        def sent() -> None:
            nonlocal failures
            failures = 0
            self._unsendable.pop(what, None)

        while True:
            try:
                await send(sent)
            except BrokerError as error:
                failures += 1
                self._unsendable[what] = f"it takes no {what}: {error}"
            await asyncio.sleep(pause(failures, LEAST_MS, MOST_MS, self._core.rng) / 1000)

    async def _saving(self) -> None:
        while True:
            await asyncio.sleep(SAVE_S)
            await self._save()

    async def _save(self) -> None:
        # Without a place on the disk more is read again after the next start, and nothing is lost.
        with contextlib.suppress(OSError):
            await self._file.save(self._place)
