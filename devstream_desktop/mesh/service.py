"""One node's part in the mesh: the listener, the dialed links and the housekeeping."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devstream_desktop import address as addresses
from devstream_desktop.door.service import Service
from devstream_desktop.mesh.address import may_be_named, may_be_said, resolve
from devstream_desktop.mesh.answers import Answers, OnAsk
from devstream_desktop.mesh.carrier.broker import Broker
from devstream_desktop.mesh.carrier.carrier import Carrier
from devstream_desktop.mesh.carrier.place import PlaceFile
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.inquiry import Inquiries, NotAnsweredError, UnreachableError
from devstream_desktop.mesh.membership import Membership
from devstream_desktop.mesh.overlay.dialer import Dialer
from devstream_desktop.mesh.overlay.discovery import Discovery
from devstream_desktop.mesh.overlay.known import Source
from devstream_desktop.mesh.overlay.table import Overlay
from devstream_desktop.mesh.overview import Overview
from devstream_desktop.mesh.policy_parts import PolicyExchange
from devstream_desktop.mesh.publisher import Publisher
from devstream_desktop.mesh.replica.clones import living_twice
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.mesh.status import MeshStatus
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.mesh.transport.link import Credentials, LinkError, ListenError
from devstream_desktop.mesh.transport.listener import Listener
from devstream_desktop.mesh.upkeep import Upkeep
from devstream_desktop.mesh.wire import MAX_PEERS
from devstream_desktop.stream.entry import KEY_BYTES, Entry, device_id, public_key

__all__ = [
    "Credentials",
    "Identity",
    "ListenError",
    "Membership",
    "Mesh",
    "Network",
    "NotAnsweredError",
    "PolicyExchange",
    "Timing",
    "UnreachableError",
]


@dataclass(frozen=True)
class Network:
    """A node's place in the network: its port, and its ways to find others."""

    listen: str
    """`host:port`; port 0 takes a free one."""
    peers: Sequence[str] = ()
    """Addresses to be linked with always, `host:port`. Names are resolved at each dial."""
    hints: Sequence[str] = ()
    """Addresses that worked before."""
    discovery: bool = True
    """Look for peers on the local network."""
    services: Mapping[str, Service] = field(default_factory=dict)
    """Other services of the same port, by requested server name."""
    interfaces: Sequence[str] = ()
    """IP addresses of this machine to restrict discovery to; none: all."""
    addresses: Callable[[], Sequence[str]] = list
    """The addresses of this node; asked whenever they are told."""


async def _answers_nothing(device: str, topic: str, body: bytes) -> bytes:
    del device, topic, body
    raise NotAnsweredError("this node answers no questions")


class Mesh:
    """Replicates the log with the other nodes of the team.

    It puts the parts together and is their face: what a node may ask of its mesh.

    Args:
        store: The log; called on the loop only.
        identity: This device.
        membership: The team's rules about devices and authors.
        credentials: For TLS.
        policies: The signed policies.
        retention_ms: Age at which entries expire, by their own stamps.
        clock: UTC milliseconds.
        on_entries: Called on the loop after entries, own and foreign, are committed. It must be
            short.
        on_catch_up: Called on the loop when a neighbour has shown that it has what is missing here.
        on_disbelieved: Called on the loop when a peer of the team does not believe the certificate.
        network: Where to listen, and whom to dial.
        alone: True while the team has no other device.
        on_ask: Answers what a member's device asks this node alone: device, topic, body. A
            DevstreamError is told to the asker.
        rng: For choices that should differ between nodes.
        timing: Time-outs.

    """

    def __init__(
        self,
        *,
        store: LogStore,
        identity: Identity,
        membership: Membership,
        credentials: Credentials,
        policies: PolicyExchange,
        retention_ms: int,
        clock: Callable[[], int],
        on_entries: Callable[[list[Entry]], None],
        on_catch_up: Callable[[], None] = lambda: None,
        on_disbelieved: Callable[[], None] = lambda: None,
        network: Network,
        alone: Callable[[], bool] = lambda: False,
        on_ask: OnAsk = _answers_nothing,
        rng: random.Random | None = None,
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self._credentials = credentials
        self._network = network
        self._on_catch_up = on_catch_up
        self._core = Core(
            identity=identity,
            gate=membership.gate,
            replica=Replica(
                store=store, identity=identity, authors=membership, retention_ms=retention_ms
            ),
            policies=policies,
            clock=clock,
            on_entries=on_entries,
            rng=rng or random.Random(),  # noqa: S311 - it chooses neighbours and jitter, no secrets
            alone=alone,
            addresses=network.addresses,
        )
        self._publisher = Publisher(self._core)
        # The parts ask the core; only these signals go up from it.
        self._core.on_compared = self._compared
        self._core.on_disbelieved = on_disbelieved
        self._overlay = Overlay(identity.device, self._core.rng)
        self._dialer = Dialer(self._core, self._overlay, timing)
        self._overview = Overview(self._core, self._dialer)
        self._answers = Answers(self._core, self._overlay, self._dialer, on_ask)
        self._inquiries = Inquiries(self._core, self._overlay, self._dialer)
        self._listener = Listener(
            handle=self._answers.handle,
            gate=membership.gate,
            callers=self._core.callers,
            on_refused=self._core.refusals.note,
            on_stranger=self._core.refusals.note_stranger,
            others=network.services,
        )
        self._upkeep = Upkeep(self._core, self._overlay, self._dialer, timing.life)
        self._finder: Discovery | None = None
        self._address = ""
        for address in network.peers:
            # A mistake of the operator is reported at the start, not at the first dial.
            self._overlay.learn(addresses.join(*addresses.destination(address)), Source.STATIC)
        here = addresses.split(network.listen)[0]
        for address in network.hints:
            # Hints were named by other nodes once, so they are bounded like rumours.
            if may_be_named(address, here):
                self._overlay.learn(address, Source.HINT)

    async def start(self, listen: str = "") -> str:
        """Listen and begin to dial; returns the bound `host:port`.

        `listen` takes the place of the network's.

        Raises:
            ListenError: the address cannot be listened on.

        """
        bound = await self._literal(listen or self._network.listen)
        self._address = await self._listener.open(bound, self._credentials)
        self._dialer.start(self._credentials, self._follow_address())
        self._upkeep.start()
        return self._address

    async def move(self, listen: str) -> str:
        """Listen at `listen` from now on; returns the bound `host:port`. Links stay.

        Raises:
            ListenError: the address cannot be listened on. Nobody is met until another move.

        """
        bound = await self._literal(listen)
        if self._finder is not None:
            await self._finder.stop()
        self._address = await self._listener.move(bound)
        self._dialer.here = self._follow_address()
        return self._address

    async def _literal(self, listen: str) -> str:
        try:
            return (await resolve(listen))[0]
        except addresses.AddressError as error:
            raise ListenError(f"cannot listen: {error}") from error

    def _follow_address(self) -> str:
        """Tell everybody the address that is listened at; returns its host."""
        host, self._core.port = addresses.split(self._address)
        if self._network.discovery:
            self._finder = self._upkeep.finder = Discovery(
                team_id=self._core.team,
                host=host,
                port=self._core.port,
                interfaces=self._network.interfaces,
                clock=self._core.clock,
                on_found=self._dialer.found,
            )
            self._finder.start()
        return host

    async def stop(self) -> None:
        """End every link, drained; afterwards the process may exit."""
        self._core.stopping = True
        self._core.bell.ring()
        # From the outside in: nothing new comes while the links end.
        if self._finder is not None:
            await self._finder.stop()
        await self._upkeep.stop()
        await self._dialer.stop()
        await self._listener.close()

    async def publish(self, payloads: list[bytes]) -> list[Entry]:
        """Append to this device's feed; on disk and on its way when this returns.

        Raises:
            MalformedEntryError: a payload is too large; none was appended.

        """
        return await self._publisher.publish(payloads)

    async def ask(self, device: str, topic: str, body: bytes, seconds: float) -> bytes:
        """Ask one node something that is not about the log.

        Raises:
            UnreachableError: it did not answer within `seconds`.
            NotAnsweredError: it refused to; the message is its own.

        """
        return await self._inquiries.ask(device, topic, body, seconds)

    def carrier(
        self,
        name: str,
        broker: Broker,
        place: Path,
        *,
        travels: Callable[[bytes], bool] = lambda _: True,
        relay: bool = True,
        site: str = "",
    ) -> Carrier:
        """Make a carrier of the stream to a broker and back.

        Args:
            name: For a person.
            broker: The broker.
            place: The file that remembers how far it is.
            travels: Tells which of the policy documents may go to a broker.
            relay: Send what others wrote as well.
            site: The site's name, where one of its nodes reads and sends for all.

        """
        return Carrier(
            self._core,
            name,
            broker,
            PlaceFile(place),
            travels=travels,
            relay=relay,
            site=site,
            level=lambda: not self.catch_up()[0],
        )

    def policy_changed(self) -> None:
        """Follow a new policy: show it to the peers, end refused links, ask for refused entries."""
        self._upkeep.follow_policy()

    def show_policies(self) -> None:
        """Show the peers that other policy documents are held here than before."""
        self._core.bell.ring()

    async def renew(self, credentials: Credentials) -> None:
        """Use a new certificate, or other authorities. Callers dial anew when these changed.

        Raises:
            ListenError: the certificate is not usable; then all stays as it was.

        """
        try:
            # First the side that fails without any change.
            self._dialer.use(credentials)
        except LinkError as error:
            raise ListenError(str(error)) from error
        await self._listener.use(credentials)

    async def prune(self) -> int:
        """Delete expired entries; returns how many. It happens hourly anyway.

        It is done in chunks, between which everything else runs.
        """
        return await self._upkeep.prune()

    async def forget(self, floors: Mapping[bytes, int]) -> int:
        """Delete the entries of these feeds up to these numbers.

        Expired or not. In chunks like `prune`; returns how many.
        """
        return await self._upkeep.forget(floors)

    def add_peer(self, address: str) -> None:
        """Dial `host:port` from now on, as one named at the start.

        Raises:
            AddressError: that is no address.

        """
        self._overlay.learn(addresses.join(*addresses.destination(address)), Source.STATIC)
        self._core.look.set()

    def know(self, addresses: Sequence[str]) -> None:
        """Note where issuers say that they are reached; they are dialed like known peers."""
        for address in addresses:
            if may_be_said(address, self._dialer.here):
                self._overlay.learn(address, Source.HINT)
        self._core.look.set()

    def ends(self, device: str, until: int) -> list[tuple[bytes, int, bytes]]:
        """Return a device's last entry in each feed at a time.

        Each is feed, number and hash; the newest feed comes first.
        """
        return self._core.replica.expiry.ends(public_key(device), until)

    def frozen_devices(self) -> tuple[str, ...]:
        """Return the devices of which two entries under one number are known."""
        return tuple(
            {device_id(feed[:KEY_BYTES]): None for feed in self._core.replica.feeds.frozen()}
        )

    def team_time(self) -> int:
        """Return the time to stamp by, UTC milliseconds: the team's where this clock is wrong."""
        return self._core.team_time()

    def time_to_forget(self) -> int | None:
        """Return the team's time; None while what is old by it may not be deleted."""
        return self._core.team_time() if self._upkeep.may_forget() else None

    def living_twice(self) -> dict[str, int]:
        """Devices that two machines write for.

        With each the last stamp of the second machine, UTC milliseconds.
        """
        return living_twice(self._core.replica.feeds, self._core.team_time())

    def keep_for(self, retention_ms: int) -> None:
        """Change the retention. Entries that have expired by it are deleted soon."""
        if retention_ms != self._core.replica.expiry.retention_ms:
            self._core.replica.expiry.retention_ms = retention_ms
            self._upkeep.prune_soon()

    def known_addresses(self) -> list[str]:
        """Addresses to give as `hints` at the next start, the best first."""
        return [known.address for known in self._overlay.good(MAX_PEERS)]

    def addresses(self) -> list[str]:
        """Every address at which a peer may be, the likeliest first."""
        return self._overlay.addresses()

    def catch_up(self) -> tuple[int, int]:
        """Events that nobody sees here yet, now and at first.

        At first is when this catch-up began.
        """
        return self._overview.catch_up()

    def status(self) -> MeshStatus:
        """Everything known now; called on the loop."""
        discovery = self._finder.status if self._finder is not None else "off"
        return self._overview.status(self._address, discovery)

    def _compared(self) -> None:
        if self.catch_up()[0]:
            self._on_catch_up()
