"""The node's executor: which requests reach it, and by whose word they may run."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from devstream_desktop.deploy.request import answer_keys
from devstream_desktop.deploy.runs import RunsError
from devstream_desktop.deploy.service import Deploys, DeployStatus
from devstream_desktop.home import Home
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team.chain import PolicyChain
from devstream_desktop.team.team import Team

FRESH_MS = 120_000
"""News older than this came out of a backlog; a deploy request among it is never run."""
MAX_EARLY = 100
"""Requests that wait for `start`; anybody in the team can address some to a device that never becomes an executor."""

_log = logging.getLogger(__name__)


class Executor:
    """Runs deploys between `start` and `stop`, as long as the policy gives this device the role.

    Args:
        home: The node's.
        team: The node's.
        publish: Makes events part of the stream.
        spawn: Runs work beside everything else.
        notices: What is wrong, by where; kept up to date here under `deploy`.
        knows: Whether the history has the event of this key.
        copied: Whether another machine writes under this device's key.

    """

    def __init__(
        self,
        *,
        home: Home,
        team: Team,
        publish: Callable[[Sequence[Event]], Awaitable[None]],
        spawn: Callable[[Coroutine[object, object, None]], None],
        notices: dict[str, str],
        knows: Callable[[str], bool],
        copied: Callable[[], bool],
    ) -> None:
        self._home = home
        self._team = team
        self._publish = publish
        self._spawn = spawn
        self._notices = notices
        self._knows = knows
        self._copied = copied
        self._deploys: Deploys | None = None
        self._early: deque[tuple[Event, str]] = deque(maxlen=MAX_EARLY)
        """Requests that came, with their author's device, before `start`."""

    async def start(self) -> None:
        """Take requests from now on, and those that came before; nothing when it does already. A failure is a notice."""
        if self._deploys is not None:
            return
        deploys = Deploys(
            home=self._home,
            device=self._team.device.id,
            publish=self._publish,
            may_deploy=self.may_deploy,
            who_may=self._who_may,
            now=self._team.now,
            answered=self._answered,
            copied=self._copied,
        )
        try:
            await deploys.start()
        except RunsError as error:
            self._notices["deploy"] = f"nothing can be deployed from here: {error}"
            _log.error("%s", error)
            return
        self._notices.pop("deploy", None)
        self._deploys = deploys
        while self._early:
            self.note(*self._early.popleft())

    async def stop(self) -> None:
        """Take no more; what runs gets some seconds to end."""
        if self._deploys is not None:
            await self._deploys.stop()
            self._deploys = None

    def note(self, event: Event, device: str) -> None:
        """News that `device` signed: a request to this device is judged, and runs or is refused."""
        if event.kind is not Kind.DEPLOY or event.state != "requested" or event.executor != self._team.device.id:
            return
        if self._deploys is None:
            self._early.append((event, device))
            return
        person = self._team.chain.current.person_of(device) or ""
        self._spawn(self._deploys.handle(event, device, person, fresh=self._team.now() - event.time <= FRESH_MS))

    def status(self) -> DeployStatus | None:
        """What it offers and does; None while it takes nothing."""
        return None if self._deploys is None else self._deploys.status()

    def may_deploy(self, person: str, target: str, environment: str) -> bool:
        """Whether the policy of the moment allows it, and can be acted on."""
        chain = self._team.chain
        return not policy_trouble(chain, self._team.now()) and chain.current.may(person, Role.DEPLOYER, target, environment)

    def _who_may(self, role: Role) -> Sequence[str]:
        return self._team.chain.current.who_has(role)

    async def _answered(self, request: str) -> bool:
        return any(self._knows(key) for key in answer_keys(request))


def policy_trouble(chain: PolicyChain, now: int) -> str:
    """Why the policy of this time (UTC milliseconds) cannot be acted on, so that nothing is deployed; empty when it can."""
    if chain.forked:
        return (
            "two admins changed the team at once, or a key was stolen; nothing is deployed until an admin makes the next change:"
            " see devstream team policy"
        )
    if now > chain.current.expires:
        return "the policy has expired; nothing is deployed until an admin starts devstream and renews it, or makes any change"
    return ""
