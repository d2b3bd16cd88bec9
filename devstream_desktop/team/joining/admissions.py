"""An issuer's decisions on joins and renewals.

One rule is behind them: a certificate is given to a device that the policy names, for the person it
names. So a join is a change of the policy. It is signed here when this device may and no approval
is needed, else by an admin elsewhere while the joiner waits.

Whose device it is comes from the invite where that names a person, and only there: a name that
exists is never given to whoever asks for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from devstream_desktop.keys import DeviceKey, is_sound, verify
from devstream_desktop.stream.entry import device_id, public_key
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Role
from devstream_desktop.team.certificates import RENEW_MS, Authority, CertificateError
from devstream_desktop.team.errors import PolicyError, TeamError, written
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.invite import Invite, new_invite, write_invite
from devstream_desktop.team.joining.open_invites import OpenInvite, OpenInvites
from devstream_desktop.team.joining.renewals import Renewals
from devstream_desktop.team.joining.wire import (
    AskMembership,
    AskRenewal,
    proof_message,
    renewal_message,
)
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.changes import Newcomer
from devstream_desktop.team.policy.names import MACHINE_LENGTH, check_name
from devstream_desktop.team.policy.policy import End, Issuer, Policy

MAX_INVITE_S = 30 * 86_400
ANSWER_EVERY_S = 600.0
"""Seconds between two certificates that one device gets over the links."""
AGAIN_MS = 600_000
"""Milliseconds for which the door stays open after an answer."""


@dataclass(frozen=True)
class Admission:
    """Result of a join."""

    certificate: str
    """PEM; empty while an admin has to approve."""
    newcomer: Newcomer
    first: bool
    """True at the first time with this device, invite and name."""
    expires: int
    """The end of its invite, UTC milliseconds."""


class Admissions:
    """The issuer's part of a team. Any thread may call; what writes takes the team's lock.

    Args:
        device: This device.
        chain: The team's policies.
        invites: The open ones.
        change: Signs a change of the policy; whether it is in force already.
        lock: The team's.
        now: UTC milliseconds.

    """

    def __init__(
        self,
        *,
        device: DeviceKey,
        chain: PolicyChain,
        invites: OpenInvites,
        change: Callable[[changes.Change], bool],
        lock: threading.RLock,
        now: Callable[[], int],
    ) -> None:
        self._device = device
        self._chain = chain
        self._invites = invites
        self._change = change
        self._lock = lock
        self._now = now
        self._authority: tuple[Issuer, Authority] | None = None
        self._answered: dict[str, float] = {}

    @property
    def open(self) -> bool:
        """True when this device can let others in."""
        return self._chain.current.is_issuer(self._device.id)

    def authority(self) -> Authority:
        """Return this device's own.

        Raises:
            JoinError: it is no issuer, or its authority's key does not open.

        """
        issuer = self._chain.current.issuers.get(self._device.id)
        if issuer is None or not self.open:
            raise JoinError(Problem.UNKNOWN)
        # Opening the sealed key costs, and the policy may give this device another one.
        if self._authority is None or self._authority[0] != issuer:
            try:
                self._authority = (issuer, Authority.of(issuer, self._device))
            except CertificateError as error:
                raise JoinError(Problem.ISSUER, str(error)) from error
        return self._authority[1]

    def invite(
        self,
        expires_s: int,
        *addresses: str,
        approved: bool = False,
        owner: str = "",
        replaces: str = "",
    ) -> str:
        """Make the line that lets one device join until it expires.

        Args:
            expires_s: Seconds that it can be used.
            addresses: Those of this node's `Enrolment`, HOST:PORT, the likeliest first.
            approved: Whoever comes with it is let in at once; that takes an admin, as does any
                invite where the team approves nothing.
            owner: The person of the team whose further device it is for; empty for somebody new.
            replaces: The start of the id of that person's device whose place it takes.

        Raises:
            PolicyError: this device is no issuer, or may not approve; the message says who may.
                Or there is no such person, or no such device that can be replaced.
            TeamError: too many invites are open, the time is wrong, or the disk is full.
            AddressError: an address is none, or there is none.

        """
        policy = self._chain.current
        if not self.open:
            issuers = " or ".join(policy.who_has(Role.ISSUER))
            raise PolicyError(f"this device cannot invite; {issuers} can: devstream team invite")
        # An issuer lets in whom admins approve; approving beforehand is an admin's act.
        if approved and not policy.has_role(self._device.id, Role.ADMIN):
            raise PolicyError(
                "only an admin can approve a join beforehand; "
                f"{' or '.join(policy.who_has(Role.ADMIN))} can"
            )
        if not 1 <= expires_s <= MAX_INVITE_S:
            raise TeamError("an invite lasts from one second to 30 days")
        if replaces:
            owner, replaces = self._replaced(policy, owner, replaces)
        elif owner:
            changes.check_known(policy, owner)
        # Nobody else may change the list between the count and the write.
        with self._lock, written():
            made: Invite = new_invite(self.authority().pin, self._device.public, *addresses)
            self._invites.add(
                made,
                self._now() + expires_s * 1000,
                self._now(),
                approved=approved,
                owner=owner,
                replaces=replaces,
            )
        return write_invite(made)

    def _replaced(self, policy: Policy, owner: str, beginning: str) -> tuple[str, str]:
        """Return person and whole id of a device to replace."""
        device = changes.chosen_device(policy, beginning)
        owner = owner or policy.persons[device]
        changes.check_replaceable(policy, device, owner)
        if device == self._device.id:
            raise PolicyError(
                "that is this device, which cannot let its own successor in: leave --replace out,"
                " and end with devstream team leave here"
            )
        return owner, device

    def replaced_by(self, invite_id: bytes) -> str:
        """Return the device whose place the bearer of an invite takes; empty for none."""
        return self._invites.replaced_by(invite_id)

    def issued_at(self, device: str) -> int:
        """Return when a device got its last certificate here, UTC milliseconds; 0: never."""
        return self._invites.issued_at(device)

    def open_for(self) -> float:
        """For how many seconds the door has to be open from now.

        For an invite, a member whose certificate may need renewal, or one whose answer may have
        been lost.
        """
        if not self.open:
            return 0
        now = self._now()
        # An open invite needs the door to its very end; renewals are looked for each hour.
        invited = max(0, self._invites.open_until(now) - now) / 1000
        renewals = 3600.0 if self._renewals_due(now) else 0
        # A line may break between the note of an answer and its arrival.
        again = self._invites.last_issued + AGAIN_MS - now
        return max(invited, renewals, min(max(0, again), AGAIN_MS) / 1000)

    def _renewals_due(self, now: int) -> bool:
        """Return true when some member may need a certificate.

        Half the life of its last one from here is over, counted from its join where it has none; or
        an authority, perhaps the one that it has its certificate from, was taken out of the policy
        since.
        """
        first_seen: dict[str, int] = {}
        lost_at, pins = 0, frozenset[str]()
        for link in self._chain.links:
            for device in link.policy.persons:
                first_seen.setdefault(device, link.policy.issued)
            # An authority went away, so members may hold certificates that nobody trusts any more.
            if pins - link.policy.pins:
                lost_at = link.policy.issued
            pins = link.policy.pins
        policy = self._chain.current
        others = [
            device
            for device in policy.persons
            if device != self._device.id and policy.is_member(device)
        ]
        since = {
            device: max(first_seen[device], self._invites.issued_at(device)) for device in others
        }
        recently_lost = now - lost_at < 2 * RENEW_MS
        return any(now - at > RENEW_MS or (recently_lost and at < lost_at) for at in since.values())

    def admit(self, question: AskMembership, ends: Sequence[End] = ()) -> Admission:
        """Decide on somebody who came with an invite.

        It is bound to the device before anything is signed, so a crash in between lets the same
        device ask again, and no other. `ends` are those of the device that is replaced.

        Raises:
            JoinError: it may not in; the `problem` is the answer.
            PolicyError: the policy cannot be changed.
            TeamError: the disk is full.

        """
        with self._lock, written():
            authority, policy, now = self.authority(), self._chain.current, self._now()
            device = device_id(question.device)
            is_member = policy.is_member(device)
            # The invite first: without its secret a stranger learns nothing about names or keys.
            known = self._invites.check(
                question.invite, question.secret, question.device, now, is_member=is_member
            )
            # The proof binds key, name and invite, so none of them can be swapped on the way.
            _check_device(question, authority)
            newcomer = _newcomer(device, question, known)
            # A device keeps the name it came under.
            if is_member and policy.persons[device] != newcomer.person:
                raise JoinError(Problem.DEVICE)
            if not is_member:
                _check_name(policy, newcomer)
            try:
                # Before the invite is spent: a bad request must not use it up.
                certificate = authority.issue(device, question.request, now)
            except CertificateError:
                raise JoinError(Problem.DEVICE) from None
            # On disk before the policy changes, so a crash here lets in no second device.
            first = self._invites.spend(question.invite, question.device, newcomer.person, now)
            if not is_member:
                may_sign = policy.has_role(self._device.id, Role.ADMIN)
                # The certificate stays here until an admin's signature puts the device into the
                # policy.
                if not may_sign or (policy.asks_approval and not known.approved):
                    return Admission("", newcomer, first, known.expires)
                # More admins have to sign, so the joiner waits as well, and asks again and again.
                if self._is_proposed(device) or not self._change(
                    changes.take_in(newcomer, now, ends)
                ):
                    return Admission("", newcomer, first, known.expires)
            self._invites.settle(question.invite, now)
            self._invites.note_issued(device, now)
            return Admission(certificate, newcomer, first, known.expires)

    def _is_proposed(self, device: str) -> bool:
        """Return true when this device has proposed to take that one in."""
        return any(
            device in one.policy.persons and self._device.id in one.signed_by
            for one in self._chain.proposals
        )

    def renew(self, question: AskRenewal) -> str:
        """Issue a new certificate (PEM) for a member's device.

        Its last one may be of any age.

        Raises:
            JoinError: it is not in the team, or did not sign the question.
            TeamError: the disk is full.

        """
        authority, device = self.authority(), device_id(question.device)
        # The policy alone counts here: an expired certificate is why the device asks.
        if not self._chain.current.is_member(device):
            raise JoinError(Problem.NO_MEMBER)
        if not verify(
            question.device, renewal_message(authority.pin, question.request), question.proof
        ):
            raise JoinError(Problem.DEVICE)
        try:
            certificate = authority.issue(device, question.request, self._now())
        except CertificateError:
            raise JoinError(Problem.DEVICE) from None
        with self._lock, written():
            self._invites.note_issued(device, self._now())
        return certificate

    def answer(self, renewals: Renewals) -> bool:
        """Answer the requests for renewal that came over the links; true when one was.

        Of one device one in ten minutes, so that none keeps this one signing.

        Raises:
            JoinError: the authority's key does not open.
            TeamError: the disk is full.

        """
        answered, authority = False, self.authority()
        for asked in renewals.open():
            device, now = asked.device, time.monotonic()
            if now - self._answered.get(device, -ANSWER_EVERY_S) < ANSWER_EVERY_S:
                continue
            # The place is a member's (Renewals.take), and a member may be revoked since.
            if not self._chain.current.is_member(device):
                continue
            self._answered[device] = now
            try:
                certificate = authority.issue(device, asked.request, self._now())
            except CertificateError:
                continue
            with self._lock, written():
                self._invites.note_issued(device, self._now())
            answered |= renewals.answer(device, certificate)
        return answered

    def reject(self, device: str) -> None:
        """Turn away a device that waits here; nothing happens when none does.

        Raises:
            TeamError: the disk is full.

        """
        with self._lock, written():
            self._invites.reject(public_key(device))


def _check_device(question: AskMembership, authority: Authority) -> None:
    if not is_sound(question.device) or not verify(
        question.device, proof_message(authority.pin, question), question.proof
    ):
        raise JoinError(Problem.DEVICE)


def _newcomer(device: str, question: AskMembership, invite: OpenInvite) -> Newcomer:
    """Say who comes: the person of the invite, or the new one that the device names."""
    if invite.owner and question.person not in ("", invite.owner):
        raise JoinError(Problem.OTHER_PERSON)
    if not (invite.owner or question.person):
        raise JoinError(Problem.UNNAMED)
    return Newcomer(
        device=device,
        person=invite.owner or question.person,
        machine=clean(question.machine, MACHINE_LENGTH),
        another=bool(invite.owner),
        replaces=invite.replaces,
    )


def _check_name(policy: Policy, newcomer: Newcomer) -> None:
    try:
        check_name(newcomer.person, "person")
    except PolicyError:
        raise JoinError(Problem.NAME) from None
    # A device that was revoked never comes back, under no name.
    if newcomer.device in policy.persons:
        raise JoinError(Problem.DEVICE)
    if not newcomer.another and changes.is_name_taken(policy, newcomer.person):
        raise JoinError(Problem.NAME_TAKEN)
