"""What a command does on a home whose node does not run: found, join, invite, and write the list of sources.

Only one process may change a home; the caller has found that no node answers at its control socket.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from devstream_collectors.contract import Collector
from devstream_desktop.control.messages.members import Invite, Join, Joining
from devstream_desktop.control.messages.sources import AddSource
from devstream_desktop.control.messages.status import SourceStatus
from devstream_desktop.home import Home
from devstream_desktop.intake import sources as files
from devstream_desktop.intake.adapter import NoCollectorError, collector_module, collector_names, is_repository
from devstream_desktop.intake.remote import source_info
from devstream_desktop.intake.source_types import GitSource, RemoteSource, Source, absolute_url
from devstream_desktop.mesh import address as addresses
from devstream_desktop.node.ports import Ports, free_or_new, load_ports, reachable, save_ports
from devstream_desktop.settings import load_settings
from devstream_desktop.team import os_keyring
from devstream_desktop.team.fingerprint import six_words
from devstream_desktop.team.team import JoinWaitsError, Team
from devstream_desktop.team.vault import Vault


def create_team(home: Home, name: str, person: str) -> str:
    """Found a team; returns a sentence."""
    team = Team.create(home, Vault.open(home), name, person)
    return f"team {team.name} is founded; {team.person} is its admin, collector and executor"


def join_team(home: Home, request: Join) -> Joining:
    """Ask once to be let into the invite's team."""
    return asyncio.run(_join(home, Vault.open(home), request))


async def _join(home: Home, vault: Vault, request: Join) -> Joining:
    return (await try_join(home, vault, request))[0]


async def try_join(home: Home, vault: Vault, request: Join) -> tuple[Joining, Team | None]:
    """How far a join is, and the team when this home is in it."""
    try:
        team = await Team.join(home, vault, request.invite, request.person)
    except JoinWaitsError as waits:
        words = six_words(await asyncio.to_thread(Team.joining_device, vault))
        return Joining(state="waiting", team=waits.team, words=words, approvers=waits.approvers), None
    return Joining(state="joined", team=team.name), team


def invite(home: Home, request: Invite) -> str:
    """Make an invite to the address at which the node will listen when it starts."""
    team = Team.load(home, Vault.open(home))
    address = request.address
    if not address:
        host, _ = addresses.split(load_settings(home.settings).mesh.listen)
        ports = load_ports(home)
        port = free_or_new(host, ports.enrol)
        save_ports(home, Ports(mesh=ports.mesh, enrol=port))
        address = addresses.join(reachable(host), port)
    return team.admissions.invite(request.expires_s, address, approved=request.pre_approved)


def open_team(home: Home) -> Team:
    """The team of a home."""
    return Team.load(home, Vault.open(home))


def source_of(request: AddSource) -> Source:
    """The source that a request describes."""
    if is_repository(request.type):
        return GitSource(
            name=request.name,
            type=request.type,
            url=request.location,
            branches=request.branches,
            service=request.service,
            interval=request.interval,
        )
    return RemoteSource(
        name=request.name,
        type=request.type,
        ways=request.ways,
        branches=request.branches,
        service=request.service,
        environment=request.environment,
        url=request.location,
        silent_after=request.silent_after,
        interval=request.interval,
        secret_path=request.secret_path,
        token_env=request.token_env,
        token_file=request.token_file,
        options=request.options,
    )


def source_types() -> dict[str, str]:
    """The types of source that can be added, each with a line about it; one that is broken says so."""
    found: dict[str, str] = {}
    for name in collector_names():
        try:
            found[name] = collector_module(name).COLLECTOR.title
        except NoCollectorError as error:
            found[name] = str(error)
    return found


def describe(kind: str) -> Collector:
    """What the collector of a type says of itself.

    Raises:
        NoCollectorError: there is none of that type, or it is broken.

    """
    return collector_module(kind).COLLECTOR


def absolute_location(location: str) -> str:
    """A repository's path or URL as the node, which runs in another folder, will find it."""
    return absolute_url(location, Path.cwd())


def add_source(home: Home, request: AddSource) -> str:
    """Add a source; returns the URL path of a webhook source, else nothing."""
    source = source_of(request)
    if isinstance(source, RemoteSource):
        source_info(source)
    return files.add_source(home, Vault.open(home), source, request.secret, request.token)


def remove_source(home: Home, name: str) -> str:
    """Take a source out; returns a sentence."""
    files.remove_source(home, Vault.open(home), name)
    return f"source {name} is removed"


def sources(home: Home) -> tuple[SourceStatus, ...]:
    """The sources of a home, none of which is listened to."""
    return tuple(
        SourceStatus(
            name=source.name,
            type=source.type,
            location=source.where,
            state="stopped",
            branches=source.branches,
        )
        for source in files.load_sources(home.sources)
    )


def keyring_works(home: Home) -> bool:
    """Whether a keyring holds, or can hold, the key that seals the secrets of a home."""
    if any(home.secrets.iterdir()):
        return True
    try:
        return bool(os_keyring.stores())
    except Exception:  # noqa: BLE001 - backends raise what their D-Bus library raises; any of it means no
        return False
