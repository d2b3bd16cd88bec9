"""The home of a running node, as requests act on it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from devstream_desktop.clock import now_ms
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.members import Invite, Join, Joining, Leave
from devstream_desktop.control.messages.sources import Source
from devstream_desktop.control.messages.status import Status
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.keys import Vault
from devstream_desktop.node.board import Ask
from devstream_desktop.node.core import Node
from devstream_desktop.node.duplicate_keys import keys_used_twice
from devstream_desktop.node.presence import Presence, presences
from devstream_desktop.node.reach import doubt_of
from devstream_desktop.node.status import describe
from devstream_desktop.stream.words import Role
from devstream_desktop.team import Team

if TYPE_CHECKING:
    from devstream_desktop.intake.service import Intake


class RunningHome:
    """A `home_requests.Host` whose rooms are open; `join` and `leave` act on the process."""

    def __init__(
        self,
        node: Node,
        join: Callable[[Join], Awaitable[Joining]],
        leave: Callable[[Leave], Awaitable[Done]],
    ) -> None:
        self._node = node
        self._join = join
        self._leave = leave

    @property
    def home(self) -> Home:
        return self._node.home

    async def vault(self) -> Vault:
        return self._node.vault

    async def team(self) -> Team:
        return self._node.team

    async def status(self) -> Status:
        return await describe(self._node)

    def waiting(self) -> Sequence[Ask]:
        return self._node.trust.waiting()

    def duplicate_keys(self) -> Sequence[str]:
        node = self._node
        return keys_used_twice(node.mesh, node.team.chain.current, now_ms())

    async def invite(self, request: Invite) -> Done:
        node = self._node
        if not node.team.admissions.open:
            who = " or ".join(node.team.chain.current.who_has(Role.ISSUER)) or "an admin"
            raise ControlError(
                f"this device cannot invite: it is no issuer; ask {who}, or to be made an admin"
            )
        # First, because the invite names the port at which it is answered.
        await node.open_to(joining=True)
        try:
            where = node.reach.invited(request.address)
            text = await node.trust.enrolment.invite(
                request.expires_s,
                *where,
                approved=request.pre_approved,
                owner=request.owner,
                replaces=request.replaces,
            )
        finally:
            await node.open_to()
        node.notices.pop("enrol", None)
        return Done(text=text, notice=doubt_of(where))

    async def join(self, request: Join) -> Joining:
        return await self._join(request)

    async def leave(self, request: Leave) -> Done:
        return await self._leave(request)

    async def presences(self) -> Mapping[str, Presence]:
        node = self._node
        said = await asyncio.to_thread(_last_words, node.home)
        return presences(node.device, node.mesh.status().peers, said, now_ms())

    async def renew(self, address: str) -> None:
        await self._node.trust.renewing.by_hand(address)

    async def add_source(self, source: Source, secret: bytes, token: bytes) -> str:
        path = await (await self.intake()).add_source(source, secret, token)
        self._sources_changed()
        return path

    async def remove_source(self, name: str) -> None:
        await (await self.intake()).remove_source(name)
        self._sources_changed()

    def _sources_changed(self) -> None:
        # The file was read whole, so what a reload found in it is mended.
        self._node.notices.pop("sources", None)
        self._node.changed()

    async def intake(self) -> Intake:
        """Return the node's intake.

        Raises:
            ControlError: this device is not a collector, or its intake does not start.

        """
        roles = self._node.roles
        if roles.intake is None:
            # What kept it from its start may be mended by now.
            await roles.follow()
        if roles.intake is None:
            if trouble := self._node.notices.get("intake"):
                raise ControlError(trouble)
            raise ControlError(
                "this node is not a collector; an admin can make it one: devstream team grant"
                " PERSON collector"
            )
        return roles.intake


def _last_words(home: Home) -> dict[str, int]:
    with Reader(home.history) as reader:
        return reader.last_words()
