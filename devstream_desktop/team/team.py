"""The team as a node holds it: who we are, who may do what, and the few acts that change it.

Everything is answered from memory, so any thread may ask. What writes (`grant`, `invite`, `absorb`, `admit`, `leave`) locks, syncs
files to disk before it shows, and so takes some milliseconds: an asyncio loop calls it in a thread. `create`, `load` and `join` read
files and check the whole chain of policies.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from devstream_desktop.home import Home
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind, Role
from devstream_desktop.team import authors, certificates, enrol, founding, membership, tls
from devstream_desktop.team.admission import admit
from devstream_desktop.team.certificates import Authority
from devstream_desktop.team.chain import PolicyChain, sign_policy
from devstream_desktop.team.enrol_wire import AskMembership
from devstream_desktop.team.errors import NoTeamError, PolicyError, PolicyForkError, TeamError
from devstream_desktop.team.invite import new_invite, write_invite
from devstream_desktop.team.join_errors import JoinError, Problem
from devstream_desktop.team.keys import DeviceKey
from devstream_desktop.team.membership import Membership
from devstream_desktop.team.open_invites import OpenInvites
from devstream_desktop.team.policy import LIFETIME_MS, Policy
from devstream_desktop.team.roster import Member, granted, roster
from devstream_desktop.team.vault import Vault, VaultError

__all__ = ["JoinError", "Member", "NoTeamError", "PolicyError", "PolicyForkError", "Problem", "Team", "TeamError", "VaultError"]

MAX_INVITE_S = 30 * 86_400


def now_ms() -> int:
    """The wall clock, UTC milliseconds."""
    return time.time_ns() // 1_000_000


class Team:
    """One node's membership. `on_change` is called after each new policy, in the thread that took it."""

    def __init__(self, home: Home, vault: Vault, member: Membership, *, now: Callable[[], int] = now_ms) -> None:
        self._home = home
        self._vault = vault
        self._member = member
        self.now = now
        self._lock = threading.RLock()
        self._invites = OpenInvites.load(membership.invites_path(home))
        key = member.ca_key_pem
        self._authority = None if key is None else Authority.load(member.ca_pem, key)
        self.on_change: Callable[[], None] | None = None

    @classmethod
    def create(cls, home: Home, vault: Vault, name: str, person: str, *, solo: bool = False, now: Callable[[], int] = now_ms) -> Team:
        """Found a team, with this device as admin, issuer, collector and executor. Replaces a team of one made with `solo`.

        `solo` is the team that a first start makes without asking: its person may deploy everything, and it gives way to a join.

        Raises:
            PolicyError: the name of the team or person is not allowed.
            TeamError: this home is in a team already, or the disk is full.
            VaultError: a key cannot be sealed.

        """
        member = founding.found(name, person, solo=solo, now_ms=now())
        return cls._settle(home, vault, member, now)

    @classmethod
    def load(cls, home: Home, vault: Vault, *, now: Callable[[], int] = now_ms) -> Team:
        """The team of a home. An issuer's own certificate is renewed here when its end is near.

        Raises:
            NoTeamError: there is none; the message says how to get one.
            TeamError: files are missing or broken.
            PolicyError: the chain of policies is broken.
            VaultError: a key does not open.

        """
        member = membership.load(home, vault)
        renewed = founding.renewed(member, now())
        if renewed is not None:
            membership.save(home, vault, renewed)
        return cls(home, vault, renewed or member, now=now)

    @classmethod
    async def join(cls, home: Home, vault: Vault, invite: str, person: str, *, now: Callable[[], int] = now_ms) -> Team:
        """Join the team of an invite as `person`. A team of one is set aside, once the join has succeeded.

        The device key is kept before anything is sent, so that a join whose answer was lost can be repeated.

        Raises:
            JoinError: `problem` and a sentence say why not.
            TeamError: the disk is full.
            VaultError: a key cannot be sealed.

        """
        try:
            await asyncio.to_thread(membership.check_vacant, home)
        except TeamError as error:
            raise JoinError(Problem.MEMBER, str(error)) from None
        device = await asyncio.to_thread(founding.joining_key, vault)
        joined = await enrol.join(invite, person, device)
        member = Membership(
            device,
            person,
            False,  # noqa: FBT003  # not a team of one
            joined.chain,
            joined.ca_pem,
            joined.certificate_pem,
            joined.tls_key_pem,
            None,
            joined.peers,
        )
        team = await asyncio.to_thread(cls._settle, home, vault, member, now)
        await asyncio.to_thread(vault.remove, membership.JOINING_KEY)
        return team

    @property
    def device(self) -> DeviceKey:
        return self._member.device

    @property
    def person(self) -> str:
        return self._member.person

    @property
    def solo(self) -> bool:
        """Whether this is a team of one that a first start made, and nobody has joined."""
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
        return self._member.ca_pem

    @property
    def certificate_pem(self) -> str:
        return self._member.certificate_pem

    @property
    def certificate_expires(self) -> int:
        """When this node's certificate ends, UTC milliseconds."""
        return certificates.expiry_ms(self.certificate_pem)

    @property
    def tls_key_pem(self) -> str:
        """The TLS key in clear: for the transport's memory, never for a file."""
        return self._member.tls_key_pem

    @property
    def peer_hints(self) -> tuple[str, ...]:
        """Addresses (HOST:PORT) where the issuer said that nodes may be found."""
        return self._member.peers

    @property
    def authority_der(self) -> bytes:
        """The CA certificate as an invite pins it."""
        return certificates.certificate_der(self.ca_pem)

    def tls_server(self) -> ssl.SSLContext:
        """The context that joiners are met with: this device's certificate, no client certificate asked."""
        return tls.server_context(self.certificate_pem, certificates.TlsKey(self.tls_key_pem), self._home.secrets)

    @property
    def is_issuer(self) -> bool:
        """Whether this node can let others in."""
        return self._authority is not None and self.chain.current.is_issuer(self.device.id)

    def gate(self, device: str) -> str | None:
        """Why a peer may not connect, as a sentence; None for a member that is not revoked."""
        return authors.outsider(self.chain.current, device)

    def refusal(self, device: str, kind: Kind, state: str, at_ms: int) -> str | None:
        """Why a device may not author this kind and state at a time (UTC milliseconds), as a sentence; None when it may."""
        return authors.refusal(self.chain, device, kind, state, at_ms)

    def refusal_of(self, device: str, event: Event, at_ms: int) -> str | None:
        """As `refusal`, and whether the author may say just this; what a receiver asks before it stores or relays."""
        return authors.refusal_of(self.chain, device, event, at_ms)

    def missing_role(self, kind: Kind, state: str) -> authors.MissingRole | None:
        """The role that this device lacks to author something, and who can give it."""
        return authors.missing_role(self.chain.current, self.device.id, kind, state)

    def members(self) -> tuple[Member, ...]:
        """Everybody, by name, the revoked too."""
        return roster(self.chain.current)

    def grant(self, person: str, role: Role, pattern: str = "") -> int:
        """Give a person a role: for a pattern of targets (`*/*` when empty), or on all the person's devices. The policy's new version.

        What is granted already makes no new version, unless the policy is in the last third of its life.

        Raises:
            PolicyError: this device is no admin (the message says who is), nobody has this name, or the pattern is wrong.
            TeamError: the disk is full.

        """
        with self._lock:
            policy = self.chain.current
            self._require_admin()
            changed = granted(policy, person, role, pattern)
            if changed == policy and policy.expires - self.now() > LIFETIME_MS // 3:
                return policy.version
            self._publish(changed)
        self._tell()
        return self.chain.current.version

    def invite(self, expires_s: int, address: str) -> str:
        """The line that lets one person join at `address` (HOST:PORT of this node's `Enrolment`) until it expires.

        Raises:
            PolicyError: this device is no issuer, or no admin; the message says who is.
            TeamError: too many invites are open, or the time or address is wrong.

        """
        with self._lock:
            if self._authority is None or not self.is_issuer:
                issuers = " or ".join(member.person for member in self.members() if member.issuer)
                raise PolicyError(f"this device cannot invite; {issuers} can: devstream team invite")
            self._require_admin()
            if not 1 <= expires_s <= MAX_INVITE_S:
                raise TeamError("an invite lasts from one second to 30 days")
            made = new_invite(self._authority.pin, self.device.public, address)
            with _disk():
                self._invites.add(made, self.now() + expires_s * 1000, self.now())
            return write_invite(made)

    def invites_open_for(self) -> float:
        """For how many seconds somebody may still come with an invite; 0 when nobody may."""
        now = self.now()
        return max(0, self._invites.open_until(now) - now) / 1000

    def admit(self, question: AskMembership) -> tuple[str, bool]:
        """Let a joiner in: its certificate (PEM), and whether it is new. For `Enrolment`.

        Raises:
            JoinError: it may not in.
            PolicyError: this device may no longer change the policy.
            TeamError: the disk is full.

        """
        with self._lock:
            if self._authority is None or not self.is_issuer:
                raise JoinError(Problem.UNKNOWN)
            self._require_admin()
            policy = self.chain.current
            with _disk():
                certificate, changed = admit(question, policy=policy, authority=self._authority, invites=self._invites, now_ms=self.now())
            if changed is not policy:
                self._publish(changed)
        if changed is not policy:
            self._tell()
        return certificate, changed is not policy

    def absorb(self, documents: Sequence[bytes]) -> bool:
        """Take the policies that a peer sent, oldest first; whether any was new. Those before a bad one are kept.

        Raises:
            PolicyError: one is not the next of this chain, or not signed by enough admins.
            PolicyForkError: one contradicts ours and is as well signed; `chain.forked` stays true until the next version.
            TeamError: the disk is full.

        """
        problem: PolicyError | None = None
        with self._lock:
            grown = self.chain.copy()
            try:
                for document in documents:
                    grown.append(document)
            except PolicyError as error:
                problem = error
            changed = grown.current is not self.chain.current
            if changed or grown.forked != self.chain.forked:
                self._keep(grown)
        if changed:
            self._tell()
        if problem is not None:
            raise problem
        return changed

    def leave(self) -> None:
        """Set this membership aside; this object must not be used any more, and the home has no team.

        Raises:
            TeamError: the disk refuses.

        """
        with self._lock:
            membership.set_aside(self._home, self._vault, _label(self.id, self.now()))

    @classmethod
    def _settle(cls, home: Home, vault: Vault, member: Membership, now: Callable[[], int]) -> Team:
        before = membership.check_vacant(home)
        if before is not None:
            membership.set_aside(home, vault, _label(before, now()))
        membership.save(home, vault, member)
        return cls(home, vault, member, now=now)

    def _require_admin(self) -> None:
        policy = self.chain.current
        if not policy.has_role(self.device.id, Role.ADMIN):
            admins = " or ".join(policy.who_has(Role.ADMIN))
            raise PolicyError(f"only an admin's device can change the team; {admins} can")

    def _publish(self, changed: Policy) -> None:
        grown = self.chain.copy()
        grown.append(sign_policy(grown.successor(changed, self.now()), [self.device]))
        self._keep(grown)

    def _keep(self, grown: PolicyChain) -> None:
        # On disk before it shows: a version that others have and its signer forgot would be signed twice.
        with _disk():
            grown.save(membership.policy_path(self._home))
        self.chain.adopt(grown)

    def _tell(self) -> None:
        if self.on_change is not None:
            self.on_change()


@contextlib.contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TeamError(f"the team's files cannot be written ({error.strerror or error}); nothing was changed") from error


def _label(team: str, at_ms: int) -> str:
    return f"left-{team[:8]}-{at_ms}"
