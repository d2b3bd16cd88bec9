"""Requests about a home's team and sources.

They are answered alike where a node runs and where none does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from devstream_desktop import address as addresses
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import (
    GetMembers,
    Grant,
    Invite,
    Join,
    Joining,
    Leave,
    ReadInvite,
    Renew,
    Ungrant,
)
from devstream_desktop.control.messages.policy import (
    ApprovePolicy,
    GetPolicy,
    MakeRecoveryKey,
    Recover,
    SetPolicy,
)
from devstream_desktop.control.messages.sealed import AddCarrier, AddOutlet, SetSecret
from devstream_desktop.control.messages.sources import AddSource, RemoveSource, Source
from devstream_desktop.control.messages.status import GetStatus, Status
from devstream_desktop.control.server_wire import AnyReply
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.node import team_requests
from devstream_desktop.node.board import Ask
from devstream_desktop.node.carriers import add_carrier
from devstream_desktop.node.outlets import add_outlet
from devstream_desktop.node.presence import Presence
from devstream_desktop.node.secrets import check_secret, set_secret
from devstream_desktop.team import Team

HomeRequest = (
    GetStatus
    | Invite
    | ReadInvite
    | Join
    | Leave
    | Renew
    | Grant
    | Ungrant
    | SetPolicy
    | ApprovePolicy
    | MakeRecoveryKey
    | Recover
    | GetMembers
    | GetPolicy
    | AddSource
    | RemoveSource
    | SetSecret
    | AddOutlet
    | AddCarrier
)
"""A request that needs the home's files and no running node."""


class Host(Protocol):
    """A home that requests act on: a running node's, or one that a command holds."""

    @property
    def home(self) -> Home:
        """The paths."""
        ...

    async def vault(self) -> Vault:
        """Return the home's vault."""
        ...

    async def team(self) -> Team:
        """Return the home's team."""
        ...

    async def status(self) -> Status:
        """State of the node, as far as there is one."""
        ...

    def waiting(self) -> Sequence[Ask]:
        """Devices that wait for approval, as far as is known here."""
        ...

    def duplicate_keys(self) -> Sequence[str]:
        """Sentences on devices whose key is used twice."""
        ...

    async def presences(self) -> Mapping[str, Presence]:
        """Presence of each device, as far as is known here."""
        ...

    async def invite(self, request: Invite) -> Done:
        """Make an invite."""
        ...

    async def join(self, request: Join) -> Joining:
        """Ask once to be let into the invite's team."""
        ...

    async def leave(self, request: Leave) -> Done:
        """Leave the team; a sentence on what comes of it."""
        ...

    async def renew(self, address: str) -> None:
        """Get a new certificate, at HOST:PORT or wherever an issuer may be."""
        ...

    async def add_source(self, source: Source, secret: bytes, token: bytes) -> str:
        """Add a source; the URL path it posts to, empty for none."""
        ...

    async def remove_source(self, name: str) -> None:
        """Remove a source and its secret."""
        ...


async def answer(host: Host, request: HomeRequest) -> AnyReply:
    """Carry out a request on a home.

    Raises:
        DevstreamError: it is refused; the sentence says why and what to do.

    """
    match request:
        case GetStatus():
            return await host.status()
        case Invite():
            # Before the invite says it, in words for whoever joins.
            if request.address:
                addresses.destination(request.address)
            return await host.invite(request)
        case ReadInvite():
            return team_requests.invite_read(await host.team(), request.invite)
        case Join():
            return await host.join(request)
        case Leave():
            return await host.leave(request)
        case Renew():
            if request.at:
                addresses.destination(request.at)
            await host.renew(request.at)
            end = (await host.team()).certificate.expires
            day = datetime.fromtimestamp(end / 1000, UTC).date().isoformat()
            return Done(text=f"this device has a new certificate, until {day}")
        case GetMembers():
            return team_requests.members_of(
                await host.team(), await host.presences(), host.waiting(), host.duplicate_keys()
            )
        case GetPolicy():
            return team_requests.policy_of(await host.team())
        case AddSource():
            return Done(text=await host.add_source(request.source, request.secret, request.token))
        case RemoveSource():
            await host.remove_source(request.name)
            return Done(text=f"source {request.name} is removed")
        case SetSecret():
            # First, because no key is made for what is refused.
            check_secret(request.name, request.value)
            await asyncio.to_thread(set_secret, await host.vault(), request.name, request.value)
            return Done()
        case AddOutlet():
            made = await asyncio.to_thread(add_outlet, host.home, await host.vault(), request)
            return Done(text=made.key)
        case AddCarrier():
            # Without a team no key is made either.
            await host.team()
            await asyncio.to_thread(add_carrier, host.home, await host.vault(), request)
            return Done()
        case Grant() | Ungrant() | SetPolicy() | ApprovePolicy() | MakeRecoveryKey() | Recover():
            # It writes to the disk, which may be slow.
            return Done(text=await asyncio.to_thread(team_requests.act, await host.team(), request))
