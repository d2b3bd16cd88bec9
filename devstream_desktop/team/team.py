"""The team as a node holds it: who we are, who may do what, and the acts that change it.

Everything is answered from memory, so any thread may ask. What writes (`change`, `absorb`, `renew`,
`leave`, all of `admissions`) locks, syncs files to disk before it shows, and so takes some
milliseconds: an asyncio loop calls it in a thread. `create`, `load` and `join` read files and check
the whole chain of policies.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Sequence

from devstream_desktop.clock import now_ms
from devstream_desktop.door.tls import server_context
from devstream_desktop.home import Home
from devstream_desktop.keys import DeviceKey, Vault, VaultError
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
from devstream_desktop.team.joining.errors import JoinError, JoinWaitsError, Problem
from devstream_desktop.team.joining.open_invites import OpenInvites
from devstream_desktop.team.joining.renewals import Renewals
from devstream_desktop.team.membership import Membership
from devstream_desktop.team.own_certificate import OwnCertificate
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
        self.certificate = OwnCertificate(
            home,
            vault,
            member,
            admissions=self.admissions,
            renewals=self.renewals,
            lock=self._lock,
            now=now,
        )
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

    def certificate_end(self, device: str) -> int:
        """Return the end of a device's certificate, if known here.

        UTC milliseconds; 0 where no certificate of it was seen or issued here.
        """
        if device == self.device.id:
            return self.certificate.expires
        renewal, issued = self.renewals.of(device), self.admissions.issued_at(device)
        over_links = 0
        if renewal is not None and renewal.certificate:
            leaf = certificates.load_certificate(renewal.certificate)
            over_links = certificates.expiry_ms(certificates.certificate_pem(leaf))
        return max(over_links, issued + 2 * RENEW_MS if issued else 0)

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

    def _save_chain(self, grown: PolicyChain) -> None:
        with written():
            grown.save(membership.policy_path(self._home))

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()


def _label(team: str, at_ms: int) -> str:
    return f"left-{team[:8]}-{at_ms}"
