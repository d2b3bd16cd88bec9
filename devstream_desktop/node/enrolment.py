"""Found a team, join one, invite into one, from a home's files.

A first start founds a team of one, and a running node joins another. The commands do the rest where
no node runs: only one process may change a home, so their caller has found that none answers.
"""

from __future__ import annotations

import asyncio
import getpass
import re

from devstream_desktop.control.messages.members import Join, Joining
from devstream_desktop.home import Home
from devstream_desktop.keys import KeyringError, Vault
from devstream_desktop.team import JoinWaitsError, Team, changes, six_words


def found_solo(home: Home, vault: Vault) -> Team:
    """Found a team of one, named after the person who runs it.

    That person may deploy everything that this node offers.
    """
    person = _login_name()
    return Team.create(home, vault, f"{person}'s desk", person, solo=True)


def _login_name() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "me"
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "me"


def create_team(home: Home, name: str, person: str) -> str:
    """Found a team; returns a sentence."""
    team = Team.create(home, Vault.open(home), name, person)
    return f"team {team.name} is founded; {team.person} is its admin, collector and executor"


async def try_join(home: Home, vault: Vault, request: Join) -> tuple[Joining, Team | None]:
    """Try once to join; returns how far it is, and the team once in it."""
    try:
        team = await Team.join(home, vault, request.invite, request.person)
    except JoinWaitsError as waits:
        words = six_words(await asyncio.to_thread(Team.joining_device, vault))
        return Joining(
            state="waiting", team=waits.team, words=words, approvers=waits.approvers
        ), None
    return Joining(state="joined", team=team.name, text=_told(team)), team


def _told(team: Team) -> str:
    """Name the person and device that joined, and the person's other devices."""
    policy, device = team.chain.current, team.device.id
    told = f"{team.person} joined team {team.name} with {policy.machine_of(device)}"
    if replaced := changes.replaced_by(policy, device):
        told += f" in place of {policy.machine_of(replaced)}"
    others = [policy.machine_of(one) for one in policy.devices_of(team.person) if one != device]
    return f"{told}; other devices of {team.person}: {', '.join(others)}" if others else told


def keyring_opens(home: Home) -> bool:
    """Tell whether a keyring holds, or can hold, the home's key.

    Where a person would see it, the keyring asks for its password.
    """
    # What is sealed already opens with no other key.
    if Vault.has_secrets(home):
        return True
    try:
        Vault.open(home)
    except KeyringError:
        return False
    return True
