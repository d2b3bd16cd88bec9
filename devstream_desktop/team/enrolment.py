"""The issuer's TLS port for joins and renewals.

It is open only while some device can use it. A member renews its certificate when that nears its
end.

It speaks TLS, and is open only while some device can use it.

Strangers can reach it, so it is narrow: TLS 1.3 behind an acceptor that they cannot crowd
(door/acceptor.py), one question of at most 8 KiB each, a few seconds for everything, eight
questions at once, and all decisions in `Admissions`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import time
from collections.abc import Callable, Sequence

from devstream_desktop.door.acceptor import Acceptor, listen
from devstream_desktop.door.connection import CROWDED, Connection
from devstream_desktop.door.crowd import Crowd
from devstream_desktop.keys import VaultError
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError, TeamError
from devstream_desktop.team.joining import wire
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.invite import join_address, split_address
from devstream_desktop.team.team import Team

__all__ = ["Enrolment", "reachable_host"]

_log = logging.getLogger(__name__)

AT_ONCE, WAITING = 8, 64
"""Most questions that are answered at once, and most in all.

For one more, the oldest of the host with the most is dropped.
"""
ANSWER_S = 10.0
"""From a whole question until the answer must have been taken."""
_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104  # compared with, not bound to
_GRACE_S = 5.0  # the door opens before the invite is made, which needs its port
_FRESH_S = 86_400.0  # how old the certificate shown may be


def _no_peers() -> Sequence[str]:
    return ()


class Enrolment:
    """Opens and closes the door of one issuer. Lives in one asyncio loop."""

    def __init__(
        self,
        team: Team,
        *,
        host: str = "0.0.0.0",  # noqa: S104  # joiners come from other machines
        port: int = 0,
        peers: Callable[[], Sequence[str]] = _no_peers,
        on_asked: Callable[[str, str, int], None] | None = None,
    ) -> None:
        """`peers` gives the addresses that a joiner is told.

        `on_asked(device, person, expires)` is called in the loop for each who came and has to be
        approved until then (UTC milliseconds).
        """
        self._team = team
        self._host = host
        self._port = port
        self._peers = peers
        self._on_asked = on_asked
        self._opening = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None
        self._closing = False
        self._changed = asyncio.Event()
        self._asked = Crowd(WAITING)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        self._context: ssl.SSLContext
        # By the steady clock, so that a wrong clock cannot keep an old certificate.
        self._certified = 0.0

    @property
    def port(self) -> int:
        """The port of the door, kept after the first opening; 0 before."""
        return self._port

    @property
    def address(self) -> str:
        """The address at which others reach the port, HOST:PORT."""
        return join_address(reachable_host() if self._host in _ANY else self._host, self._port)

    @property
    def is_open(self) -> bool:
        """True while a joiner can connect."""
        return self._keeper is not None and not self._closing and not self._keeper.done()

    async def start(self) -> None:
        """Open the door when invites are open from before.

        Raises:
            TeamError: the port is taken.

        """
        if self._team.admissions.open_for() > 0:
            await self._open()

    async def look(self) -> None:
        """Open the port while some device can use it; else close it.

        Called now and then.

        Raises:
            TeamError: the port is taken.

        """
        self._changed.set()
        # A door that is open for long must not show a certificate that ends.
        if self.is_open and time.monotonic() - self._certified > _FRESH_S:
            await self._certify()
        if self._team.admissions.open_for() > 0:
            await self._open()

    async def invite(
        self, expires_s: int, address: str | None = None, *, approved: bool = False
    ) -> str:
        """Open the door, and make the line to paste.

        `address` (HOST:PORT) is where joiners reach the door, if not where it seems.

        Whoever comes with an `approved` one is let in at once.

        Raises:
            PolicyError: this device may not invite; the message says who may.
            TeamError: the port is taken, too many invites are open, or the time or address is
                wrong.

        """
        # A mistyped address is refused before the door opens.
        if address is not None:
            split_address(address)
        # Before the invite is made, because the invite names its port.
        await self._open()
        try:
            text = await asyncio.to_thread(
                self._team.admissions.invite, expires_s, address or self.address, approved=approved
            )
        finally:
            self._changed.set()
        await self._open()  # it may have closed meanwhile, with the end of the invite before
        return text

    async def wait_closed(self) -> None:
        """Wait until the port is closed.

        `stop` closes it, and it closes when no device can use it.
        """
        if self._keeper is not None:
            await asyncio.wait([self._keeper])

    async def stop(self) -> None:
        """Close the door and end what is going on behind it."""
        # The answers too: a node that ends must not sign afterwards.
        tasks = [task for task in (self._keeper, *self._answering) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self) -> None:
        # Two invites at once would open it twice.
        async with self._opening:
            if self.is_open:
                return
            await self.wait_closed()  # the port is free then
            await self._certify()
            try:
                # The port of the last time, so that invites stay true after a restart.
                listener = listen(self._host, self._port)
            except OSError as error:
                where = join_address(self._host, self._port)
                raise TeamError(
                    f"joiners cannot be met at {where}: {error.strerror or error}; choose another "
                    "address"
                ) from error
            self._port = listener.getsockname()[1]
            self._changed.clear()
            self._closing = False
            self._keeper = asyncio.create_task(self._keep_open(listener), name="enrolment")

    async def _certify(self) -> None:
        self._context, self._certified = (
            await asyncio.to_thread(self._team.tls_server),
            time.monotonic(),
        )

    async def _keep_open(self, listener: socket.socket) -> None:
        """Serve until nobody can use it; looks again at each change and each end."""
        acceptor = Acceptor(
            listener, lambda: self._context, lambda connection: _Asker(self, connection)
        )
        try:
            # The first invite is made a moment after the door opens.
            left = max(self._team.admissions.open_for(), _GRACE_S)
            while left > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._changed.wait()
                self._changed.clear()
                left = self._team.admissions.open_for()
        finally:
            self._closing = True
            await acceptor.close()

    def asked(self, asker: _Asker, content: bytes) -> None:
        """Answer a whole question beside everything else."""
        # Strangers fill it up, so the host with the most connections gives way.
        guest = self._asked.enter(asker.connection.share, lambda: asker.connection.end(CROWDED))
        task = asyncio.create_task(self._serve(asker, content))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        task.add_done_callback(lambda _: self._asked.leave(guest))

    async def _serve(self, asker: _Asker, content: bytes) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                question = wire.decode_question(content)
                async with self._slots:
                    # It may have hung up while it waited for its turn.
                    if asker.gone.is_set():
                        return
                    asker.connection.send(wire.frame(await self._answer(question)))
                # The other side closes when it has read all; closing first could cut the answer
                # short.
                await asker.gone.wait()
        except (TimeoutError, wire.MalformedFrameError) as error:
            _log.info("a join was rejected: %s", str(error) or type(error).__name__)
        finally:
            asker.connection.end()

    async def _answer(self, question: wire.Question) -> wire.Answer:
        admissions = self._team.admissions
        try:
            match question:
                case wire.AskAuthority():
                    return wire.Authority((await asyncio.to_thread(admissions.authority)).der)
                case wire.AskRenewal():
                    return wire.Renewed(await asyncio.to_thread(admissions.renew, question))
                case wire.AskMembership():
                    return await self._admit(question)
        # Its code tells the joiner what to do.
        except JoinError as error:
            _log.warning("a join or renewal was refused: %s", error)
            return wire.Refused(error.problem)
        # Our own trouble is not for strangers: they hear that it failed, the log has the rest.
        except (PolicyError, TeamError, VaultError) as error:
            _log.warning("a join or renewal failed here: %s", error)
            return wire.Refused(Problem.ISSUER)
        finally:
            # The question may have used the last invite, which closes the door.
            self._changed.set()

    async def _admit(self, question: wire.AskMembership) -> wire.Answer:
        admission = await asyncio.to_thread(self._team.admissions.admit, question)
        if admission.certificate:
            return wire.Membership(
                admission.certificate, tuple(self._team.chain.documents()), tuple(self._peers())
            )
        # A joiner asks every few seconds, and its admins are told once.
        if admission.first and self._on_asked is not None:
            self._on_asked(device_id(question.device), question.person, admission.expires)
        return wire.Waiting(self._team.name, self._team.chain.current.who_has(Role.ADMIN))


class _Asker:
    """One connection to the door: collects its one question."""

    def __init__(self, enrolment: Enrolment, connection: Connection) -> None:
        self.connection = connection
        self.gone = asyncio.Event()
        """It hung up or was cut off."""
        self._enrolment = enrolment
        self._question = bytearray()
        self._asked = False

    def secured(self) -> None:
        """Its question is waited for."""

    def received(self, data: bytes) -> None:
        """Take a part of the question, or more than that."""
        self._question += data
        length = wire.length_of(self._question)
        # One question a connection, and a length before its content is collected.
        if self._asked or (length is not None and length > wire.MAX_QUESTION):
            self.connection.end("it sent more than one question may hold")
        elif length is not None and len(self._question) >= wire.HEAD_BYTES + length:
            self._asked = True
            # It asked a whole question, so it is no silent stranger any more.
            self.connection.proven()
            self._enrolment.asked(
                self, bytes(self._question[wire.HEAD_BYTES : wire.HEAD_BYTES + length])
            )

    def drained(self) -> None:
        """Nothing more is to be sent."""

    def ended(self, reason: str) -> None:
        """Hear that it is over."""
        self.gone.set()
        if reason:
            _log.info("a join was rejected: %s", reason)


def reachable_host() -> str:
    """Return this machine's address on the way out, else loopback.

    Others on the network may reach it there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)  # noqa: FBT003
        try:
            probe.connect(
                ("192.0.2.1", 9)
            )  # a documentation address (RFC 5737): UDP picks a route and sends nothing
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
