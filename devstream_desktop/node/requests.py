"""Answers of a node to its screens and scripts."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable

import msgspec

from devstream_desktop.clock import now_ms
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.deploys import (
    GetTargets,
    Offer,
    Plan,
    PlanDeploy,
    RequestDeploy,
    Targets,
    TargetStatus,
)
from devstream_desktop.control.messages.members import (
    ApproveJoin,
    Join,
    Joining,
    Leave,
    Revoke,
)
from devstream_desktop.control.messages.sources import GetUnmatched, ProbeSource, UnmatchedBodies
from devstream_desktop.control.messages.status import Stop, Unlock
from devstream_desktop.control.messages.stream import Emit, News, SetDuty, Wait
from devstream_desktop.control.wire import AnyReply, AnyRequest
from devstream_desktop.deploy.repository import is_remote, look_up
from devstream_desktop.deploy.request import make_request
from devstream_desktop.deploy.rules import full_names
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.intake.emit import emit_event
from devstream_desktop.node import board, home_requests, team_requests
from devstream_desktop.node.core import Node
from devstream_desktop.node.running_home import RunningHome
from devstream_desktop.stream.event import InvalidEventError, fact_key, make_event
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team import changes

LOOK_UP_S = 5.0
"""Seconds that a repository may take to say where a branch is."""
MAX_WAIT_MS = 60_000


class Requests:
    """Answers requests for one node.

    `news` is set (and replaced) whenever there is something new; `end`, `join` and `leave`
    act on the process.
    """

    def __init__(
        self,
        node: Node,
        news: Callable[[], asyncio.Event],
        end: Callable[[], None],
        join: Callable[[Join], Awaitable[Joining]],
        leave: Callable[[Leave], Awaitable[Done]],
    ) -> None:
        self._node = node
        self._news = news
        self._end = end
        self._home = RunningHome(node, join, leave)
        self._ending = False

    def end_polls(self) -> None:
        """Answer every parked `Wait` at its next news. So the control socket can close at once."""
        self._ending = True

    async def answer(self, request: AnyRequest) -> AnyReply:
        """Return the answer to one request.

        Raises:
            ControlError: it is refused; the sentence says why and what to do.

        """
        try:
            return await self._answer(request)
        except ControlError:
            raise
        except (DevstreamError, InvalidEventError) as error:
            raise ControlError(str(error)) from error

    async def _answer(self, request: AnyRequest) -> AnyReply:
        match request:
            case Wait():
                return await self._wait(request)
            case Emit():
                return await self._emit(request)
            case SetDuty():
                return await self._set_duty(on=request.on)
            case GetTargets():
                return await asyncio.to_thread(self._targets)
            case PlanDeploy():
                return await self._plan(request)
            case RequestDeploy():
                return await self._request_deploy(request)
            case Revoke():
                return Done(text=await self._revoke(request))
            case ApproveJoin():
                return Done(text=await self._approve_join(request))
            case ProbeSource():
                return await self._probe_source(request)
            case GetUnmatched():
                return UnmatchedBodies(bodies=await self._home.intake().unmatched(request.name))
            case Unlock():
                return Done(text="the keys are open")
            case Stop():
                self._end()
                return Done(text="the node ends")
            case _:
                return await home_requests.answer(self._home, request)

    async def _wait(self, request: Wait) -> News:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + min(request.wait_ms, MAX_WAIT_MS) / 1000
        while True:
            news = self._news()
            newest, revision = self._node.history.newest(), self._node.revision
            if (
                newest != request.newest
                or revision != request.status
                or self._ending
                or loop.time() >= deadline
            ):
                return News(newest=newest, status=revision)
            try:
                async with asyncio.timeout_at(deadline):
                    await news.wait()
            except TimeoutError:
                continue

    async def _emit(self, request: Emit) -> Done:
        node = self._node
        # What a member says, it says in its own name.
        own_word = request.kind in (Kind.CLAIM, Kind.DUTY)
        options = (
            msgspec.structs.replace(request, actor=node.team.person)
            if own_word and not request.actor
            else request
        )
        self._may_author(options)
        if node.intake is not None:
            return Done(text=await node.intake.emit(options))
        event = emit_event(options, now=now_ms(), nonce=secrets.token_hex(8))
        await node.publish([event])
        return Done(text=event.key)

    def _may_author(self, options: Emit) -> None:
        try:
            kind = Kind(options.kind)
        except ValueError:
            allowed = ", ".join(Kind)
            raise ControlError(
                f"--kind {clean(options.kind, 40)!r} is not a kind; allowed: {allowed}"
            ) from None
        team = self._node.team
        missing = team.missing_role(kind, options.state)
        if missing is not None:
            who = " or ".join(missing.grantors) or "an admin"
            raise ControlError(
                f"this device may not publish {kind} {clean(options.state, 20)}: it lacks the role"
                f" {missing.role}."
                f" {who} can give it: devstream team grant {team.person} {missing.role}"
            )

    async def _set_duty(self, *, on: bool) -> Done:
        node, state = self._node, "on" if on else "off"
        if node.on_duty is on and node.team.person in node.board.duty:
            return Done(text=f"{node.team.person} is {state} duty already")
        now = now_ms()
        event = make_event(
            kind=Kind.DUTY,
            state=state,
            service="team",
            subject=f"duty/{node.team.person}",
            key=fact_key(node.device, Kind.DUTY, str(now), secrets.token_hex(4)),
            time=now,
            actor=node.team.person,
        )
        await node.publish([event])
        node.changed()
        return Done(text=f"{node.team.person} is {state} duty")

    def _targets(self) -> Targets:
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

    def _why_not(self, target: str, environment: str) -> str:
        policy, person = self._node.team.chain.current, self._node.team.person
        if policy.may(person, Role.DEPLOYER, target, environment):
            return ""
        admins = ", ".join(policy.who_has(Role.ADMIN)) or "an admin"
        return f"{person} may not; ask {admins}"

    def _offer(self, target: str, environment: str) -> Offer:
        offers = self._node.board.offers
        offer = offers.get((target, environment))
        if offer is None:
            known = ", ".join(f"{t}/{e}" for t, e in sorted(offers)) or "none yet"
            raise ControlError(
                f"no executor offers {clean(target, 40)}/{clean(environment, 40)}; offered are:"
                f" {known}"
            )
        return offer

    async def _plan(self, request: PlanDeploy) -> Plan:
        offer = self._offer(request.target, request.environment)
        ref = request.ref or ("" if request.sha else offer.ref)
        sha = request.sha or await self._tip(offer, ref)
        plan = await asyncio.to_thread(self._shipment, offer, ref, sha)
        reason = self._why_not(request.target, request.environment)
        return msgspec.structs.replace(plan, allowed=not reason, reason=reason)

    def _shipment(self, offer: Offer, ref: str, sha: str) -> Plan:
        with Reader(self._node.home.history) as reader:
            return board.shipment(reader, offer.target, offer.environment, ref=ref, sha=sha)

    async def _tip(self, offer: Offer, ref: str) -> str:
        """Return the commit that the target's repository has on `ref` now.

        Empty where no repository is named or it does not answer: then the stream's word counts.
        """
        own = self._node.executor.status()
        here = {(one.name, one.environment): one.repository for one in own.targets} if own else {}
        repository = here.get((offer.target, offer.environment), "")
        if offer.executor != self._node.device:
            repository = offer.repository if is_remote(offer.repository) else ""
        if not repository or not ref:
            return ""
        names = full_names(ref)
        tips = await look_up(repository, names, LOOK_UP_S)
        if tips.trouble:
            return ""
        found = next((tips.commits[name] for name in names if name in tips.commits), "")
        if not found:
            raise ControlError(
                f"there is no {clean(ref, 120)} in the repository of {offer.target}; name another"
                " with --ref"
            )
        return found

    async def _request_deploy(self, request: RequestDeploy) -> Done:
        node = self._node
        offer = self._offer(request.target, request.environment)
        event = make_request(
            device=node.device,
            person=node.team.person,
            target=request.target,
            environment=request.environment,
            ref=request.ref,
            sha=request.sha,
            executor=offer.executor,
            now=now_ms(),
            reason=request.reason,
            title=await asyncio.to_thread(self._title, request),
        )
        await node.publish([event])
        return Done(text=event.key)

    def _title(self, request: RequestDeploy) -> str:
        with Reader(self._node.home.history) as reader:
            return board.shipment(
                reader, request.target, request.environment, ref="", sha=request.sha
            ).title

    async def _revoke(self, request: Revoke) -> str:
        node = self._node
        devices = changes.chosen_devices(node.team.chain.current, request.who)
        # Read here, on the loop: the log has one owner.
        ends = [end for device in devices for end in node.ends(device, request.since)]
        return await asyncio.to_thread(team_requests.revoke, node.team, request, ends)

    async def _approve_join(self, request: ApproveJoin) -> str:
        node = self._node
        ask = team_requests.find_ask(node.trust.waiting(), request)
        if request.reject:
            await node.trust.reject(ask)
            return f"{ask.person} is rejected"
        ends = node.ends(ask.replaces) if ask.replaces else []
        return await asyncio.to_thread(team_requests.approve_join, node.team, ask, ends)

    async def _probe_source(self, request: ProbeSource) -> Done:
        report = await self._home.intake().test_source(request.name)
        if not report.ok:
            raise ControlError(
                f"the test of {request.name} got as far as {report.reached}: {report.detail}"
            )
        return Done(text=report.detail)
