"""The node's executor: which requests reach it, and by whose word they may run.

Anybody in the team can address requests to an executor, and each refusal is a signed event on every
desk. So each device is answered at a rate; what it asks beyond that is counted and shown in the
status, and nothing of it runs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING

from devstream_desktop.control import server_wire as wire
from devstream_desktop.control.messages.deploys import (
    DeployLog,
    GetDeployLog,
    Plan,
    PlanDeploy,
    TargetCheck,
    TargetChecks,
)
from devstream_desktop.control.node_words import (
    DEPLOYS_NOTHING,
    DEPLOYS_UNANSWERED,
    POLICY_EXPIRED,
    POLICY_FORKED,
)
from devstream_desktop.deploy.answer import answers
from devstream_desktop.deploy.errors import CallbackError, PlanError
from devstream_desktop.door.bucket import Bucket
from devstream_desktop.home import Home
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team import PolicyChain, Team

if TYPE_CHECKING:
    from devstream_desktop.deploy.service import Deploys, DeployStatus

FRESH_MS = 120_000
"""News older than this came out of a backlog; a deploy request among it is never run."""
MAX_EARLY = 100
"""Requests that wait for `start`.

Anybody in the team can address some to a device that never becomes an executor.
"""
ALLOWED_RATE, ALLOWED_BURST = 0.2, 20.0
"""Requests a second that a device is answered, and at once.

This is for a person who may deploy what the request names.
"""
REFUSED_RATE, REFUSED_BURST = 1 / 60, 3.0
"""The same for a person who may not."""
_NAMED = 3

_log = logging.getLogger(__name__)


class Executor:
    """Runs deploys between `start` and `stop`, while this device has the role.

    Args:
        home: The node's.
        team: The node's.
        publish: Makes events part of the stream.
        spawn: Runs work beside everything else.
        notices: What is wrong, by where; kept up to date here under `deploy`.
        knows: Whether the history has the fact of this identity (`stream.fact`).
        unanswered: The requests to this device in the history that have no answer, with their
            authors' devices. Reads the disk.
        secret: Returns a credential that a target names, None where it is not set. Blocks.
        steady: Seconds that only grow.
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
        knows: Callable[[bytes], bool],
        copied: Callable[[], bool],
        unanswered: Callable[[], Sequence[tuple[Event, str]]] = tuple,
        secret: Callable[[str], str | None] = lambda _: None,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._home = home
        self._team = team
        self._publish = publish
        self._spawn = spawn
        self._notices = notices
        self._knows = knows
        self._copied = copied
        self._unanswered = unanswered
        self._secret = secret
        self._steady = steady
        self._rates: dict[tuple[str, bool], Bucket] = {}
        """By device, and by its person's right to the deploy."""
        self._unheard: Counter[str] = Counter()
        """Requests beyond the rate, by device."""
        self._deploys: Deploys | None = None
        self._early: deque[tuple[Event, str]] = deque(maxlen=MAX_EARLY)
        """Requests that came, with their author's device, before `start`."""

    async def start(self) -> None:
        """Take requests from now on, and those that came before; nothing when it does already.

        A failure is a notice.
        """
        if self._deploys is not None:
            return
        # Only where the device has the role: of three hundred desks one or two.
        from devstream_desktop.deploy.database import RunsError
        from devstream_desktop.deploy.knowledge import Rights
        from devstream_desktop.deploy.service import Deploys
        from devstream_desktop.node.deploy_knowledge import HistoryKnowledge

        deploys = Deploys(
            home=self._home,
            device=self._team.device.id,
            publish=self._publish,
            knowledge=HistoryKnowledge(self._home.history),
            rights=Rights(self._may, self._who_may, self._person_of, self._policy_version),
            now=self._team.now,
            answered=self._answered,
            copied=self._copied,
            secret=self._secret,
        )
        try:
            await deploys.start()
        except RunsError as error:
            self._notices["deploy"] = DEPLOYS_NOTHING.format(reason=error)
            _log.error("%s", error)
            return
        self._notices.pop("deploy", None)
        # Before requests are handed on, so that none is counted twice.
        missed = await asyncio.to_thread(self._unanswered)
        self._deploys = deploys
        early = list(self._early)
        self._early.clear()
        for event, device in early:
            self._hand_on(event, device, fresh=self._is_fresh(event))
        # A node that ended between storing a request and judging it owes an answer; it runs nothing
        # any more.
        waiting = {event.key for event, _ in early}
        for event, device in missed:
            if event.key not in waiting and self._heard(event, device):
                self._hand_on(event, device, fresh=False)

    async def stop(self) -> None:
        """Take no more; what runs gets some seconds to end."""
        self._notices.pop("deploy", None)
        if self._deploys is not None:
            await self._deploys.stop()
            self._deploys = None

    async def reload(self) -> None:
        """Read targets.toml now; it is looked at every few seconds anyway."""
        if self._deploys is not None:
            await self._deploys.reload()

    def note(self, event: Event, device: str) -> None:
        """News that `device` signed: a request to this device is judged, and runs or is refused."""
        if (
            event.kind is not Kind.DEPLOY
            or event.state != "requested"
            or event.executor != self._team.device.id
        ):
            return
        if not self._heard(event, device):
            return
        if self._deploys is None:
            self._early.append((event, device))
            return
        self._hand_on(event, device, fresh=self._is_fresh(event))

    def _hand_on(self, event: Event, device: str, *, fresh: bool) -> None:
        if self._deploys is not None:
            # The person by the policy of this moment, never by the event's text.
            self._spawn(self._deploys.handle(event, device, self._person_of(device), fresh=fresh))

    def _is_fresh(self, event: Event) -> bool:
        return self._team.now() - event.time <= FRESH_MS

    def _heard(self, event: Event, device: str) -> bool:
        """Tell whether this device is answered once more now."""
        policy, now = self._team.chain.current, self._steady()
        person = policy.person_of(device) or ""
        allowed = any(
            policy.may(person, role, event.service, event.environment)
            for role in (Role.DEPLOYER, Role.APPROVER)
        )
        # Each answer is an entry on every desk: who may not deploy gets few.
        rate, burst = (ALLOWED_RATE, ALLOWED_BURST) if allowed else (REFUSED_RATE, REFUSED_BURST)
        bucket = self._rates.setdefault((device, allowed), Bucket(rate, burst, now))
        # What is left unheard is no debt: who stops flooding is heard again soon.
        if bucket.take(0, now) == 0:
            bucket.take(1, now)
            return True
        self._unheard[device] += 1
        worst = ", ".join(
            f"{policy.name_of(one)} ({count})" for one, count in self._unheard.most_common(_NAMED)
        )
        self._notices["deploy requests"] = DEPLOYS_UNANSWERED.format(
            people=worst, command="devstream team revoke PERSON"
        )
        return False

    async def plan(self, asked: PlanDeploy, device: str) -> Plan:
        """Return what a deploy would ship, as `device` would ask for it.

        Raises:
            PlanError: there is no such target or commit, or nothing is deployed from here.
            RunsError: deploy.sqlite cannot be used.

        """
        if self._deploys is None:
            raise PlanError(self._notices.get("deploy") or "this device deploys nothing any more")
        return await self._deploys.plan(asked, device)

    async def check(self, name: str) -> TargetChecks:
        """Return the problems of each target, or of those of one name.

        Raises:
            PlanError: nothing is deployed from here.

        """
        if self._deploys is None:
            raise PlanError(self._notices.get("deploy") or "this device is no executor")
        status = self._deploys.status()
        chosen = [one for one in status.targets if name in ("", one.name)]
        found = [await self._deploys.problems(one) for one in chosen]
        return TargetChecks(
            targets=tuple(
                TargetCheck(target=one.name, environment=one.environment, problems=tuple(problems))
                for one, problems in zip(chosen, found, strict=True)
            ),
            mistake=status.mistake,
        )

    async def log(self, asked: GetDeployLog, device: str) -> DeployLog:
        """Return a part of a deploy's output, if `device`'s person may.

        Raises:
            DevstreamError: there is none, or it is not for this person.

        """
        if self._deploys is None:
            raise PlanError(self._notices.get("deploy") or "this device deploys nothing any more")
        return await self._deploys.log(asked, device)

    async def tell(self, request: str, headers: Mapping[str, str], body: bytes) -> None:
        """Give a run the word of the service that carries it out.

        Raises:
            CallbackError: it is not taken, or cannot be recorded now.

        """
        # The node is starting, or no executor any more; who tries again is heard then.
        if self._deploys is None:
            raise CallbackError(CallbackError.LATER, "nothing is deployed from here now")
        await self._deploys.tell(request, headers, body)

    async def answer(self, device: str, body: bytes) -> bytes:
        """Answer what another member's device asks this executor.

        Raises:
            DevstreamError: it cannot be answered.

        """
        match wire.decode_request(body):
            case PlanDeploy() as request:
                return wire.encode_reply(await self.plan(request, device))
            case GetDeployLog() as request:
                return wire.encode_reply(await self.log(request, device))
        raise PlanError("an executor answers only what a deploy would ship, and what one printed")

    def status(self) -> DeployStatus | None:
        """Offers and running deploys; None where this device is no executor."""
        return None if self._deploys is None else self._deploys.status()

    def _may(self, person: str, role: Role, target: str, environment: str) -> bool:
        """Tell whether the policy allows it, and is in force."""
        chain = self._team.chain
        return not policy_trouble(chain, self._team.now()) and chain.current.may(
            person, role, target, environment
        )

    def _who_may(self, role: Role, target: str, environment: str) -> Sequence[str]:
        policy = self._team.chain.current
        found = policy.who_has(role)
        if not target:
            return found
        return [one for one in found if policy.may(one, role, target, environment)]

    def _person_of(self, device: str) -> str:
        return self._team.chain.current.person_of(device) or ""

    def _policy_version(self) -> int:
        return self._team.chain.current.version

    async def _answered(self, request: str) -> bool:
        return any(self._knows(fact) for fact in answers(request, self._team.device.id))


def policy_trouble(chain: PolicyChain, now: int) -> str:
    """Say why the policy cannot be acted on at this time.

    Then nothing is deployed; empty when it can.
    """
    if chain.forked:
        return POLICY_FORKED.format(command="devstream team policy")
    if now > chain.current.expires:
        return POLICY_EXPIRED
    return ""
