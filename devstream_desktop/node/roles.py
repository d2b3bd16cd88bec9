"""Intake and executor, which run while the policy gives their roles."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from devstream_desktop.control.node_words import RECEIVES_NOTHING
from devstream_desktop.errors import DevstreamError
from devstream_desktop.node.executor import Executor
from devstream_desktop.stream.words import Role
from devstream_desktop.team import Team

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from devstream_desktop.intake.service import Intake
    from devstream_desktop.outlet.feeds import Feeds

_log = logging.getLogger(__name__)


class Roles:
    """Begins and ends what a role of this device asks for.

    Args:
        team: its policy says which roles the device has.
        executor: runs deploys.
        make_intake: makes an intake as the settings are now.
        notices: faults by place, a sentence each.

    """

    def __init__(
        self,
        team: Team,
        executor: Executor,
        make_intake: Callable[[], Intake],
        notices: dict[str, str],
    ) -> None:
        self.intake: Intake | None = None
        self._team = team
        self._executor = executor
        self._make_intake = make_intake
        self._notices = notices
        self._lock = asyncio.Lock()

    @property
    def intake_url(self) -> str:
        """Address for webhooks; empty where none are received."""
        return self.intake.url if self.intake is not None else ""

    async def follow(self) -> None:
        """Run this device's roles of the policy, and end the others."""
        policy, device = self._team.chain.current, self._team.device.id
        async with self._lock:
            # One at a time: two policies may come in one moment.
            if policy.has_role(device, Role.COLLECTOR):
                if self.intake is None:
                    await self._start_intake()
            else:
                await self._end_intake()
            if policy.has_role(device, Role.EXECUTOR):
                await self._executor.start()
            else:
                await self._executor.stop()

    async def restart_intake(self) -> None:
        """End the intake and begin it where the settings say now."""
        await self.stop_intake()
        await self.follow()

    async def stop_intake(self) -> None:
        """Take nothing more in."""
        async with self._lock:
            await self._end_intake()

    async def _start_intake(self) -> None:
        intake = self._make_intake()
        try:
            await intake.start()
        except DevstreamError as error:
            # A mistake in the sources must not take history and deploys away.
            self._notices["intake"] = RECEIVES_NOTHING.format(reason=error)
            _log.error("%s", error)
            return
        self._notices.pop("intake", None)
        self.intake = intake

    async def _end_intake(self) -> None:
        self._notices.pop("intake", None)
        if self.intake is not None:
            intake, self.intake = self.intake, None
            await intake.stop()


def pages(feeds: Feeds, executor: Executor) -> list[BaseRoute]:
    """Return the pages beside the receiver: feeds, and the word of services that deploy."""
    # Only with a receiver, whose libraries these need.
    from devstream_desktop.deploy.callback_page import CallbackPage
    from devstream_desktop.outlet.feed_page import FeedPage

    return [*FeedPage(feeds).routes(), *CallbackPage(executor.tell).routes()]
