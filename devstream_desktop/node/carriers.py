"""Carriers added, removed, tried and run, whether a node runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from devstream_desktop.control.messages.sealed import AddCarrier
from devstream_desktop.control.messages.status import CarrierStatus
from devstream_desktop.home import Home
from devstream_desktop.keys import SealedFiles, Vault
from devstream_desktop.mesh.carrier import config
from devstream_desktop.mesh.carrier.broker import BrokerError
from devstream_desktop.mesh.carrier.carrier import Carrier
from devstream_desktop.mesh.carrier.config import CarrierError, Settings
from devstream_desktop.mesh.carrier.nats import Access, NatsBroker, Wanted, missing_client
from devstream_desktop.mesh.service import Mesh
from devstream_desktop.sealed_list import Watch
from devstream_desktop.team import (
    PolicyChain,
    Team,
    certificates,
    is_renewal,
    membership,
    standing_of,
)

_DAY_S = 86_400


def add_carrier(home: Home, vault: Vault, asked: AddCarrier) -> None:
    """Add a carrier; see `config.add`. Blocks.

    Raises:
        CarrierError, VaultError, NoTeamError: each says what to do.

    """
    # Without a team there is no stream to carry.
    standing_of(home)
    if missing := missing_client():
        raise CarrierError(missing)
    settings = Settings(
        kind=asked.kind,
        urls=asked.urls,
        ca=asked.ca,
        replicas=asked.replicas,
        relay=asked.relay,
        site=asked.site,
    )
    config.add(home, vault, settings, asked.credentials)


def remove_carrier(home: Home, name: str) -> None:
    """Remove a carrier with its credentials. Blocks.

    Raises:
        CarrierError: there is none.

    """
    config.carriers(home).remove(SealedFiles(home), name)


def authorities(home: Home) -> str:
    """Return the authorities of the team's certificates, PEM, for a server. Blocks.

    Raises:
        NoTeamError: there is no team.

    """
    standing_of(home)
    return certificates.bundle(PolicyChain.load(membership.policy_path(home)).current)


def try_carrier(home: Home, vault: Vault | None, name: str) -> list[str]:
    """Connect as a carrier does; return what is not as it should be, a sentence each. Blocks.

    Without a vault the home's is opened.

    Raises:
        CarrierError: it cannot be used at all.
        VaultError, NoTeamError: each says what to do.

    """
    settings = config.carriers(home).find(name)
    standing = standing_of(home)
    chain = PolicyChain.load(membership.policy_path(home))
    vault = vault or Vault.open(home)
    own = membership.own_certificate(vault)
    broker = _broker(home, vault, settings, chain, lambda: own)

    async def connect() -> list[str]:
        try:
            await broker.open()
            remarks = await broker.remarks()
            if not await broker.may_send(standing.device):
                remarks.append(
                    f"this device may not publish {broker.subjects_of(standing.device)}:"
                    " others do not get its events this way; give it that right"
                )
            if settings.site and not await broker.may_say(settings.site):
                remarks.append(
                    f"this device may not publish and subscribe {broker.subject_of(settings.site)}:"
                    f" it does not know who relays for the site {settings.site}, and reads by"
                    " itself; give it that right"
                )
        finally:
            await broker.close()
        return remarks

    try:
        return asyncio.run(connect())
    except BrokerError as error:
        raise CarrierError(f"the carrier {name} does not work: {error}") from None


class Carriers:
    """Runs the carriers that there are, while `run` runs.

    Args:
        home: Whose carriers.
        vault: Seals their credentials.
        team: Whose stream.
        mesh: Where it comes from and goes to.

    """

    def __init__(self, home: Home, vault: Vault, team: Team, mesh: Mesh) -> None:
        self._home = home
        self._vault = vault
        self._team = team
        self._mesh = mesh
        self._running: dict[Settings, tuple[Carrier, asyncio.Task[None]]] = {}
        self._watch = Watch(config.carriers(home), self._follow)

    async def run(self) -> None:
        """Follow the carriers that there are, until it is cancelled."""
        await self._watch.run()

    def status(self) -> tuple[CarrierStatus, ...]:
        """Describe each."""
        found = [
            replace(carrier.status(), servers=settings.urls)
            for settings, (carrier, _) in self._running.items()
        ]
        if self._watch.trouble:
            found.append(CarrierStatus(name="carriers", state="gone", error=self._watch.trouble))
        return tuple(found)

    def _own(self) -> tuple[str, str]:
        own = self._team.certificate
        return own.pem, own.key_pem

    async def _follow(self, carriers: list[Settings]) -> None:
        for settings in [one for one in self._running if one not in carriers]:
            _, task = self._running.pop(settings)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        for settings in carriers:
            if settings not in self._running:
                broker = await asyncio.to_thread(
                    _broker, self._home, self._vault, settings, self._team.chain, self._own
                )
                carrier = self._mesh.carrier(
                    settings.kind,
                    broker,
                    self._home.carrier_place(settings.kind),
                    travels=_travels,
                    relay=settings.relay,
                    site=settings.site,
                )
                self._running[settings] = carrier, asyncio.create_task(carrier.run())


def _travels(document: bytes) -> bool:
    # Certificates and requests for them go over links only, whose ends are proven.
    return not is_renewal(document)


def _broker(
    home: Home,
    vault: Vault,
    settings: Settings,
    chain: PolicyChain,
    own: Callable[[], tuple[str, str]],
) -> NatsBroker:
    credentials = config.credentials_of(home, vault, settings)
    access = Access(settings.urls, settings.ca, credentials, own)
    wanted = Wanted(chain.current.retention_days * _DAY_S, settings.replicas)
    return NatsBroker(chain.team, access, wanted)
