"""The care for this device's certificate: asked for over the links, else at addresses.

A member that is linked asks over its links, and needs no address of an issuer. Where nobody answers
there, or the certificate has ended so that no peer talks to it, every address is tried at which an
issuer may be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime
from time import monotonic

from devstream_desktop.control.node_words import (
    CERTIFICATE_DISTRUSTED,
    CERTIFICATE_DOUBTED,
    CERTIFICATE_ENDED,
    CERTIFICATE_ENDS,
    CERTIFICATE_ENDS_ANY,
    OTHERS_NOT_RENEWED,
)
from devstream_desktop.errors import DevstreamError
from devstream_desktop.stream.text import roughly
from devstream_desktop.stream.words import Role
from devstream_desktop.team import Team, certificates

MAX_RETRY_S = 3600
ANSWER_S = 30.0
"""Seconds for a neighbour's issuer, before addresses are tried as well."""
TURN_S = 3.0
"""Seconds that each further issuer leaves the one before it to answer."""

_log = logging.getLogger(__name__)


class Renewing:
    """Renews one node's certificate, and at an issuer those of others. Lives in the node's loop.

    Args:
        team: The node's.
        addresses: Every address at which a peer may be.
        spawn: Runs work beside everything else.
        show: Shows peers that renewals changed, and screens that the status did.
        use: Has the mesh take up the new certificate.
        notices: What is wrong; kept up to date here under `certificate` and `renewals`.

    """

    def __init__(
        self,
        *,
        team: Team,
        addresses: Callable[[], Sequence[str]],
        spawn: Callable[[Coroutine[object, object, None]], None],
        show: Callable[[], None],
        use: Callable[[], Awaitable[None]],
        notices: dict[str, str],
    ) -> None:
        self._team = team
        self._addresses = addresses
        self._spawn = spawn
        self._show = show
        self._use = use
        self._notices = notices
        self._changing = asyncio.Lock()
        """One thread at a time changes what the team knows of renewals."""
        self._trying = asyncio.Lock()
        self._after = 0.0
        """By the steady clock: one that was set must not put a renewal off by weeks."""
        self._failures = 0
        self._asked_at = 0.0
        """Time of the last request over the links, by the steady clock; 0: none is open."""
        self._answering = False
        self._disbelieved = False
        self._believed_at = -float(MAX_RETRY_S)
        """Time of the last renewal for a peer's disbelief."""

    @property
    def _due(self) -> bool:
        return self._team.certificate.due or self._disbelieved

    def disbelieved(self) -> None:
        """Get another certificate, because a peer does not believe this one.

        Its authority may have been revoked while this device slept: no link tells that any more,
        but another issuer gives a certificate to whoever has the device's key.
        """
        # Once an hour: a new one helps nobody whose clock is wrong. An issuer's is its own.
        # One that was only due may come from an authority that was put out since.
        lately = monotonic() - self._believed_at < MAX_RETRY_S
        if not (lately or self._disbelieved or self._team.admissions.open):
            self._disbelieved = True
            self._spawn(self.look())

    async def look(self) -> None:
        """Renew the certificate where that is due."""
        if not self._due:
            return
        if self._team.admissions.open:
            await self._try()
            return
        await self._ask()
        # Beside the rest, which an issuer that does not answer must not hold up.
        if not self._trying.locked():
            self._spawn(self._try())

    async def by_hand(self, address: str) -> None:
        """Renew now, at `address` (HOST:PORT) or wherever an issuer may be.

        Raises:
            DevstreamError: no issuer gave a certificate; the message says why.

        """
        if not self._team.admissions.open:
            await self._ask()
        async with self._trying:
            await self._team.certificate.renew([address] if address else self._addresses())
        await self._renewed()

    async def absorb(self, documents: list[bytes]) -> None:
        """Take renewals that a peer sent.

        Raises:
            DevstreamError: one is wrong; those before it are kept.

        """
        async with self._changing:
            changed = await asyncio.to_thread(self._team.renewals.absorb, documents)
        if changed:
            await self._follow()

    async def policy_changed(self) -> None:
        """Drop what a new policy makes void, and answer what it allows."""
        async with self._changing:
            await asyncio.to_thread(self._team.renewals.follow_policy)
        await self._follow()

    async def _follow(self) -> None:
        """Do what the renewals known now ask for."""
        self._show()
        async with self._changing:
            taken = await asyncio.to_thread(self._team.certificate.take)
        if taken:
            self._show()
            await self._renewed()
        elif self._asked_at:
            # A peer may hold a later word of this device than it remembers itself.
            await self._ask()
        if self._team.admissions.open and any(self._team.renewals.open()) and not self._answering:
            self._answering = True
            self._spawn(self._answer())

    async def _answer(self) -> None:
        try:
            # In turn, so that not every issuer of the team signs an answer.
            issuers = sorted(self._team.chain.current.issuers)
            await asyncio.sleep(TURN_S * issuers.index(self._team.device.id))
        finally:
            self._answering = False
        try:
            async with self._changing:
                answered = await asyncio.to_thread(
                    self._team.admissions.answer, self._team.renewals
                )
            self._notices.pop("renewals", None)
        except DevstreamError as error:
            names = self._team.chain.current.name_of
            who = sorted({names(asked.device) for asked in self._team.renewals.open()})
            self._notices["renewals"] = OTHERS_NOT_RENEWED.format(
                people=", ".join(who[:5]), reason=error
            )
            _log.warning("%s", self._notices["renewals"])
            return
        if answered:
            _log.info("a certificate was issued over the links")
            self._show()

    async def _ask(self) -> None:
        now = monotonic()
        if now < self._after and not self._asked_at:
            return
        # Now and then anew, should a peer have dropped it.
        anew = bool(self._asked_at) and now - self._asked_at > MAX_RETRY_S
        try:
            async with self._changing:
                news = await asyncio.to_thread(self._team.certificate.ask, anew=anew)
        except DevstreamError as error:
            _log.warning("a renewal could not be asked for: %s", error)
            return
        if anew or not self._asked_at:
            self._asked_at = now
            self._spawn(self._look_after(ANSWER_S))
        if news:
            self._show()

    async def _try(self) -> None:
        team = self._team
        waiting = bool(self._asked_at) and monotonic() - self._asked_at < ANSWER_S
        # A peer that talks to this device passes its request on, which takes a moment.
        lasts = team.certificate.trusted and team.certificate.expires > team.now()
        if waiting and lasts and not self._disbelieved:
            return
        async with self._trying:
            if not self._due or monotonic() < self._after:
                return
            try:
                await team.certificate.renew(self._addresses(), disbelieved=self._disbelieved)
            except DevstreamError as error:
                self._failed(error)
                return
        await self._renewed()

    def _failed(self, error: DevstreamError) -> None:
        # Soon again, since an issuer may just be starting, then ever more rarely: it may be away
        # for days.
        delay_s = min(MAX_RETRY_S, 2 << min(self._failures, 12))
        self._failures += 1
        self._after = monotonic() + delay_s
        self._spawn(self._look_after(delay_s))
        said = CERTIFICATE_DOUBTED.format(reason=error)
        self._notices["certificate"] = said if self._disbelieved else _left(self._team, error)
        self._show()
        _log.warning("%s", error)

    async def _renewed(self) -> None:
        # One that is due at once comes from a clock that is weeks behind, and the next would be no
        # better.
        short = self._team.certificate.expires < self._team.now() + certificates.RENEW_MS
        self._failures, self._after = 0, monotonic() + MAX_RETRY_S if short else 0.0
        if self._disbelieved:
            self._believed_at = monotonic()
        self._asked_at, self._disbelieved = 0.0, False
        self._notices.pop("certificate", None)
        _log.info("this device has a new certificate")
        await self._use()
        self._show()

    async def _look_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.look()


def _left(team: Team, error: DevstreamError) -> str:
    """Say how long the certificate lasts, and why it is not renewed."""
    if not team.certificate.trusted:
        return CERTIFICATE_DISTRUSTED.format(reason=error)
    end = datetime.fromtimestamp(team.certificate.expires / 1000, UTC).date().isoformat()
    left = team.certificate.expires - team.now()
    if left <= 0:
        return CERTIFICATE_ENDED.format(day=end, reason=error)
    issuers = " or ".join(team.chain.current.who_has(Role.ISSUER))
    said = CERTIFICATE_ENDS if issuers else CERTIFICATE_ENDS_ANY
    return said.format(time=roughly(left), day=end, people=issuers, reason=error)
