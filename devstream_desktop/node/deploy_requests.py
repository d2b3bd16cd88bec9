"""Requests of screens and scripts about deploys."""

from __future__ import annotations

import asyncio
from difflib import get_close_matches
from typing import TypeVar

import msgspec

from devstream_desktop.clock import now_ms
from devstream_desktop.control import plan_words, wire
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.base import Done, Reply, Request
from devstream_desktop.control.messages.deploys import (
    DeployList,
    DeployLog,
    GetDeployLog,
    Offer,
    Plan,
    PlanDeploy,
    PlanWarning,
    RequestAnswer,
    RequestDeploy,
    RequestLock,
    Targets,
    TargetStatus,
)
from devstream_desktop.deploy.locks import EVERYTHING
from devstream_desktop.deploy.request import RUNS, Action, make_request
from devstream_desktop.history.reader import Reader
from devstream_desktop.mesh.service import NotAnsweredError, UnreachableError
from devstream_desktop.node import board
from devstream_desktop.node.core import Node
from devstream_desktop.node.deploy_list import list_deploys
from devstream_desktop.node.plan_text import cleaned_plan
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.text import clean, duration
from devstream_desktop.stream.words import Kind, Role

_R = TypeVar("_R", bound=Reply)
ASK_S = 2.7
"""Seconds that an executor may take for a plan: a person is told within three."""
TOPIC = "deploy"
_LIVE = ("live", "syncing")
_SHORTEST = 4
"""Digits of a request's number that name it."""
_MOST_FOUND = 500
_ANSWERS = frozenset({Action.APPROVE, Action.WITHDRAW, Action.CANCEL})


class DeployRequests:
    """Answers requests about deploys for one node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def targets(self) -> Targets:
        """Return every target that is offered; reads the disk."""
        node = self._node
        with Reader(node.home.history) as reader:
            return Targets(
                targets=tuple(
                    TargetStatus(
                        **msgspec.structs.asdict(offer),
                        allowed=not (reason := self._why_not(offer.target, offer.environment)),
                        reason=reason,
                        revision=board.deployed(reader, offer.target, offer.environment),
                        busy=board.deploying(reader, offer.target, offer.environment, now_ms()),
                    )
                    for _, offer in sorted(node.board.offers.items())
                )
            )

    def deploys(self) -> DeployList:
        """Return the present of deploys; reads the disk."""
        with Reader(self._node.home.history) as reader:
            return list_deploys(reader, now_ms())

    async def plan(self, asked: PlanDeploy) -> Plan:
        """Return the plan, as the executor makes it.

        Raises:
            ControlError: there is no such target or commit, or the executor is away.

        """
        offer = self._offer(asked.target, asked.environment)
        if offer.executor == self._node.device:
            return await self._node.executor.plan(asked, self._node.device)
        try:
            return cleaned_plan(await self._ask(offer.executor, asked))
        except UnreachableError as error:
            return await self._plan_of_the_stream(asked, offer, str(error))

    async def log(self, asked: GetDeployLog) -> DeployLog:
        """Return a part of a deploy's output, as its executor gives it.

        Raises:
            ControlError: there is no such deploy, or its executor is away or refuses.

        """
        about = await asyncio.to_thread(self._find, asked.request)
        whole = msgspec.structs.replace(asked, request=about.key)
        if about.executor == self._node.device:
            return await self._node.executor.log(whole, self._node.device)
        try:
            log = await self._ask(about.executor, whole)
        except UnreachableError as error:
            name = self._node.team.chain.current.name_of(about.executor)
            raise ControlError(
                f"what it printed is on {name}'s device {about.executor[:8]}, which cannot be "
                f"asked now: {clean(str(error), 120)}; try again when it is linked"
            ) from error
        # Late: it comes with the executor's database, and few ask.
        from devstream_desktop.deploy.output import plain_lines

        # It comes from another node, so it is plain only once it was made so here.
        return msgspec.structs.replace(log, text=plain_lines(log.text))

    async def _ask(self, executor: str, asked: Request[_R]) -> _R:
        """Ask another device, which is an executor.

        Raises:
            ControlError: it answered that it cannot.
            UnreachableError: it did not answer.

        """
        try:
            body = await self._node.mesh.ask(executor, TOPIC, wire.encode_request(asked), ASK_S)
        except NotAnsweredError as error:
            raise ControlError(clean(str(error), 300)) from error
        return wire.decode_answer(body, asked)

    async def request(self, asked: RequestDeploy) -> Done:
        """Sign and publish a deploy request.

        Raises:
            ControlError: there is no such target, or what is asked for is nothing that runs.

        """
        # A word of a newer screen, or a mistake of a script, must not become a deploy.
        if asked.action not in RUNS:
            raise ControlError(
                "only a deploy, a rollback or a dry_run can be asked for; nothing ran"
            )
        offer = self._offer(asked.target, asked.environment)
        title = asked.title or await asyncio.to_thread(self._title, asked)
        event = self._made(
            offer.executor,
            Action(asked.action),
            target=asked.target,
            environment=asked.environment,
            ref=asked.ref,
            sha=asked.sha,
            reason=asked.reason,
            title=title,
            about=asked.replaces,
            expected=asked.expected,
            parameters=asked.parameters,
            override=asked.override,
        )
        await self._node.publish([event])
        return Done(text=event.key)

    async def lock(self, asked: RequestLock) -> Done:
        """Sign and publish a lock or its end, for each executor."""
        offers = self._node.board.offers.values()
        executors = sorted(
            {
                offer.executor
                for offer in offers
                if asked.target in (EVERYTHING, offer.target)
                and asked.environment in ("", offer.environment)
            }
        )
        if not executors:
            self._offer(asked.target, asked.environment)
            raise ControlError("no executor offers anything, so there is nothing to lock")
        action = Action.UNLOCK if asked.unlock else Action.LOCK
        events = [
            self._made(
                executor,
                action,
                target=asked.target,
                environment=asked.environment,
                reason=asked.reason,
                lasts=0 if asked.unlock else asked.lasts_ms,
            )
            for executor in executors
        ]
        await self._node.publish(events)
        return Done(text="\n".join(event.key for event in events))

    async def answer(self, asked: RequestAnswer) -> Done:
        """Sign and publish an approval, a withdrawal or a cancel."""
        if asked.action not in _ANSWERS:
            raise ControlError("a deploy can be approved, withdrawn or cancelled")
        about = await asyncio.to_thread(self._find, asked.about)
        event = self._made(
            about.executor,
            Action(asked.action),
            target=about.service,
            environment=about.environment,
            reason=asked.reason,
            about=about.key,
        )
        await self._node.publish([event])
        return Done(text=event.key)

    def _made(self, executor: str, action: Action, **parts: object) -> Event:
        node = self._node
        return make_request(
            device=node.device,
            person=node.team.person,
            executor=executor,
            # A time ahead of its entry's is not believed, and the request's key holds it.
            now=node.mesh.team_time(),
            action=action,
            **parts,  # type: ignore[arg-type]
        )

    def _find(self, start: str) -> Event:
        """Return the deploy request whose number begins with `start`.

        Raises:
            ControlError: there is none, or several.

        """
        if len(start) < _SHORTEST:
            raise ControlError(f"name a deploy by {_SHORTEST} digits of its number at least")
        query = Query(words=(start[:8],), kind=Kind.DEPLOY, state="requested")
        with Reader(self._node.home.history) as reader:
            found = {
                line.event.key: line.event
                for line in reader.page(query, limit=_MOST_FOUND, superseded=True, struck=False)
                if line.event.key.startswith(start)
            }
        if not found:
            raise ControlError(
                f"no deploy {clean(start, 40)} is known here; devstream deploys lists them"
            )
        if len(found) > 1:
            raise ControlError(f"{len(found)} deploys begin with {clean(start, 40)}; give more")
        return next(iter(found.values()))

    def _why_not(self, target: str, environment: str) -> str:
        policy, person = self._node.team.chain.current, self._node.team.person
        if policy.may(person, Role.DEPLOYER, target, environment):
            return ""
        admins = ", ".join(policy.who_has(Role.ADMIN)) or "an admin"
        ask = plan_words.ASK.format(people=admins)
        return f"{plan_words.MAY_NOT.format(person=person)}; {ask}"

    def _offer(self, target: str, environment: str) -> Offer:
        offers = self._node.board.offers
        offer = offers.get((target, environment))
        if offer is None:
            names = [f"{name}/{place}" for name, place in sorted(offers)]
            near = get_close_matches(f"{target}/{environment}", names, n=1)
            meant = f". Is it {near[0]}?" if near else ""
            raise ControlError(
                f"no executor offers {clean(target, 40)}/{clean(environment, 40)}; offered are:"
                f" {', '.join(names) or 'none yet'}{meant}"
            )
        return offer

    async def _plan_of_the_stream(self, asked: PlanDeploy, offer: Offer, why: str) -> Plan:
        """Plan by this history, where the executor cannot be asked itself.

        Raises:
            ControlError: it is not there.

        """
        mesh = self._node.mesh.status()
        peers = [one for one in mesh.peers if one.device == offer.executor]
        name = self._node.team.chain.current.name_of(offer.executor)
        # One that dialed us is there, though no way leads back to it.
        if not any(one.state in _LIVE for one in peers):
            heard = max([offer.at, *(one.seen for one in peers)])
            age = duration(max(1000, now_ms() - heard))
            offline = plan_words.OFFLINE.format(
                person=name,
                device=offer.executor[:8],
                target=offer.target,
                age=age,
                reason=clean(why, 100),
            )
            raise ControlError(f"{offline}; {plan_words.NOTHING_RUNS}")
        if asked.action or asked.promote:
            unreached = plan_words.EXECUTOR_UNREACHED.format(
                person=name,
                device=offer.executor[:8],
                target=offer.target,
                reason=clean(why, 120),
            )
            command = f"devstream deploy {offer.target} {offer.environment} --sha SHA"
            raise ControlError(f"{unreached}; {plan_words.BY_ITS_HASH.format(command=command)}")
        plan = await asyncio.to_thread(self._shipment, asked, offer)
        reason = self._why_not(asked.target, asked.environment)
        warning = PlanWarning(
            severity="warning",
            kind="unknown",
            text=plan_words.EXECUTOR_AWAY.format(
                person=name, device=offer.executor[:8], target=offer.target
            ),
        )
        return msgspec.structs.replace(
            plan, allowed=not reason, reason=reason, told_by="stream", warnings=(warning,)
        )

    def _shipment(self, asked: PlanDeploy, offer: Offer) -> Plan:
        ref = asked.ref or ("" if asked.sha else offer.ref)
        with Reader(self._node.home.history) as reader:
            return board.shipment(reader, offer.target, offer.environment, ref=ref, sha=asked.sha)

    def _title(self, request: RequestDeploy) -> str:
        with Reader(self._node.home.history) as reader:
            return board.shipment(
                reader, request.target, request.environment, ref="", sha=request.sha
            ).title
