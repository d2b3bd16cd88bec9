"""The team as a node holds it: who we are, who may do what, and the acts that change it.

Everything is answered from memory, so any thread may ask. What writes (`change`, `absorb`, `renew`,
`leave`, all of `admissions`) locks, syncs files to disk before it shows, and so takes some
milliseconds: an asyncio loop calls it in a thread. `create`, `load` and `join` read files and check
the whole chain of policies.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from devstream_desktop.clock import now_ms
from devstream_desktop.door.tls import server_context
from devstream_desktop.home import Home
from devstream_desktop.keys import DeviceKey, SecretDamagedError, Vault, VaultError
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind
from devstream_desktop.team import certificates, genesis, membership
from devstream_desktop.team.certificates import RENEW_MS, TlsKey
from devstream_desktop.team.errors import (
    NoTeamError,
    PolicyError,
    PolicyForkError,
    TeamError,
    written,
)
from devstream_desktop.team.governing import Governing
from devstream_desktop.team.joining import client
from devstream_desktop.team.joining.admissions import Admissions
from devstream_desktop.team.joining.client import Place
from devstream_desktop.team.joining.errors import JoinError, JoinWaitsError, Problem
from devstream_desktop.team.joining.open_invites import OpenInvites
from devstream_desktop.team.joining.renewals import (
    Renewal,
    Renewals,
    decode_renewal,
    make_renewal,
)
from devstream_desktop.team.membership import Membership
from devstream_desktop.team.policy import authors, changes
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.roster import Member, roster

__all__ = [
    "JoinError",
    "JoinWaitsError",
    "Member",
    "NoTeamError",
    "PolicyError",
    "PolicyForkError",
    "Problem",
    "Team",
    "TeamError",
    "VaultError",
]


class Team:
    """One node's membership.

    `on_change` is called after each change of the policies, in the thread that took it.
    """

    def __init__(
        self, home: Home, vault: Vault, member: Membership, *, now: Callable[[], int] = now_ms
    ) -> None:
        self._home = home
        self._vault = vault
        self._member = member
        self.now = now
        self._lock = threading.RLock()
        self._governing = Governing(
            member.device,
            member.chain,
            save=self._save_chain,
            tell=self._tell,
            lock=self._lock,
            now=now,
        )
        self.admissions = Admissions(
            device=member.device,
            chain=member.chain,
            invites=OpenInvites.load(membership.invites_path(home)),
            change=self.change,
            lock=self._lock,
            now=now,
        )
        self.renewals = Renewals(self.id, lambda: self.chain.current)
        self.on_change: Callable[[], None] | None = None

    @classmethod
    def create(
        cls,
        home: Home,
        vault: Vault,
        name: str,
        person: str,
        *,
        solo: bool = False,
        now: Callable[[], int] = now_ms,
    ) -> Team:
        """Found a team, with this device as admin, issuer, collector and executor.

        Replaces a team of one made with `solo`.

        `solo` is the team that a first start makes without asking: its person may deploy
        everything, and it gives way to a join.

        Raises:
            PolicyError: the name of the team or person is not allowed.
            TeamError: this home is in a team already, or the disk is full.
            VaultError: a key cannot be sealed.

        """
        member = genesis.found(name, person, solo=solo, now_ms=now())
        return cls._settle(home, vault, member, now)

    @classmethod
    def load(cls, home: Home, vault: Vault, *, now: Callable[[], int] = now_ms) -> Team:
        """Return the team of a home.

        Raises:
            NoTeamError: there is none; the message says how to get one.
            TeamError: files are missing or broken.
            PolicyError: the chain of policies is broken.
            VaultError: a key does not open.

        """
        return cls(home, vault, membership.load(home, vault), now=now)

    @classmethod
    async def join(
        cls, home: Home, vault: Vault, invite: str, person: str, *, now: Callable[[], int] = now_ms
    ) -> Team:
        """Join the team of an invite as `person`; empty for the invite's.

        A team of one is set aside, once the join has succeeded.

        The device key is kept before anything is sent, so that a join whose answer was lost, or
        that waits, can be repeated.

        Raises:
            JoinError: `problem` and a sentence say why not.
            JoinWaitsError: an admin has to approve first; ask again in some seconds.
            TeamError: the disk is full.
            VaultError: a key cannot be sealed.

        """
        try:
            await asyncio.to_thread(membership.check_vacant, home)
        except TeamError as error:
            raise JoinError(Problem.MEMBER, str(error)) from None
        # The key is on disk before the question leaves, so that a lost answer can be asked for
        # again.
        device = await asyncio.to_thread(genesis.joining_key, vault)
        joined = await client.join(invite, person, device)
        member = Membership(
            device,
            joined.person,
            False,  # noqa: FBT003  # not a team of one
            joined.chain,
            joined.certificate_pem,
            joined.tls_key_pem,
            joined.peers,
        )
        # Only now, with everything checked, does the team of one give way.
        team = await asyncio.to_thread(cls._settle, home, vault, member, now)
        doors = {joined.issuer: joined.doors}
        await asyncio.to_thread(membership.note_doors, home, doors, worked=True)
        # Last: as long as it is there, an interrupted join can go on.
        await asyncio.to_thread(vault.remove, membership.JOINING_KEY)
        return team

    @staticmethod
    def joining_device(vault: Vault) -> str:
        """Return the id of the device that a join here will make.

        Raises:
            VaultError: its key cannot be sealed or opened.

        """
        return genesis.joining_key(vault).id

    @property
    def device(self) -> DeviceKey:
        return self._member.device

    @property
    def person(self) -> str:
        return self._member.person

    @property
    def solo(self) -> bool:
        """True for the team that a first start founded, while nobody joined."""
        # A team of one that invited somebody is a team like any other.
        return self._member.solo and len(self.chain.current.persons) == 1

    @property
    def chain(self) -> PolicyChain:
        """The policies; always the same object, which grows."""
        return self._member.chain

    @property
    def id(self) -> str:
        return self.chain.team

    @property
    def name(self) -> str:
        return self.chain.current.name

    @property
    def ca_pem(self) -> str:
        """The authorities that the team trusts now, PEM, one after the other."""
        return certificates.bundle(self.chain.current)

    @property
    def certificate_pem(self) -> str:
        return self._member.certificate_pem

    @property
    def certificate_expires(self) -> int:
        """The end of this node's certificate, UTC milliseconds."""
        return certificates.expiry_ms(self.certificate_pem)

    def certificate_end(self, device: str) -> int:
        """Return the end of a device's certificate, if known here.

        UTC milliseconds; 0 where no certificate of it was seen or issued here.
        """
        if device == self.device.id:
            return self.certificate_expires
        renewal, issued = self.renewals.of(device), self.admissions.issued_at(device)
        over_links = 0
        if renewal is not None and renewal.certificate:
            leaf = certificates.load_certificate(renewal.certificate)
            over_links = certificates.expiry_ms(certificates.certificate_pem(leaf))
        return max(over_links, issued + 2 * RENEW_MS if issued else 0)

    @property
    def renewal_due(self) -> bool:
        """True when the certificate should be renewed.

        Half its life is over, or its authority is no longer the team's.
        """
        return self.certificate_expires - self.now() < RENEW_MS or not self.certified

    @property
    def certified(self) -> bool:
        """True when one of the team's authorities has signed this node's certificate."""
        return certificates.is_trusted(self.certificate_pem, self.chain.current)

    @property
    def tls_key_pem(self) -> str:
        """The TLS key in clear: for the transport's memory, never for a file."""
        return self._member.tls_key_pem

    @property
    def peer_hints(self) -> tuple[str, ...]:
        """Addresses (HOST:PORT) where peers were when this device joined."""
        return self._member.peers

    def tls_server(self) -> ssl.SSLContext:
        """Return the context that joiners are met with.

        A certificate by this device's own authority, which invites pin; none of the client asked.

        Raises:
            JoinError: this device is no issuer.

        """
        # Of its own, so that the port of strangers never holds the key that peers know.
        key = TlsKey.generate()
        own = self.admissions.authority().issue(self.device.id, key.request(), self.now())
        return server_context(own, key.pem, self._home.secrets)

    @property
    def is_admin(self) -> bool:
        """True when this node may sign changes."""
        return self._governing.is_admin

    def gate(self, device: str) -> str | None:
        """Return why a peer may not connect, as a sentence; None for a member."""
        return authors.outsider(self.chain.current, device)

    def refusal_of(self, device: str, event: Event, at_ms: int) -> str | None:
        """Return why a device may not publish this at a time; None when it may.

        The time is UTC milliseconds. It is asked before anything is stored or forwarded.
        """
        return authors.refusal_of(self.chain, device, event, at_ms)

    def missing_role(self, kind: Kind, state: str) -> authors.MissingRole | None:
        """Return the role that this device lacks, and who can grant it."""
        return authors.missing_role(self.chain.current, self.device.id, kind, state)

    def members(self) -> tuple[Member, ...]:
        """Everybody, by name, the revoked too."""
        return roster(self.chain.current)

    def change(self, make: changes.Change, *, recovery: DeviceKey | None = None) -> bool:
        """Sign a change of the policy; return true when it is in force.

        The recovery key signs too where it is given.

        It is a proposal, and False, while more admins have to sign. What changes nothing is signed
        in the last third of a policy's life.

        Raises:
            PolicyError: this device is no admin (the message says who is), or the change makes no
                sense.
            TeamError: the disk is full.

        """
        return self._governing.change(make, recovery=recovery)

    def approve(self, proposal: str) -> bool:
        """Sign the proposal whose id (its hash) starts with `proposal`.

        Whether it is in force by that.

        Raises:
            PolicyError: this device is no admin, or there is not one such proposal.
            TeamError: the disk is full.

        """
        return self._governing.approve(proposal)

    def renew_policy(self) -> bool:
        """Renew the policy when its end is near; return true when that was done.

        Admins sign it in turn, a day apart.

        Raises:
            TeamError: the disk is full.

        """
        return self._governing.renew()

    def absorb(self, documents: Sequence[bytes]) -> bool:
        """Take the policies that a peer sent, oldest first; whether anything changed.

        Those before a bad one are kept.

        Raises:
            PolicyError: one is not the next of this chain, or not signed by enough admins.
            PolicyForkError: one contradicts ours and is as well signed; `chain.forked` stays true
                until the next version.
            TeamError: the disk is full.

        """
        return self._governing.absorb(documents)

    def restore(self) -> bool:
        """Repeat this device's changes of a branch that lost; true when there were any.

        Raises:
            PolicyError: a change can no longer be made; the later ones are tried the next time.
            TeamError: the disk is full.

        """
        return self._governing.restore()

    async def renew(self, addresses: Sequence[str] = ()) -> None:
        """Get a new certificate.

        From this device's own authority, else from the first issuer that answers where issuers
        were met, or at one of `addresses` (HOST:PORT), at which any of them may be.

        Raises:
            TeamError: no issuer could be reached, or none gave one; the message says why of each.
            VaultError: the key cannot be sealed.

        """
        key = await asyncio.to_thread(TlsKey.generate)
        # An issuer needs nobody else.
        if self.admissions.open:
            pem = self.admissions.authority().issue(self.device.id, key.request(), self.now())
        else:
            doors = await asyncio.to_thread(membership.doors, self._home)
            issuers = [one for one in self.chain.current.issuers if one != self.device.id]
            places = [Place(one, where) for one in issuers for where in doors.get(one, ())]
            # TLS says who is there, so each address is tried for each issuer.
            places += [Place(one, where) for where in addresses for one in issuers]
            pem, found = await client.renew(self.chain.current, places, self.device, key)
            with suppress(OSError):  # it is found again without
                at = {found.issuer: (found.address,)}
                await asyncio.to_thread(membership.note_doors, self._home, at, worked=True)
        await asyncio.to_thread(self._use, pem, key)

    def ask_for_renewal(self, *, anew: bool = False) -> bool:
        """Ask the issuers for a certificate over the links; true when the request is news.

        The request and its key are kept, so that an answer may come after a restart. With `anew`
        the request is made again, for the same key.

        Raises:
            VaultError: the key cannot be sealed.

        """
        with self._lock:
            key, asked = self._next_tls()
            known = self.renewals.of(self.device.id)
            # Somebody has a later word of this device: of another start, or by a clock ahead.
            if anew or asked is None or (known is not None and known.number > asked.number):
                number = max(
                    self.now(), *(one.number + 1 for one in (asked, known) if one is not None), 0
                )
                asked = make_renewal(self.id, self.device, number, key.request())
                content = msgspec.msgpack.encode((key.pem, msgspec.msgpack.encode(asked)))
                self._vault.seal(membership.NEXT_TLS, content)
            return self.renewals.take(asked, own=True)

    def take_renewal(self) -> bool:
        """Use the certificate that an issuer gave over the links; true when there was one.

        Raises:
            TeamError, VaultError: it cannot be kept.

        """
        with self._lock:
            known = self.renewals.of(self.device.id)
            if known is None or not known.certificate:
                return False
            pem = certificates.certificate_pem(certificates.load_certificate(known.certificate))
            key, _ = self._next_tls()
            # An answer to a request of another start, whose key is gone.
            if not key.fits(pem):
                return False
            self._use(pem, key)
            settled = make_renewal(self.id, self.device, known.number + 1, b"")
            self.renewals.take(settled, own=True)
            return True

    def _next_tls(self) -> tuple[TlsKey, Renewal | None]:
        """Return the next certificate's key, and the request made for it."""
        try:
            if self._vault.exists(membership.NEXT_TLS):
                content = self._vault.unseal(membership.NEXT_TLS)
                pem, asked = msgspec.msgpack.decode(content, type=tuple[str, bytes])
                return TlsKey(pem), decode_renewal(asked)
        except (SecretDamagedError, ValueError, TeamError):
            self._vault.set_damaged_aside(membership.NEXT_TLS)
        return TlsKey.generate(), None

    def leave(self) -> None:
        """Set this membership aside.

        This object must not be used any more, and the home has no team.

        Raises:
            TeamError: the disk refuses.

        """
        with self._lock:
            membership.set_aside(self._home, self._vault, _label(self.id, self.now()))

    @classmethod
    def _settle(cls, home: Home, vault: Vault, member: Membership, now: Callable[[], int]) -> Team:
        # The team of one moves aside first, so that a crash in between leaves no mixture.
        before = membership.check_vacant(home)
        if before is not None:
            membership.set_aside(home, vault, _label(before, now()))
        membership.save(home, vault, member)
        return cls(home, vault, member, now=now)

    def _use(self, pem: str, key: TlsKey) -> None:
        with self._lock:
            membership.save_tls(self._home, self._vault, pem, key.pem)
            # Its key is in use, or not wanted any more.
            self._vault.remove(membership.NEXT_TLS)
            self._member = dataclasses.replace(
                self._member, certificate_pem=pem, tls_key_pem=key.pem
            )

    def _save_chain(self, grown: PolicyChain) -> None:
        with written():
            grown.save(membership.policy_path(self._home))

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()


def _label(team: str, at_ms: int) -> str:
    return f"left-{team[:8]}-{at_ms}"
