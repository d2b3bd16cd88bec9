"""This device's certificate: its age, its key, and the ways to a new one.

Any thread may ask. What writes locks, and syncs files to disk before it shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import RLock

import msgspec

from devstream_desktop.home import Home
from devstream_desktop.keys import DeviceKey, SecretDamagedError, Vault
from devstream_desktop.team import certificates, membership
from devstream_desktop.team.certificates import RENEW_MS, TlsKey
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.joining import client
from devstream_desktop.team.joining.admissions import Admissions
from devstream_desktop.team.joining.client import Place
from devstream_desktop.team.joining.renewals import (
    Renewal,
    Renewals,
    decode_renewal,
    make_renewal,
)
from devstream_desktop.team.membership import Membership
from devstream_desktop.team.policy.chain import PolicyChain

_LIKELY = 12
"""Addresses of peers that are tried before the older ones of issuers."""


class OwnCertificate:
    """The certificate of one node, with its key.

    Args:
        home: The node's.
        vault: The home's.
        member: The membership that was read or made.
        admissions: An issuer needs nobody else.
        renewals: What the links bring.
        lock: The team's.
        now: UTC milliseconds.

    """

    def __init__(
        self,
        home: Home,
        vault: Vault,
        member: Membership,
        *,
        admissions: Admissions,
        renewals: Renewals,
        lock: RLock,
        now: Callable[[], int],
    ) -> None:
        self._home = home
        self._vault = vault
        self._device: DeviceKey = member.device
        self._chain: PolicyChain = member.chain
        self._shown = (member.certificate_pem, member.tls_key_pem)
        self._admissions = admissions
        self._renewals = renewals
        self._lock = lock
        self._now = now

    @property
    def pem(self) -> str:
        return self._shown[0]

    @property
    def key_pem(self) -> str:
        """The TLS key in clear: for the transport's memory, never for a file."""
        return self._shown[1]

    @property
    def expires(self) -> int:
        """Its end, UTC milliseconds."""
        return certificates.expiry_ms(self.pem)

    @property
    def trusted(self) -> bool:
        """True when one of the team's authorities has signed it."""
        return certificates.is_trusted(self.pem, self._chain.current)

    @property
    def due(self) -> bool:
        """True when it should be renewed.

        Half its life is over, or its authority is no longer the team's.
        """
        return self.expires - self._now() < RENEW_MS or not self.trusted

    async def renew(self, addresses: Sequence[str] = (), *, disbelieved: bool = False) -> None:
        """Get a new one.

        From this device's own authority, else from the first issuer that answers where issuers
        were met, or at one of `addresses` (HOST:PORT), at which any of them may be. Where a peer
        has `disbelieved` this one, its issuer is the last one to be asked.

        Raises:
            TeamError: no issuer could be reached, or none gave one; the message says why of each.
            VaultError: the key cannot be sealed.

        """
        key = await asyncio.to_thread(TlsKey.generate)
        # An issuer needs nobody else.
        if self._admissions.open:
            pem = self._admissions.authority().issue(self._device.id, key.request(), self._now())
        else:
            places = await self._places(addresses)
            pem, found = await self._ask_at(places, key, disbelieved=disbelieved)
            with suppress(OSError):  # it is found again without
                at = {found.issuer: (found.address,)}
                await asyncio.to_thread(membership.note_doors, self._home, at, worked=True)
        await asyncio.to_thread(self._use, pem, key)

    async def _ask_at(
        self, places: Sequence[Place], key: TlsKey, *, disbelieved: bool
    ) -> tuple[str, Place]:
        policy, issuer = self._chain.current, self._issuer()
        # It may be revoked by a policy that has not come here yet, and would answer all the same.
        others = [one for one in places if disbelieved and one.issuer != issuer]
        if others:
            with suppress(TeamError):
                return await client.renew(policy, others, self._device, key)
        return await client.renew(policy, places, self._device, key)

    def _issuer(self) -> str:
        """Return the device that issued this one; empty where it is no issuer any more."""
        own = certificates.load_certificate(self.pem.encode())
        issuers = self._chain.current.issuers.items()
        signed = (one for one, its in issuers if certificates.is_issued_by(own, its.certificate))
        return next(signed, "")

    async def _places(self, addresses: Sequence[str]) -> list[Place]:
        doors = await asyncio.to_thread(membership.doors, self._home)
        issuers = [one for one in self._chain.current.issuers if one != self._device.id]
        near, far = addresses[:_LIKELY], addresses[_LIKELY:]
        places = [Place(one, where) for one in issuers for where in doors.get(one, ())[:2]]
        # TLS says who is there, so each address is tried for each issuer.
        places += [Place(one, where) for where in near for one in issuers]
        places += [Place(one, where) for one in issuers for where in doors.get(one, ())[2:]]
        return [*places, *(Place(one, where) for where in far for one in issuers)]

    def ask(self, *, anew: bool = False) -> bool:
        """Ask the issuers for another over the links; true when the request is news.

        The request and its key are kept, so that an answer may come after a restart. With `anew`
        the request is made again, for the same key.

        Raises:
            VaultError: the key cannot be sealed.

        """
        with self._lock:
            key, asked = self._next()
            known = self._renewals.of(self._device.id)
            # Somebody has a later word of this device: of another start, or by a clock ahead.
            if anew or asked is None or (known is not None and known.number > asked.number):
                number = max(
                    self._now(), *(one.number + 1 for one in (asked, known) if one is not None), 0
                )
                asked = make_renewal(self._chain.team, self._device, number, key.request())
                content = msgspec.msgpack.encode((key.pem, msgspec.msgpack.encode(asked)))
                self._vault.seal(membership.NEXT_TLS, content)
            return self._renewals.take(asked, own=True)

    def take(self) -> bool:
        """Use the one that an issuer gave over the links; true when there was one.

        Raises:
            TeamError, VaultError: it cannot be kept.

        """
        with self._lock:
            known = self._renewals.of(self._device.id)
            if known is None or not known.certificate:
                return False
            pem = certificates.certificate_pem(certificates.load_certificate(known.certificate))
            key, _ = self._next()
            # An answer to a request of another start, whose key is gone.
            if not key.fits(pem):
                return False
            self._use(pem, key)
            settled = make_renewal(self._chain.team, self._device, known.number + 1, b"")
            self._renewals.take(settled, own=True)
            return True

    def _next(self) -> tuple[TlsKey, Renewal | None]:
        """Return the next certificate's key, and the request made for it."""
        try:
            if self._vault.exists(membership.NEXT_TLS):
                content = self._vault.unseal(membership.NEXT_TLS)
                pem, asked = msgspec.msgpack.decode(content, type=tuple[str, bytes])
                return TlsKey(pem), decode_renewal(asked)
        except (SecretDamagedError, ValueError, TeamError):
            self._vault.set_damaged_aside(membership.NEXT_TLS)
        return TlsKey.generate(), None

    def _use(self, pem: str, key: TlsKey) -> None:
        with self._lock:
            membership.save_tls(self._home, self._vault, pem, key.pem)
            # Its key is in use, or not wanted any more.
            self._vault.remove(membership.NEXT_TLS)
            self._shown = (pem, key.pem)
