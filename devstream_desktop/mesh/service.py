"""One node's part in the mesh: the listener, the links it dials, and the housekeeping between them and the log."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from devstream_desktop.control.messages.status import PeerStatus
from devstream_desktop.mesh import address as addresses
from devstream_desktop.mesh.answers import Answers
from devstream_desktop.mesh.core import Core, PolicyExchange
from devstream_desktop.mesh.limits import MOST_OF_PEER
from devstream_desktop.mesh.membership import Membership
from devstream_desktop.mesh.overlay.dialer import Dialer
from devstream_desktop.mesh.overlay.discovery import Discovery
from devstream_desktop.mesh.overlay.table import Overlay, Source
from devstream_desktop.mesh.publisher import Publisher
from devstream_desktop.mesh.replica.clones import living_twice
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.ranges import distinct, total
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.mesh.session import State
from devstream_desktop.mesh.status import CatchUp, MeshStatus, missing_of
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.mesh.transport.link import Credentials, LinkError, ListenError
from devstream_desktop.mesh.transport.listener import Listener
from devstream_desktop.mesh.upkeep import Upkeep
from devstream_desktop.mesh.wire import MAX_PEERS
from devstream_desktop.stream.entry import KEY_BYTES, Entry, device_id, public_key

__all__ = ["Credentials", "Identity", "ListenError", "Membership", "Mesh", "Network", "PolicyExchange", "Timing"]


@dataclass(frozen=True)
class Network:
    """Where a node listens, and how it finds others."""

    listen: str
    """`host:port`; port 0 takes a free one."""
    peers: Sequence[str] = ()
    """Addresses to be linked with always, `host:port`; names are looked up anew at each dial."""
    hints: Sequence[str] = ()
    """Addresses that worked before."""
    discovery: bool = True
    """Look for peers on the local network."""
    interfaces: Sequence[str] = ()
    """IP addresses of this machine to restrict that to; none: all."""


class Mesh:
    """Replicates the log with the other nodes of the team.

    Args:
        store: The log; called on the loop only.
        identity: This device.
        membership: The team's rules about devices and authors.
        credentials: For TLS.
        policies: The signed policies.
        retention_ms: Age at which entries expire, by their own stamps.
        clock: UTC milliseconds.
        on_entries: Called on the loop after entries, own and foreign, are committed. It must be short.
        on_catch_up: Called on the loop when a neighbour has shown that it has what is missing here; `catch_up` then tells how far that is.
        network: Where to listen, and whom to dial.
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
        network: Network,
        rng: random.Random | None = None,
        timing: Timing | None = None,
    ) -> None:
        timing = timing or Timing()
        self._credentials = credentials
        self._network = network
        self._on_catch_up = on_catch_up
        self._catch_up = CatchUp()
        self._core = Core(
            identity=identity,
            gate=membership.gate,
            replica=Replica(store=store, identity=identity, authors=membership, retention_ms=retention_ms),
            policies=policies,
            clock=clock,
            on_entries=on_entries,
            rng=rng or random.Random(),  # noqa: S311 - it chooses neighbours and jitter, no secrets
        )
        self._publisher = Publisher(self._core)
        self._core.on_compared = self._compared
        self._overlay = Overlay(identity.device, self._core.rng)
        self._dialer = Dialer(self._core, self._overlay, timing)
        self._answers = Answers(self._core, self._overlay, self._dialer)
        self._listener = Listener(
            handle=self._answers.handle,
            gate=membership.gate,
            callers=self._core.callers,
            on_refused=self._core.refusals.note,
            on_stranger=self._core.refusals.note_stranger,
        )
        self._upkeep = Upkeep(self._core, self._overlay, self._dialer, timing.life)
        self._finder: Discovery | None = None
        self._address = ""
        for address in network.peers:
            addresses.split(address)
            self._overlay.learn(address, Source.STATIC)
        here = addresses.split(network.listen)[0]
        for address in network.hints:
            if addresses.may_be_named(address, here):
                self._overlay.learn(address, Source.HINT)

    async def start(self) -> str:
        """Listen and begin to dial; returns the bound `host:port`.

        Raises:
            ListenError: the address cannot be listened on.

        """
        try:
            bound = await addresses.resolve(self._network.listen)
        except addresses.AddressError as error:
            raise ListenError(f"cannot listen: {error}") from error
        self._address = await self._listener.open(bound[0], self._credentials)
        host, self._core.port = addresses.split(self._address)
        self._dialer.start(self._credentials, host)
        self._upkeep.start()
        if self._network.discovery:
            self._finder = Discovery(
                team_id=self._core.team,
                host=host,
                port=self._core.port,
                interfaces=self._network.interfaces,
                clock=self._core.clock,
                on_found=self._dialer.found,
            )
            self._finder.start()
            self._upkeep.finder = self._finder
        return self._address

    async def stop(self) -> None:
        """End every link, drained; afterwards the process may exit."""
        self._core.stopping = True
        self._core.bell.ring()
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

    def policy_changed(self) -> None:
        """The policy changed here: tell the peers, end links that the gate now refuses, ask again for entries refused so far."""
        self._upkeep.follow_policy()

    async def renew(self, credentials: Credentials) -> None:
        """Take up a new certificate, or other authorities; who dialed us dials anew when these changed.

        Raises:
            ListenError: the certificate is not usable; then all stays as it was.

        """
        try:
            self._dialer.use(credentials)
        except LinkError as error:
            raise ListenError(str(error)) from error
        await self._listener.use(credentials)

    async def prune(self) -> int:
        """Forget what has expired, in chunks between which others run; returns how many entries. It is done hourly anyway."""
        return await self._upkeep.prune()

    async def forget(self, floors: Mapping[bytes, int]) -> int:
        """Settle these feeds up to these numbers though they have not expired, as `prune` does; returns how many entries."""
        return await self._upkeep.forget(floors)

    def add_peer(self, address: str) -> None:
        """Dial `host:port` from now on, as one named at the start.

        Raises:
            AddressError: that is no address.

        """
        addresses.split(address)
        self._overlay.learn(address, Source.STATIC)
        self._core.look.set()

    def ends(self, device: str, until: int) -> list[tuple[bytes, int, bytes]]:
        """Where the feeds of a device were at a time (UTC milliseconds): feed, number and hash of the last entry, the newest feed first."""
        return self._core.replica.expiry.ends(public_key(device), until)

    def frozen_devices(self) -> tuple[str, ...]:
        """The devices of which two different entries under one number are known."""
        return tuple({device_id(feed[:KEY_BYTES]): None for feed in self._core.replica.feeds.frozen()})

    def living_twice(self) -> dict[str, int]:
        """The devices of which two machines write, and when the second of them wrote last (UTC milliseconds)."""
        return living_twice(self._core.replica.feeds, self._core.team_time())

    def keep_for(self, retention_ms: int) -> None:
        """Keep entries for another time from now on; what has expired by it is forgotten soon."""
        if retention_ms != self._core.replica.expiry.retention_ms:
            self._core.replica.expiry.retention_ms = retention_ms
            self._upkeep.prune_soon()

    def known_addresses(self) -> list[str]:
        """Addresses worth giving as `hints` at the next start, the best first."""
        return [known.address for known in self._overlay.good(MAX_PEERS)]

    def catch_up(self) -> tuple[int, int]:
        """How many events peers have and this node lacks, as far as known, and how many there were when this catch-up began."""
        connected = self._core.callers.devices()
        # What callers were asked for overlaps, so the most that one of them owes is the least that is to come.
        owed = max((peer.owes() for peer in self._core.accepted.all() if peer.device in connected), default=0)
        missing = min(distinct(self._dialer.missing()) + owed, MOST_OF_PEER)
        return missing, self._catch_up.note(missing)

    def status(self) -> MeshStatus:
        """What is known now; called on the loop."""
        feeds, events = self._core.replica.feeds.counts()
        peers = (*self._dialed_status(), *self._accepted_status())
        catching_up, catch_up_total = self.catch_up()
        level = not catching_up and any(peer.state == State.LIVE for peer in peers)
        return MeshStatus(
            address=self._address,
            peers=peers,
            refused=self._core.refusals.all(),
            catching_up=catching_up,
            catch_up_total=catch_up_total,
            missing=missing_of(self._core.replica.shortfall(self._core.team_time()), level=level, ahead=self._core.watch.correction()),
            feeds=feeds,
            events=events,
            frozen=len(self._core.replica.feeds.frozen()),
            discovery=self._finder.status if self._finder is not None else "off",
            pruning_suspended=self._core.watch.doubt(),
        )

    def _dialed_status(self) -> list[PeerStatus]:
        return [
            PeerStatus(
                device=session.device if session else "",
                address=address,
                direction="dialed",
                state=session.state if session else State.CONNECTING,
                behind=total(session.missing()) if session else 0,
                lag=session.lag if session else 0,
                clock_offset=self._core.watch.offset(session.device) if session else 0,
                seen=session.last_seen if session else 0,
            )
            for address, session in self._dialer.sessions.items()
        ]

    def _accepted_status(self) -> list[PeerStatus]:
        now, steady = self._core.clock(), time.monotonic()
        newest = self._core.replica.feeds.store.newest()
        connected = self._core.callers.devices()
        return [
            PeerStatus(
                device=peer.device,
                address=peer.address or peer.host,
                direction="accepted",
                state=State.LOST if peer.device not in connected else State.SYNCING if peer.owes() or peer.offering else State.LIVE,
                behind=peer.owes(),
                lag=max(0, newest - peer.lsn),
                clock_offset=self._core.watch.offset(peer.device),
                seen=now - round((steady - peer.last) * 1000),
            )
            for peer in self._core.accepted.all()
        ]

    def _compared(self) -> None:
        if self.catch_up()[0]:
            self._on_catch_up()
