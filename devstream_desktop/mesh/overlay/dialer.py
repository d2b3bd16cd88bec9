"""Keeps this node linked: dials, one task a link, and learns from each end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Sequence
from typing import TypeVar

from devstream_desktop.address import AddressError
from devstream_desktop.control.node_words import LINK_NO_NODE, LINK_NOT_BELIEVED
from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh.address import may_be_named, resolve
from devstream_desktop.mesh.core import Core
from devstream_desktop.mesh.limits import NAMED_BURST, NAMED_RATE, Buckets
from devstream_desktop.mesh.overlay.known import Source
from devstream_desktop.mesh.overlay.table import Overlay
from devstream_desktop.mesh.requester import PeerRefusedError
from devstream_desktop.mesh.session import Session, State
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.mesh.transport.admission import refusal
from devstream_desktop.mesh.transport.link import Credentials, Link, LinkError, tls_config
from devstream_desktop.mesh.transport.probe import why
from devstream_desktop.mesh.wire import PeerAddress, Range

TEND_S = 1.0
"""Period of looking whom to dial, when nothing happens."""
EXPLAIN_S = 30.0

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Dialer:
    """The dialing side of a node."""

    def __init__(self, core: Core, overlay: Overlay, timing: Timing) -> None:
        self.sessions: dict[str, Session | None] = {}
        """By address; None while TCP and TLS are under way."""
        self._core = core
        self._overlay = overlay
        self._timing = timing
        self._credentials: Credentials
        self._links: dict[str, Link] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._explained: dict[str, tuple[float, str]] = {}
        """By address: when it was found out why a dial fails, and what was found."""
        self._named = Buckets(NAMED_RATE, NAMED_BURST)
        self.here = ""
        """The host that this node listens on."""
        self._stopping = asyncio.Event()
        self._tending: asyncio.Task[None] | None = None

    def start(self, credentials: Credentials, here: str) -> None:
        """Begin to dial; `here` is the host that this node listens on."""
        self.here = here
        self.use(credentials)
        self._tending = asyncio.create_task(self._tend())

    def use(self, credentials: Credentials) -> None:
        """Dial with these from now on. Where others are believed, links are dialed anew.

        Raises:
            LinkError: they are not usable; the old ones stay.

        """
        self.config = tls_config(credentials, server=False)
        # Links outlive a certificate, but not the trust in it. Dials under way have the old trust.
        if self._links and credentials.ca_pem != self._credentials.ca_pem:
            self._end_all("other authorities are believed, so certificates are checked again")
        self._credentials = credentials

    def _end_all(self, reason: str) -> None:
        for address, link in self._links.items():
            session = self.sessions.get(address)
            if session is None:
                link.lost.set()
            else:
                self.end_soon(session, reason)

    async def stop(self) -> None:
        """End every link and wait for it."""
        self._stopping.set()
        self._core.look.set()
        for link in self._links.values():
            link.lost.set()
        for session in self.live():
            self.end_soon(session, "stopped")
        tasks = [*self._tasks.values(), *self._ending]
        if self._tending is not None:
            tasks.append(self._tending)
        if tasks:
            await asyncio.wait(tasks)

    def live(self) -> list[Session]:
        """Return the sessions whose connection is up."""
        return [session for session in self.sessions.values() if session is not None]

    def missing(self) -> list[Range]:
        """Ranges that the dialed peers have and we still want."""
        return [item for session in self.live() for item in session.missing()]

    def expected(self) -> list[Range]:
        """Return the ranges of those that the links are bringing.

        Nobody else need be asked for them.
        """
        return [item for session in self.live() for item in session.expected()]

    def found(self, address: str) -> None:
        """Note an address that was announced on the local network."""
        # Anybody on this network can announce anything: the dial decides.
        if self._overlay.learn(address, Source.DISCOVERED):
            self._core.look.set()

    def hear_of(self, teller: str, peers: Sequence[PeerAddress]) -> None:
        """Learn the addresses of others that a peer names.

        A few new addresses of each peer, and none that every machine has.
        """
        for peer in peers:
            news = self._overlay.is_news(peer.address, self._core.clock())
            if not news or not may_be_named(peer.address, self.here):
                continue
            member = refusal(self._core.gate, peer.device) is None
            if member and self._named.grant(teller, 1, time.monotonic()):
                self._overlay.learn(peer.address, Source.GOSSIP, peer.device)
                self._core.look.set()

    def met(self, device: str, address: str) -> None:
        """Learn the address of a device that dialed us.

        It is at the host that the device came from.
        """
        if not may_be_named(address, self.here):
            return
        if self._overlay.knows(address) or self._named.grant(device, 1, time.monotonic()):
            self._overlay.learn(address, Source.GOSSIP, device, seen=True)
            self._core.look.set()

    def end_soon(self, session: Session, reason: str) -> None:
        """End a link on purpose."""
        if not session.ended_because:
            session.ended_because = reason
            task = asyncio.create_task(session.end(reason))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def shuffle(self) -> None:
        """In a large team, replace a neighbour by another."""
        up = [(address, one) for address, one in self.sessions.items() if one is not None]
        live = [address for address, one in up if one.state is State.LIVE]
        address = self._overlay.to_shuffle(live)
        session = self.sessions.get(address) if address is not None else None
        if session is not None:
            self.end_soon(session, "another takes its place")

    async def _tend(self) -> None:
        while not self._stopping.is_set():
            self._core.look.clear()
            self._drop_duplicates()
            linked = self._core.callers.devices() | {session.device for session in self.live()}
            # None for those under way, so that they count.
            for address in self._overlay.choose(self._tasks, linked, self._core.clock()):
                self.sessions[address] = None
                self._tasks[address] = asyncio.create_task(self._dial(address))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TEND_S):
                    await self._core.look.wait()

    def renew_one(self, now: float, life: float) -> None:
        """End the oldest idle link that lived longer than `life`.

        In seconds. It is dialed anew.
        """
        live = [item for item in self.live() if item.state is State.LIVE]
        idle = [item for item in live if not item.lag and not item.missing()]
        oldest = min(idle, key=lambda item: item.since, default=None)
        if oldest is not None and now - oldest.since > life:
            self.end_soon(oldest, "dialed anew, so that both certificates are checked again")

    def _drop_duplicates(self) -> None:
        """Keep one link with each device.

        The newer one, once it has proven to work, because the older one may be a dead network's.
        Where two dialed each other, the one dialed by the lower id stays, once proven to work.
        """
        working: dict[str, Session] = {}
        for session in self.live():
            older = working.get(session.device)
            if session.device and session.state is State.LIVE:
                if older is not None:
                    self.end_soon(older, "linked at another address")
                working[session.device] = session
            lower = session.device < self._core.device
            done = session.state is State.LIVE and not session.lag
            if lower and done and self._core.accepted.works(session.device):
                self.end_soon(session, "linked the other way")

    async def _dial(self, address: str) -> None:
        """One link from the dial to its end."""
        reason, refused, full, was_up = "", False, False, False
        literal, link = "", None
        try:
            literal = self._core.rng.choice(await self.literals(address))
            link = self._links[address] = Link(literal, self._core.gate)
            await link.open(self.config, self._timing.connect)
            # One of our own addresses, named by somebody.
            if link.device == self._core.device:
                self._overlay.is_self(address)
                return
            session = self.sessions[address] = Session(
                self._core, link, self._timing, self._welcomed, self.hear_of
            )
            try:
                await session.run()
            finally:
                was_up = session.last_seen > 0
                self._hand_over(session)
        # It named others to try, as a full node does.
        except PeerRefusedError as error:
            reason, refused, full = str(error), True, error.busy
            self.hear_of(link.device if link is not None else "", error.peers)
        except (LinkError, AddressError) as error:
            reason = str(error)
            # nng does not say why a dial failed, so it is looked into.
            if link is not None and not was_up and not link.refusal and not self._stopping.is_set():
                refused = bool(link.device)
                explained = self._explain(address, literal, reached=refused)
                with contextlib.suppress(asyncio.CancelledError):
                    reason = await self._unless_stopping(explained)
        except DevstreamError as error:
            reason = str(error)
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                raise
        except Exception:  # noqa: BLE001 - one link must not end the others
            _log.exception("the link with %s failed", address)
            reason = "an internal error, see the log"
        finally:
            if link is not None:
                await link.close()
            device = link.device if link is not None else ""
            self._settle(address, device, reason, refused=refused, full=full, was_up=was_up)

    async def literals(self, address: str) -> list[str]:
        """Return the IP literals of an address.

        Raises:
            AddressError: its name does not resolve, or to nothing that may be dialed.

        """
        found = await self._unless_stopping(resolve(address))
        # A name that another said may lead to any address, such as this machine's own.
        if found != [address] and not self._overlay.is_static(address):
            found = [one for one in found if may_be_named(one, self.here)]
        if not found:
            raise AddressError(f"{address} leads to no address that another's word is good for")
        return found

    async def _explain(self, address: str, literal: str, *, reached: bool) -> str:
        """Return the reason why a dial failed.

        Looked into once in a while only: a peer that is away is dialed often, to be there when it
        returns.
        """
        at, reason = self._explained.get(address, (-EXPLAIN_S, ""))
        # Each look is a TLS handshake of its own.
        if time.monotonic() - at >= EXPLAIN_S:
            reason = await why(literal, self._credentials, reached=reached)
            known = {item.address for item in self._overlay.all()}
            kept = [(other, found) for other, found in self._explained.items() if other in known]
            self._explained = dict(kept)
            self._explained[address] = (time.monotonic(), reason)
        return reason

    def _settle(
        self, address: str, device: str, reason: str, *, refused: bool, full: bool, was_up: bool
    ) -> None:
        session = self.sessions.pop(address, None)
        # The old reason is no longer true.
        if was_up:
            self._explained.pop(address, None)
        self._links.pop(address, None)
        self._tasks.pop(address, None)
        self._core.look.set()
        # It ended on purpose.
        if self._stopping.is_set() or (not reason and not was_up):
            return
        if refused or not was_up:
            self._core.refusals.note(address, device, reason)
        elif session is not None and not session.ended_because:
            _log.info("the link with %s at %s ended: %s", device[:8], address, reason)
        if reason == LINK_NOT_BELIEVED:
            self._core.on_disbelieved()
        nobody = reason == LINK_NO_NODE
        self._overlay.lost(
            address, self._core.clock(), refused=refused, full=full, was_up=was_up, nobody=nobody
        )

    def _hand_over(self, session: Session) -> None:
        """Have our callers compare, when this link ended with something missing.

        They expect it to bring that.
        """
        if session.missing():
            self._core.demand += 1
            self._core.bell.ring()

    def _welcomed(self, session: Session) -> None:
        address = next(address for address, item in self.sessions.items() if item is session)
        self._overlay.linked(address, session.device, self._core.clock())
        _log.info("linked with %s at %s", session.device[:8], address)

    async def _unless_stopping(self, work: Coroutine[object, object, _T]) -> _T:
        """Return the result of `work`, which is cancelled when the node stops.

        It holds no transport operation, so that is safe.
        """
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([task, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        task.cancel()
        return await task
