"""The monitoring page of a node: where it listens, and what it tells."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from devstream_desktop.address import AddressError, split
from devstream_desktop.clock import now_ms
from devstream_desktop.control.node_words import METRICS_FAILED, METRICS_MISSING
from devstream_desktop.errors import DevstreamError
from devstream_desktop.node.status import describe

if TYPE_CHECKING:
    from devstream_desktop.node.core import Node
    from devstream_desktop.node.monitoring.page import Page

_log = logging.getLogger(__name__)


class Watch:
    """Serves the page while there is an address for it."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._page: Page | None = None
        self._listen = ""
        self._started = now_ms() / 1000
        self._lock = asyncio.Lock()

    async def follow(self, listen: str) -> None:
        """Serve where the command line or else `listen` says. A failure is a notice.

        `listen` is HOST:PORT; empty: nowhere.
        """
        # One at a time: a reload may come while the first page begins.
        async with self._lock:
            await self._follow(self._node.options.metrics or listen)

    async def stop(self) -> None:
        """End the page."""
        async with self._lock:
            await self._stop()

    async def _follow(self, listen: str) -> None:
        # What failed the last time is tried again.
        if listen == self._listen and (self._page is not None or not listen):
            return
        await self._stop()
        self._listen = listen
        self._node.notices.pop("metrics", None)
        if not listen:
            return
        try:
            self._page = await asyncio.to_thread(self._build, *split(listen))
            await self._page.start()
            self._node.metrics_url = self._page.url
        except (DevstreamError, AddressError) as error:
            self._node.notices["metrics"] = METRICS_FAILED.format(reason=error)
            _log.error("there are no metrics: %s", error)
        except ImportError as error:
            self._node.notices["metrics"] = METRICS_MISSING.format(
                reason=error, package="devstream[collector]"
            )

    async def _stop(self) -> None:
        if self._page is not None:
            page, self._page = self._page, None
            self._node.metrics_url = ""
            await page.stop()

    def _build(self, host: str, port: int) -> Page:
        from devstream_desktop.node.monitoring.page import Page

        return Page(host, port, self._render, self._unready)

    async def _render(self) -> bytes:
        from devstream_desktop.node.monitoring.metrics import Facts, render

        node = self._node
        deploys = node.executor.status()
        facts = Facts(
            status=await describe(node),
            tally=node.tally,
            spool=node.roles.intake.waiting if node.roles.intake is not None else 0,
            running=len(deploys.running) if deploys is not None else 0,
            started=self._started,
        )
        return await asyncio.to_thread(render, facts)

    def _unready(self) -> list[str]:
        node = self._node
        found = {
            "disk full": node.history.reserve.full,
            "intake stopped": "intake" in node.notices,
            "executor stopped": "deploy" in node.notices,
            "outside the team": node.team.gate(node.device) is not None,
        }
        return [why for why, holds in found.items() if holds]
