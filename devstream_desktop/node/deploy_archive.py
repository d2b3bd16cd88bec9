"""Deploys kept beyond the history's retention, on executors and collectors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from devstream_desktop.history import archive
from devstream_desktop.stream.entry import Entry
from devstream_desktop.stream.words import Role
from devstream_desktop.team import Team

_DAY_MS = 86_400_000
_KIND = b"\xa6deploy"
"""A deploy's kind in the msgpack of an entry."""


class DeployArchive:
    """Keeper of the signed entries of deploys, for the policy's time.

    Args:
        path: its database.
        team: its policy names the time, and who keeps them.
        notices: faults by place, a sentence each.
        now: the team's time, UTC milliseconds; None while what is old by it may not be deleted.

    """

    def __init__(
        self,
        path: Path,
        team: Team,
        notices: dict[str, str],
        *,
        now: Callable[[], int | None],
    ) -> None:
        self._path = path
        self._team = team
        self._notices = notices
        self._now = now
        self._lock = asyncio.Lock()

    def wants(self, entries: Sequence[Entry]) -> bool:
        """Tell whether there may be something among `entries` that this device keeps."""
        policy, device = self._team.chain.current, self._team.device.id
        keeps = any(policy.has_role(device, one) for one in (Role.EXECUTOR, Role.COLLECTOR))
        return keeps and any(_KIND in entry.body for entry in entries)

    async def keep(self, entries: Sequence[Entry] = ()) -> None:
        """Add the deploys among `entries`, and forget those of too long ago."""
        async with self._lock:
            kept = self._team.chain.current.audit_days * _DAY_MS
            now = self._now()
            oldest = 0 if now is None else now - kept
            trouble = await asyncio.to_thread(archive.keep, self._path, entries, oldest)
        if trouble:
            self._notices["audit"] = trouble
        else:
            self._notices.pop("audit", None)
