"""The issuer's service for joins and renewals, behind the node's one port.

A caller asks for it by the issuer's device id as server name, and shows no certificate. It is open
only while some device can use it: for an invite, or for a member whose certificate nears its end.

Strangers can reach it, so it is narrow: TLS 1.3 behind an acceptor that they cannot crowd
(door/acceptor.py), with places of its own, one question of at most 8 KiB each, a few seconds for
everything, eight questions at once, and all decisions in `Admissions`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence

from devstream_desktop.door.connection import CROWDED, Connection
from devstream_desktop.door.crowd import Crowd
from devstream_desktop.door.service import Service
from devstream_desktop.keys import VaultError
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError, TeamError
from devstream_desktop.team.joining import wire
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.packed import pack
from devstream_desktop.team.policy.changes import Newcomer
from devstream_desktop.team.policy.policy import End
from devstream_desktop.team.team import Team

_log = logging.getLogger(__name__)

AT_ONCE, WAITING = 8, 64
"""Most questions that are answered at once, and most in all.

For one more, the oldest of the host with the most is dropped.
"""
ANSWER_S = 10.0
"""From a whole question until the answer must have been taken."""
_FRESH_S = 86_400.0
"""Age of the certificate that is shown, after which another is made."""


def _no_ends(_: str) -> Sequence[End]:
    return ()


class Enrolment:
    """Opens and closes the service of one issuer. Lives in one asyncio loop."""

    def __init__(
        self,
        team: Team,
        *,
        addresses: Callable[[], Sequence[str]],
        ends: Callable[[str], Sequence[End]] = _no_ends,
        on_asked: Callable[[Newcomer, int], None] | None = None,
    ) -> None:
        """Serve a team's issuer.

        Args:
            team: The issuer's.
            addresses: Where others reach the port, HOST:PORT, as far as this machine can tell, the
                likeliest first.
            ends: Ends of a device's feeds as they are now; asked in the loop.
            on_asked: Called in the loop with each who came and has to be approved, and until when
                (UTC milliseconds).

        """
        self.service = Service(
            lambda: self._context, lambda connection: _Asker(self, connection), lambda: self.is_open
        )
        self._team = team
        self._addresses = addresses
        self._ends = ends
        self._on_asked = on_asked
        self._asked = Crowd(WAITING)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._answering: set[asyncio.Task[None]] = set()
        # By the steady clock, so that a wrong clock cannot keep an old certificate.
        self._context: ssl.SSLContext
        self._certified = -_FRESH_S
        self._open_until = 0.0

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses of the port now, HOST:PORT, the likeliest first."""
        return tuple(self._addresses())

    @property
    def is_open(self) -> bool:
        """True while a joiner can ask."""
        return time.monotonic() < self._open_until

    async def look(self) -> None:
        """Open while some device can use it; else close. Called now and then.

        Raises:
            TeamError: the key of this device's authority does not open.

        """
        # What is open for long must not show a certificate that ends.
        if self._team.admissions.open_for() > 0 and (
            time.monotonic() - self._certified >= _FRESH_S
        ):
            self._context = await asyncio.to_thread(self._team.tls_server)
            self._certified = time.monotonic()
        self._set_open()

    async def invite(
        self,
        expires_s: int,
        *addresses: str,
        approved: bool = False,
        owner: str = "",
        replaces: str = "",
    ) -> str:
        """Make the line to paste, and open for whoever has it.

        `addresses` (HOST:PORT) are where joiners reach this node, if not where it seems. The rest
        is as `Admissions.invite` has it.

        Raises:
            PolicyError: this device may not invite; the message says who may.
            TeamError: too many invites are open, or the time is wrong.
            AddressError: an address is none, or there is none.

        """
        where = addresses or self.addresses
        text = await asyncio.to_thread(
            self._team.admissions.invite,
            expires_s,
            *where,
            approved=approved,
            owner=owner,
            replaces=replaces,
        )
        await self.look()
        return text

    async def stop(self) -> None:
        """Close, and end what is going on."""
        self._open_until = 0.0
        # The answers too: a node that ends must not sign afterwards.
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    def _set_open(self) -> None:
        self._open_until = time.monotonic() + self._team.admissions.open_for()

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
            # The question may have used the last invite, which closes the service.
            if self.is_open:
                self._set_open()

    async def _admit(self, question: wire.AskMembership) -> wire.Answer:
        # Read here, in the loop: the log has one owner.
        replaced = self._team.admissions.replaced_by(question.invite)
        ends = self._ends(replaced) if replaced else ()
        admission = await asyncio.to_thread(self._team.admissions.admit, question, ends)
        if admission.certificate:
            documents = await asyncio.to_thread(pack, self._team.chain.documents())
            return wire.Membership(admission.certificate, documents, self.addresses)
        # A joiner asks every few seconds, and its admins are told once.
        if admission.first and self._on_asked is not None:
            self._on_asked(admission.newcomer, admission.expires)
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
