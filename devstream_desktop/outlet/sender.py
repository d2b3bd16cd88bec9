"""The sender of a node: each outlet is posted to by a task of its own, from where it was.

A line is posted at least once: its place is kept after the service took it. Its identity is the
same in each try, so that a receiver can tell.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import msgspec

from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.outlet import config
from devstream_desktop.outlet.body import body_of, signed
from devstream_desktop.outlet.config import Outlet, Target
from devstream_desktop.outlet.selection import wanted
from devstream_desktop.outlet.state import State, read_state, write_state
from devstream_desktop.sealed_list import Vault, Watch
from devstream_desktop.stream.subject import Line

LOOK_SECONDS = 2.0
"""Seconds between two looks for new lines."""
PAGE = 100
FIRST_WAIT, MAX_WAIT = 2.0, 3600.0
JITTER = 0.2
TRIES = 5
"""Posts of a line that the service refuses each time as wrong."""
MAX_AGE_MS = 24 * 3600 * 1000
"""A line that has waited longer is left out, and counted."""
_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
    }
)
"""Answers that are about this one body, and not about the address."""
_LOG = logging.getLogger(__name__)


class Sender:
    """Posts the stream of a home to its outlets, while `run` runs.

    Args:
        home: whose outlets and history.
        vault: seals their addresses.
        now: UTC milliseconds.
        wait: seconds before the second try of a post; each further one doubles them.

    """

    def __init__(
        self, home: Home, vault: Vault, now: Callable[[], int], *, wait: float = FIRST_WAIT
    ) -> None:
        self._home = home
        self._vault = vault
        self._now = now
        self._wait = wait
        self._running: dict[Outlet, asyncio.Task[None]] = {}
        self.troubles: dict[str, str] = {}
        """The reasons why outlets cannot begin, by name."""

    async def run(self) -> None:
        """Follow the outlets that there are, until it is cancelled."""
        await Watch(config.outlets(self._home), self._follow).run()

    async def _follow(self, listed: list[Outlet]) -> None:
        outlets = [one for one in listed if not one.is_feed]
        for outlet in [one for one in self._running if one not in outlets]:
            task = self._running.pop(outlet)
            self.troubles.pop(outlet.name, None)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for outlet in outlets:
            if outlet not in self._running or self._running[outlet].done():
                self._running[outlet] = asyncio.create_task(self._serve(outlet))

    async def _serve(self, outlet: Outlet) -> None:
        try:
            target = await asyncio.to_thread(config.target_of, self._home, self._vault, outlet.name)
            state = await asyncio.to_thread(read_state, self._home, outlet)
            history = _History(self._home, outlet)
            try:
                newest = await history.newest()
                self.troubles.pop(outlet.name, None)
                # From now on; and a history that was made anew counts anew.
                if state.arrival < 0 or state.arrival > newest:
                    state = await self._keep(outlet, state, arrival=newest)
                while True:
                    lines = await history.since(state.arrival)
                    for line, leaves in lines:
                        if leaves:
                            state = await self._tell(outlet, target, state, line)
                        # What is left out is only looked at again after a restart.
                        state = msgspec.structs.replace(state, arrival=line.arrival)
                    if len(lines) < PAGE:
                        await asyncio.sleep(LOOK_SECONDS)
            finally:
                history.close()
        except (DevstreamError, OSError) as error:
            if str(error) != self.troubles.get(outlet.name):
                _LOG.warning("outlet %s: %s", outlet.name, error)
            self.troubles[outlet.name] = str(error)
        except Exception as error:  # noqa: BLE001 - begun anew at the next look; it is in the log
            self.troubles[outlet.name] = f"it stops again and again ({error}); node.log says more"
            _LOG.exception("outlet %s stopped", outlet.name)

    async def _tell(self, outlet: Outlet, target: Target, state: State, line: Line) -> State:
        """Post one line until it is taken, refused or too old; return the state after it."""
        # With an HTTP client, which a node without outlets does not need.
        from devstream_desktop.outlet.post import PostError, post

        wait, tries = self._wait, 0
        while True:
            if self._now() - line.received > MAX_AGE_MS:
                return await self._keep(outlet, state, arrival=line.arrival, late=state.late + 1)
            kind, body = body_of(outlet.form, line.event, line.transition)
            # Signed anew in each try: receivers look at the time.
            headers = signed(target.key, line.event.key, self._now() // 1000, body)
            try:
                await asyncio.to_thread(
                    post, target.address, {"content-type": kind, **headers}, body
                )
            except PostError as error:
                tries += 1
                if error.status in _REFUSED and tries >= TRIES:
                    return await self._keep(
                        outlet, state, arrival=line.arrival, refused=state.refused + 1,
                        trouble=str(error),
                    )  # fmt: skip
                if str(error) != state.trouble:
                    state = await self._keep(outlet, state, trouble=str(error))
                spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
                await asyncio.sleep(max(wait * spread, error.wait))
                wait = min(MAX_WAIT, 2 * wait)
                continue
            return await self._keep(
                outlet, state, arrival=line.arrival, posted=state.posted + 1, trouble="",
                seen=self._now(),
            )  # fmt: skip

    async def _keep(self, outlet: Outlet, state: State, **changed: object) -> State:
        made = msgspec.structs.replace(state, **changed)
        await asyncio.to_thread(write_state, self._home, outlet, made)
        return made


class _History:
    """Reader of a history in its own thread, as SQLite wants."""

    def __init__(self, home: Home, outlet: Outlet) -> None:
        self._query = config.query_of(outlet)
        self._thread = ThreadPoolExecutor(1, f"outlet-{outlet.name}")
        self._reader = Reader(home.history)

    async def newest(self) -> int:
        """Return the newest arrival number."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._reader.newest)

    async def since(self, arrival: int) -> list[tuple[Line, bool]]:
        """Return the next lines, and for each whether the outlet wants it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._since, arrival)

    def close(self) -> None:
        """Let the history go; what is being read ends by itself."""
        self._thread.submit(self._reader.close)
        self._thread.shutdown(wait=False)

    def _since(self, arrival: int) -> list[tuple[Line, bool]]:
        lines = self._reader.since(arrival, limit=PAGE)
        return [(line, wanted(self._reader, self._query, line)) for line in lines]
