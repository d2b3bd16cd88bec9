"""A forge's word on the required checks of a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fnmatch import fnmatchcase
from urllib.parse import quote

from devstream_desktop.deploy.backends.contract import BackendError
from devstream_desktop.deploy.backends.http import TIMEOUT_S, Api
from devstream_desktop.deploy.backends.settings import Forge
from devstream_desktop.deploy.checks import Check, Reported
from devstream_desktop.deploy.forge_answers import checks_of
from devstream_desktop.deploy.orders import Orders
from devstream_desktop.deploy.targets import Target

_AT_ONCE = 2
"""Commits asked about at a time: a slow forge holds no more threads of the node."""


class Forges:
    """Asks the forges that targets name.

    Args:
        orders: Has the credentials of this machine.
        now: The wall clock, UTC milliseconds.

    """

    def __init__(self, orders: Orders, now: Callable[[], int]) -> None:
        self._orders = orders
        self._now = now
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._asking: dict[tuple[Forge, str], asyncio.Task[tuple[Check, ...]]] = {}

    async def reported(self, target: Target, sha: str, timeout_s: float = TIMEOUT_S) -> Reported:
        """Return a forge's word on the required checks of `sha`.

        That is a whole hash. A forge that cannot be asked is a `trouble`, never an error.
        """
        forge = target.forge
        if forge is None:
            return Reported()
        names = forge.secret_names()
        if lacks := await asyncio.to_thread(self._orders.lacks_of, target, names):
            return Reported(trouble=lacks)
        try:
            async with asyncio.timeout(timeout_s):
                # Whoever waits no longer must not end it for the others.
                found = await asyncio.shield(self._asked(forge, sha))
        except TimeoutError:
            return Reported(trouble=f"{forge.title} did not answer within {timeout_s:g} seconds")
        except BackendError as error:
            return Reported(trouble=f"{forge.title} does not tell: {error}")
        return Reported(
            tuple(
                one
                for one in found
                if any(fnmatchcase(one.name, pattern) for pattern in target.checks)
            )
        )

    async def check(self, target: Target) -> list[str]:
        """Return why a target's forge cannot be asked, as sentences; empty when it can."""
        forge = target.forge
        # A secret that is missing is said by the check of the back end.
        if forge is None or not await asyncio.to_thread(self._orders.secret, forge.token):
            return []
        try:
            answer = await (await self._api(forge)).get("")
        except BackendError as error:
            return [f"{forge.title}: {error}"]
        named = f"{forge.title} {forge.repository}"
        return [] if answer.is_success else [f"{named}: {answer.said()}"]

    def _asked(self, forge: Forge, sha: str) -> asyncio.Task[tuple[Check, ...]]:
        """Ask, or join whoever asks the same in this moment."""
        key = (forge, sha)
        if task := self._asking.get(key):
            return task
        task = self._asking[key] = asyncio.create_task(
            self._ask(forge, sha), name=f"deploy-checks-{sha[:8]}"
        )

        def over(ended: asyncio.Task[tuple[Check, ...]]) -> None:
            del self._asking[key]
            # Nobody may be left who reads it.
            if not ended.cancelled():
                ended.exception()

        task.add_done_callback(over)
        return task

    async def _ask(self, forge: Forge, sha: str) -> tuple[Check, ...]:
        async with self._turns:
            return await checks_of(forge, await self._api(forge), sha, self._now())

    async def _api(self, forge: Forge) -> Api:
        token = await asyncio.to_thread(self._orders.secret, forge.token)
        name, headers = quote(forge.repository), {"accept": "application/json"}
        match forge.kind:
            case "github":
                path = f"/repos/{name}"
                headers = {
                    "authorization": f"Bearer {token}",
                    "accept": "application/vnd.github+json",
                    "x-github-api-version": "2022-11-28",
                }
            case "gitlab":
                path = f"/api/v4/projects/{quote(forge.repository, safe='')}"
                headers["private-token"] = token
            case "gitea":
                path = f"/api/v1/repos/{name}"
                headers["authorization"] = f"token {token}"
        return Api(forge.address + path, headers, (token,))
