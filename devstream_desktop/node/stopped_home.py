"""A home whose node does not run: a command takes its lock and acts on its files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TypeVar

from devstream_desktop import address as addresses
from devstream_desktop.control.errors import ControlError, NoNodeError
from devstream_desktop.control.messages.base import Done, Reply, Request
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
    Invite,
    Join,
    Joining,
    Leave,
    Revoke,
)
from devstream_desktop.control.messages.sources import (
    GetUnmatched,
    ProbeSource,
    RemoteSource,
    Source,
)
from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.messages.stream import (
    Claim,
    Emit,
    Note,
    Release,
    Saw,
    SetDuty,
)
from devstream_desktop.control.server_wire import AnyReply
from devstream_desktop.control.wire import expect
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.intake.config import source_file as source_files
from devstream_desktop.intake.config.source_info import source_info
from devstream_desktop.keys import Vault
from devstream_desktop.node import enrolment, home_requests, leaving, source_list
from devstream_desktop.node.board import Ask
from devstream_desktop.node.holder import held
from devstream_desktop.node.home_status import status_of_files
from devstream_desktop.node.ports import free_or_new, load_peers, load_port, save_port
from devstream_desktop.node.presence import Presence
from devstream_desktop.node.reach import doubt_of, invited
from devstream_desktop.settings import load_settings
from devstream_desktop.team import Team, changes, membership, read_invite

_R = TypeVar("_R", bound=Reply)

_REASONS: dict[type[Request[Reply]], str] = {
    ApproveJoin: "only a running node knows who waits",
    Revoke: "only a running node knows how far the history of the device goes",
    ProbeSource: "without one nothing receives the test event",
    GetUnmatched: "only a running node has the bodies at hand",
    Import: "without one nothing publishes the lines",
    Emit: "without one nothing publishes the event",
    SetDuty: "without one nothing publishes the change",
    Claim: "without one nothing publishes the claim",
    Note: "without one nothing publishes the note",
    Saw: "without one nothing publishes it",
    Release: "without one nothing publishes the change",
    GetTargets: "only a running node knows what executors offer",
    PlanDeploy: "only a running node knows what executors offer",
    RequestDeploy: "without one nothing publishes the request",
    RequestLock: "without one nothing publishes the request",
    RequestAnswer: "without one nothing publishes the request",
    CheckTargets: "only a running node can ask the back ends",
    GetDeployLog: "only a running node reaches the executor that has the output",
    GetDeploys: "only a running node knows what happens at executors",
}
"""Say why a request takes a running node."""


class StoppedHome:
    """A `home_requests.Host` without a node. Its vault and team are opened when they are needed."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._vault: Vault | None = None
        self._team: Team | None = None

    async def vault(self) -> Vault:
        # In a thread, because a locked keyring may show its prompt and wait for a person.
        if self._vault is None:
            self._vault = await asyncio.to_thread(Vault.open, self.home)
        return self._vault

    async def team(self) -> Team:
        if self._team is None:
            # Whoever has no team is not to unlock a keyring first, nor to make a key.
            await asyncio.to_thread(membership.check_there, self.home)
            self._team = await asyncio.to_thread(Team.load, self.home, await self.vault())
        return self._team

    async def status(self) -> Status:
        sources = await asyncio.to_thread(source_list.sources, self.home)
        return await asyncio.to_thread(status_of_files, self.home, sources=sources)

    def waiting(self) -> Sequence[Ask]:
        return ()

    def duplicate_keys(self) -> Sequence[str]:
        return ()

    async def presences(self) -> Mapping[str, Presence]:
        return {}

    async def invite(self, request: Invite) -> Done:
        team = await self.team()
        # It names the addresses at which the node will be reached once it starts.
        where = await asyncio.to_thread(_future_addresses, self.home, request.address)
        text = await asyncio.to_thread(
            team.admissions.invite,
            request.expires_s,
            *where,
            approved=request.pre_approved,
            owner=request.owner,
            replaces=request.replaces,
        )
        return Done(text=text, notice=doubt_of(where))

    async def join(self, request: Join) -> Joining:
        read_invite(request.invite)
        return (await enrolment.try_join(self.home, await self.vault(), request))[0]

    async def leave(self, request: Leave) -> Done:
        team = await self.team()
        alone = leaving.nobody_to_tell(team.chain.current, team.device.id)
        revoke = f"an admin revokes it: devstream team revoke {team.device.id[:8]}"
        if not alone and not request.force:
            raise NoNodeError(
                "no node runs for this home, so the team would not hear it; start one with"
                f" devstream node and leave then, or leave with --force and {revoke}"
            )
        if not alone:
            changes.check_leave(team.chain.current, team.device.id)
        await asyncio.to_thread(leaving.forget_team, self.home, team)
        unheard = "" if alone else f", and no member has heard it; {revoke}"
        return Done(text=f"this device left team {team.name}{unheard}")

    async def renew(self, address: str) -> None:
        team = await self.team()
        peers = await asyncio.to_thread(load_peers, self.home)
        settings = await asyncio.to_thread(load_settings, self.home.settings)
        known = (*peers, *settings.mesh.peers, *team.peer_hints)
        await team.certificate.renew([address] if address else known)

    async def add_source(self, source: Source, secret: bytes, token: bytes) -> str:
        if isinstance(source, RemoteSource):
            await asyncio.to_thread(source_info, source)
        vault = await self.vault()
        return await asyncio.to_thread(
            source_files.add_source, self.home, vault, source, secret, token
        )

    async def remove_source(self, name: str) -> None:
        await asyncio.to_thread(source_files.find_source, self.home, name)
        vault = await self.vault()
        await asyncio.to_thread(source_files.remove_source, self.home, vault, name)


def _future_addresses(home: Home, named: str) -> list[str]:
    """List where the node will be reached when it starts, `named` first.

    Raises:
        ControlError: this machine has no address that another could reach.

    """
    settings = load_settings(home.settings).mesh
    host, port = addresses.split(settings.listen)
    if not port:
        port = free_or_new(host, load_port(home))
        save_port(home, port)
    return invited(addresses.join(host, port), (named, *settings.addresses))


def answer(home: Home, request: Request[_R]) -> _R:
    """Carry out a request in this process, while no node runs.

    Raises:
        NoNodeError: the request takes a running node.
        HomeTakenError: a node runs for this home by now.
        ControlError: it is refused; the sentence says why and what to do.

    """
    asked: Request[Reply] = request
    if not isinstance(asked, home_requests.HomeRequest):
        why = _REASONS.get(type(asked))
        start = "start one with `devstream` or `devstream node`"
        raise NoNodeError(
            f"no node runs for this home, and {why}; {start}"
            if why
            else f"no node runs for this home; {start}"
        )
    return expect(asyncio.run(_answer(home, asked)), request)


async def _answer(home: Home, request: home_requests.HomeRequest) -> AnyReply:
    async with held(home):
        try:
            return await home_requests.answer(StoppedHome(home), request)
        except ControlError:
            raise
        except DevstreamError as error:
            raise ControlError(str(error)) from error


def create_team(home: Home, name: str, person: str) -> str:
    """Found a team; return a sentence.

    Raises:
        HomeTakenError: a node runs for this home.
        DevstreamError: the home is in a team already, or a name is not allowed.

    """

    async def create() -> str:
        # A node would go on as the team of one, over files that are another team's by now.
        async with held(home):
            return await asyncio.to_thread(enrolment.create_team, home, name, person)

    return asyncio.run(create())
