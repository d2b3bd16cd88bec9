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
    CheckTargets,
    GetDeployLog,
    GetDeploys,
    GetTargets,
    PlanDeploy,
    RequestAnswer,
    RequestDeploy,
    RequestLock,
)
from devstream_desktop.control.messages.imports import Import
from devstream_desktop.control.messages.members import (
    ApproveJoin,
    Join,
    Joining,
    Leave,
    Revoke,
)
from devstream_desktop.control.messages.sealed import TryCarrier, TryOutlet
from devstream_desktop.control.messages.sources import GetUnmatched, ProbeSource, UnmatchedBodies
from devstream_desktop.control.messages.status import Stop, Unlock
from devstream_desktop.control.messages.stream import (
    Claim,
    Emit,
    News,
    Note,
    Release,
    Saw,
    SetDuty,
    Wait,
)
from devstream_desktop.control.server_wire import AnyReply, AnyRequest
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.node import claims, home_requests, imports, team_requests
from devstream_desktop.node.carriers import try_carrier
from devstream_desktop.node.core import Node
from devstream_desktop.node.deploy_requests import DeployRequests
from devstream_desktop.node.outlets import try_outlet
from devstream_desktop.node.running_home import RunningHome
from devstream_desktop.stream.event import Event, InvalidEventError, fact_key, make_event
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Kind
from devstream_desktop.team import changes

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
        self._deploys = DeployRequests(node)
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
            case Import():
                return await imports.take_in(self._node, request)
            case SetDuty():
                return await self._set_duty(on=request.on)
            case Claim() | Release() | Note():
                return await self._claim(request)
            case Saw():
                return await self._saw(request)
            case GetTargets():
                return await asyncio.to_thread(self._deploys.targets)
            case GetDeploys():
                return await asyncio.to_thread(self._deploys.deploys)
            case CheckTargets():
                return await self._node.executor.check(request.name)
            case GetDeployLog():
                return await self._deploys.log(request)
            case PlanDeploy():
                return await self._deploys.plan(request)
            case RequestDeploy():
                return await self._deploys.request(request)
            case RequestLock():
                return await self._deploys.lock(request)
            case RequestAnswer():
                return await self._deploys.answer(request)
            case Revoke():
                return Done(text=await self._revoke(request))
            case ApproveJoin():
                return Done(text=await self._approve_join(request))
            case ProbeSource():
                return await self._probe_source(request)
            case GetUnmatched():
                return UnmatchedBodies(
                    bodies=await (await self._home.intake()).unmatched(request.name)
                )
            case TryOutlet():
                return Done(text=await self._try_outlet(request.name))
            case TryCarrier():
                return Done(text=await self._try_carrier(request.name))
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
            newest, revision = self._node.history.seen(), self._node.revision
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

    async def _try_outlet(self, name: str) -> str:
        node = self._node
        intake = node.roles.intake_url
        return await asyncio.to_thread(try_outlet, node.home, node.vault, name, intake)

    async def _try_carrier(self, name: str) -> str:
        node = self._node
        return "\n".join(await asyncio.to_thread(try_carrier, node.home, node.vault, name))

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
        if node.roles.intake is not None:
            return Done(text=await node.roles.intake.emit(options))
        # Only where one is told: desks without a collector's role rarely tell any.
        from devstream_desktop.intake.emit import emit_event

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

    async def _claim(self, request: Claim | Release | Note) -> Done:
        event, said = await asyncio.to_thread(self._claim_event, request)
        await self._node.publish([event])
        return Done(text=said)

    async def _saw(self, request: Saw) -> Done:
        node = self._node
        if not node.on_duty:
            return Done(text="you are off duty")

        def sighting() -> Event | None:
            with Reader(node.home.history) as reader:
                return claims.make_sighting(reader, request, node.team.person, now_ms())

        event = await asyncio.to_thread(sighting)
        if event is not None:
            await node.publish([event])
        return Done()

    def _claim_event(self, request: Claim | Release | Note) -> tuple[Event, str]:
        team = self._node.team
        with Reader(self._node.home.history) as reader:
            if isinstance(request, Note):
                people = [member.person for member in team.members() if member.devices]
                return claims.make_note(reader, request, team.person, people, now_ms())
            return claims.make_claim(reader, request, team.person, now_ms())

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
        report = await (await self._home.intake()).test_source(request.name)
        if not report.ok:
            raise ControlError(
                f"the test of {request.name} got as far as {report.reached}: {report.detail}"
            )
        return Done(text=report.detail)
