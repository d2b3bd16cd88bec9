"""The targets this executor offers.

Reads targets.toml when it changes, and publishes what can be deployed here and what no longer can.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

from devstream_desktop.deploy.database import RunsError
from devstream_desktop.deploy.outbox import Outbox
from devstream_desktop.deploy.repository import is_remote
from devstream_desktop.deploy.runs import Runs
from devstream_desktop.deploy.targets import Target, Targets, TargetsError, load_targets
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind

_DAY_MS = 86_400_000
"""Milliseconds of a day. Offers are published again each day, because histories forget."""

_log = logging.getLogger(__name__)


class Offers:
    """The targets of the moment.

    With a `mistake` in the file there are none: what is half understood must not run.
    """

    def __init__(
        self, path: Path, device: str, runs: Runs, outbox: Outbox, now: Callable[[], int]
    ) -> None:
        self.targets: Targets = MappingProxyType({})
        self.mistake = ""
        self._path = path
        self._device = device
        self._runs = runs
        self._outbox = outbox
        self._now = now
        self._seen: tuple[int, int, int] | None = None
        self._said: dict[tuple[str, str], str] = {}
        self._said_on = -1
        self._one = asyncio.Lock()

    async def refresh(self) -> None:
        """Read the file if it changed, and announce the difference.

        What cannot be announced now is tried again by the next call.
        """
        async with self._one:
            seen = await asyncio.to_thread(_signature, self._path)
            if (
                seen != self._seen or self.mistake
            ):  # a mistake may go away by itself: a folder that is there now
                await self._read()
                self._seen = seen
            # What is half understood must not run, and nothing is withdrawn for a typing mistake.
            if self.mistake:
                return
            try:
                await self._announce()
            except RunsError as error:
                self._outbox.in_trouble(str(error))

    async def _read(self) -> None:
        before = self.mistake
        try:
            self.targets, self.mistake = await asyncio.to_thread(load_targets, self._path), ""
        except TargetsError as error:
            self.targets, self.mistake = MappingProxyType({}), str(error)
        if self.mistake and self.mistake != before:
            _log.warning("nothing can be deployed: %s", self.mistake)

    async def _announce(self) -> None:
        now = self._now()
        day = now // _DAY_MS
        said = {
            place: "\n".join((target.ref, target.description, *filter(None, (_remote(target),))))
            for place, target in self.targets.items()
        }
        if said == self._said and day == self._said_on:
            return
        # On a new day everything is published again, because histories forget.
        before = self._said if day == self._said_on else {}
        # Recorded before it is published, so that a crash cannot forget to withdraw it.
        since = await asyncio.to_thread(self._runs.offer, said, now)
        new = [place for place in said if said[place] != before.get(place)]
        gone = set(since) - set(said)
        events = [available(self.targets[place], self._device, now, since[place]) for place in new]
        events += [
            removed(target, environment, self._device, now, since[target, environment])
            for target, environment in sorted(gone)
        ]
        # Not published, so the next look tries again.
        if events and not await self._outbox.say(events):
            return
        if gone:
            await asyncio.to_thread(self._runs.withdraw, gone)
        self._said, self._said_on = said, day


def available(target: Target, device: str, now: int, since: int) -> Event:
    """`device` deploys `target`, offered so since `since`.

    The ref is the one to offer first, the title its description, the reason the address of its
    repository, where others can ask that as well.

    Said again on the same day it is the same fact, so a restart adds no line; removed and offered
    again it is another.
    """
    key = fact_key(
        "team",
        Kind.TEAM,
        device,
        target.name,
        target.environment,
        "available",
        str(since),
        str(now // _DAY_MS),
    )
    return _event(
        "available",
        target.name,
        target.environment,
        device,
        now,
        key,
        ref=target.ref,
        title=target.description,
        reason=_remote(target),
    )


def _remote(target: Target) -> str:
    """Return the address of a repository on another machine; a path means nothing elsewhere."""
    return target.repository if is_remote(target.repository) else ""


def removed(target: str, environment: str, device: str, now: int, since: int) -> Event:
    """`device` does not deploy it any more, as it did since `since`."""
    key = fact_key("team", Kind.TEAM, device, target, environment, "removed", str(since))
    return _event("removed", target, environment, device, now, key)


def _event(
    state: str,
    target: str,
    environment: str,
    device: str,
    now: int,
    key: str,
    *,
    ref: str = "",
    title: str = "",
    reason: str = "",
) -> Event:
    return make_event(
        kind=Kind.TEAM,
        state=state,
        service=target,
        environment=environment,
        subject=f"target/{target}/{environment}",
        key=key,
        time=now,
        executor=device,
        ref=ref,
        title=title,
        reason=reason,
        quiet=True,
    )


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
