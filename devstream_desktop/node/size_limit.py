"""The size of the history: kept in bounds, with word of whose events had to go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from devstream_desktop.control.node_words import HISTORY_FULL
from devstream_desktop.history.log import History
from devstream_desktop.history.shares import floors
from devstream_desktop.stream.entry import KEY_BYTES, device_id
from devstream_desktop.team import DEVICE_ROLES, Policy

ROLE_SHARE = 20
"""Of a device with a role, against one of any other device: a collector speaks for many sources."""
_NAMED = 3

_log = logging.getLogger(__name__)


class SizeLimit:
    """Looks after the size of one history.

    Args:
        history: Whose size it is.
        forget: Settles each feed up to a number; returns how many entries that were.
        policy: The policy in force.
        notices: What is wrong, by where; kept up to date here under `size`.

    """

    def __init__(
        self,
        history: History,
        forget: Callable[[Mapping[bytes, int]], Awaitable[int]],
        policy: Callable[[], Policy],
        notices: dict[str, str],
    ) -> None:
        self._history = history
        self._forget = forget
        self._policy = policy
        self._notices = notices

    async def look(self) -> None:
        """Forget what is too much."""
        # The look is cheap; what follows reads the whole log.
        if not self._history.too_large:
            return
        found = await asyncio.to_thread(floors, self._history.path, self._share)
        if not await self._forget(found):
            return
        names = sorted({self._policy().name_of(device_id(feed[:KEY_BYTES])) for feed in found})
        named = ", ".join(names[:_NAMED]) + (" and others" if len(names) > _NAMED else "")
        self._notices["size"] = HISTORY_FULL.format(
            people=named, command="devstream team revoke PERSON"
        )
        _log.warning("%s", self._notices["size"])

    def _share(self, author: bytes) -> int:
        device, policy = device_id(author), self._policy()
        return ROLE_SHARE if any(policy.has_role(device, role) for role in DEVICE_ROLES) else 1
