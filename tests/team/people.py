"""The members of ana's team, as tests/team plays them: let in, given roles, told of changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from doors import Door

from devstream_desktop.home import Home
from devstream_desktop.keys.vault import Vault
from devstream_desktop.stream.words import Role
from devstream_desktop.team.policy import changes
from devstream_desktop.team.team import Team

MakeHome = Callable[[str], Home]


def tell(sender: Team, *receivers: Team) -> None:
    """Bring the sender's policies to others, as the mesh does."""
    for receiver in receivers:
        receiver.absorb(sender.chain.documents(receiver.chain.stamp))


def give(team: Team, person: str, role: Role, pattern: str = "") -> bool:
    """Grant a role; true when it is in force at once."""
    return team.change(changes.grant(person, role, pattern, team.now()))


def revoke(team: Team, who: str, why: str) -> bool:
    """Revoke a person's devices; true when it is in force at once."""
    devices = changes.chosen_devices(team.chain.current, who)
    return team.change(changes.revoke(devices, why, team.now(), ()))


def countersign(proposer: Team, signer: Team) -> bool:
    """Have a second admin sign the one proposal; true when that puts it into force."""
    tell(proposer, signer)
    in_force = signer.approve("")
    tell(signer, proposer)
    return in_force


class People:
    """Lets people into a team, each with a home and a clock like the founder's."""

    def __init__(self, team: Team, door: Door, home: MakeHome) -> None:
        self._team = team
        self._door = door
        self.home = home

    async def join(self, person: str, door: Door | None = None) -> Team:
        """Join by an approved invite, at the founder's door or at another."""
        invite = await (door or self._door).invite(3600, approved=True)
        home = self.home(person)
        return await Team.join(home, Vault.open(home), invite, person, now=self._team.now)

    async def join_as_admin(self, person: str) -> Team:
        """Join, become an admin, and know of it."""
        joined = await self.join(person)
        give(self._team, person, Role.ADMIN)
        tell(self._team, joined)
        return joined

    @asynccontextmanager
    async def door(self, team: Team) -> AsyncIterator[Door]:
        """The door of another issuer, while it is needed."""
        door = Door(team)
        try:
            yield door
        finally:
            await door.stop()
