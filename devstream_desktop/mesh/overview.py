"""An overview of one mesh: its links, and the progress of a catch-up."""

from __future__ import annotations

import time

from devstream_desktop.control.messages.status import PeerStatus
from devstream_desktop.mesh.accepted import Accepted
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.limits import MOST_OF_PEER
from devstream_desktop.mesh.overlay.dialer import Dialer
from devstream_desktop.mesh.replica.ranges import distinct, total
from devstream_desktop.mesh.session import Session, State
from devstream_desktop.mesh.status import CatchUp, MeshStatus, missing_of


class Overview:
    """Describes a mesh for the status."""

    def __init__(self, core: Core, dialer: Dialer) -> None:
        self._core = core
        self._dialer = dialer
        self._catch_up = CatchUp()

    def catch_up(self) -> tuple[int, int]:
        """Events that nobody sees here yet, now and at first.

        At first is when this catch-up began.
        """
        connected = self._core.callers.devices()
        callers = [peer for peer in self._core.accepted.all() if peer.device in connected]
        # Callers were asked for overlapping ranges, so the most that one of them owes is the least
        # that is to come.
        owed = max((peer.owes() for peer in callers), default=0)
        lacking = distinct(self._dialer.missing()) + owed
        missing = min(lacking + self._core.replica.feeds.store.unread, MOST_OF_PEER)
        return missing, self._catch_up.note(missing)

    def status(self, address: str, discovery: str) -> MeshStatus:
        """Describe the mesh of a node that listens on `address`."""
        core, replica = self._core, self._core.replica
        feeds, events = replica.feeds.counts()
        dialed = [self._dialed(*item) for item in self._dialer.sessions.items()]
        peers = (*dialed, *self._accepted())
        catching_up, catch_up_total = self.catch_up()
        # Only a neighbour or a log that has given all it has shows that the rest is with nobody.
        given = core.carried or any(peer.state == State.LIVE for peer in peers)
        level = given and not catching_up
        shortfall = replica.shortfall(core.team_time())
        return MeshStatus(
            address=address,
            peers=peers,
            refused=core.refusals.all(),
            catching_up=catching_up,
            catch_up_total=catch_up_total,
            missing=missing_of(shortfall, level=level, ahead=core.watch.correction()),
            feeds=feeds,
            events=events,
            frozen=len(replica.feeds.frozen()),
            discovery=discovery,
            pruning_suspended=core.watch.doubt(),
        )

    def _dialed(self, address: str, session: Session | None) -> PeerStatus:
        # TCP and TLS are under way: nobody has said who it is.
        if session is None:
            return PeerStatus(
                device="", address=address, direction="dialed", state=State.CONNECTING
            )
        return PeerStatus(
            device=session.device,
            address=address,
            direction="dialed",
            state=session.state,
            behind=total(session.missing()),
            lag=session.lag,
            clock_offset=self._core.watch.offset(session.device),
            seen=session.last_seen,
        )

    def _accepted(self) -> list[PeerStatus]:
        now, steady = self._core.clock(), time.monotonic()
        newest = self._core.replica.feeds.store.newest()
        return [
            PeerStatus(
                device=peer.device,
                address=peer.address or peer.host,
                direction="accepted",
                state=self._state_of(peer),
                behind=peer.owes(),
                lag=max(0, newest - peer.lsn),
                clock_offset=self._core.watch.offset(peer.device),
                seen=now - round((steady - peer.last) * 1000),
            )
            for peer in self._core.accepted.all()
        ]

    def _state_of(self, peer: Accepted) -> State:
        if peer.device not in self._core.callers.devices():
            return State.LOST
        return State.SYNCING if peer.owes() or peer.offering else State.LIVE
