"""The invites and certificates that an issuer has given out.

Of an invite only the secret's hash is kept; of a device, when it got its last certificate.
"""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

import msgspec

from devstream_desktop.private_file import read_kept, write_private
from devstream_desktop.team.errors import TeamError
from devstream_desktop.team.joining.errors import JoinError, Problem
from devstream_desktop.team.joining.invite import Invite

MAX_OPEN = 20
MAX_TRIES = 5
"""Wrong secrets until an invite is closed."""
MAX_NAMES = 3
"""Names that its device may ask under; each is told to the whole team."""
REPEAT_MS = 600_000
"""Milliseconds after its use in which the same device may ask again.

The answer may have been lost.
"""
_REMEMBER_MS = 7 * 86_400_000  # so that a late joiner hears "expired" or "used", not "unknown"


class OpenInvite(msgspec.Struct, frozen=True, kw_only=True):
    """One invite; times are UTC milliseconds, the rest hexadecimal."""

    id: str
    secret_hash: str
    expires: int
    approved: bool = False
    """Whoever comes with it needs no further approval."""
    owner: str = ""
    """The person whose further device comes with it; empty for somebody new."""
    replaces: str = ""
    """The device of that person whose place it takes."""
    tries: int = 0
    person: str = ""
    """The name that the device asked for last."""
    names: int = 0
    """The count of names that it has asked for."""
    admitted: bool = False
    rejected: bool = False
    used_by: str = ""
    """The public key of the device that came with it."""
    used_at: int = 0


class _Stored(msgspec.Struct, frozen=True):
    format: int
    invites: tuple[OpenInvite, ...]
    issued: dict[str, int] = {}


class OpenInvites:
    """The list, on disk after each change. One thread at a time may change it: its team locks."""

    def __init__(
        self, path: Path, invites: tuple[OpenInvite, ...] = (), issued: dict[str, int] | None = None
    ) -> None:
        self._path = path
        self._invites = {invite.id: invite for invite in invites}
        self._issued = issued or {}

    @classmethod
    def load(cls, path: Path) -> OpenInvites:
        """Return the list in `path`.

        Empty when there is none, or none that can be read: who was invited is invited again.
        """
        stored = read_kept(path, _Stored)
        return cls(path) if stored is None else cls(path, stored.invites, stored.issued)

    def add(
        self,
        invite: Invite,
        expires_ms: int,
        now_ms: int,
        *,
        approved: bool = False,
        owner: str = "",
        replaces: str = "",
    ) -> None:
        """Remember an invite that was just made; the rest is as `OpenInvite` has it.

        Raises:
            TeamError: too many are open.

        """
        # Old ones are dropped here, so that the file does not grow.
        self._invites = {
            key: known
            for key, known in self._invites.items()
            if known.expires + _REMEMBER_MS > now_ms
        }
        if sum(_is_open(known, now_ms) for known in self._invites.values()) >= MAX_OPEN:
            raise TeamError(f"{MAX_OPEN} invites are open already; wait until one is used or ends")
        secret_hash = hashlib.sha256(invite.secret).hexdigest()
        self._put(
            OpenInvite(
                id=invite.id.hex(),
                secret_hash=secret_hash,
                expires=expires_ms,
                approved=approved,
                owner=owner,
                replaces=replaces,
            )
        )

    def check(
        self,
        invite_id: bytes,
        secret: bytes,
        device: bytes,
        now_ms: int,
        *,
        is_member: bool = False,
    ) -> OpenInvite:
        """Let `device` (its public key) pass, or say why not; a wrong secret counts.

        One that is in by now, `is_member`, may come late.

        Raises:
            JoinError: unknown, closed, wrong secret, expired, used by another device, or turned
                away.

        """
        known = self._invites.get(invite_id.hex())
        if known is None:
            raise JoinError(Problem.UNKNOWN)
        # After some wrong secrets it is closed, so that nobody can guess on.
        if known.tries >= MAX_TRIES:
            raise JoinError(Problem.BURNT)
        # In constant time, and of the hash: the secret itself is not kept.
        if not hmac.compare_digest(hashlib.sha256(secret).hexdigest(), known.secret_hash):
            self._put(msgspec.structs.replace(known, tries=known.tries + 1))
            raise JoinError(Problem.WRONG_SECRET)
        # Only the device that came first may come again.
        if known.used_by not in ("", device.hex()):
            raise JoinError(Problem.USED)
        if known.rejected:
            raise JoinError(Problem.REJECTED)
        # A member whose answer was lost may fetch it after the invite has ended.
        if now_ms >= known.expires and not (is_member and known.used_by):
            raise JoinError(Problem.EXPIRED)
        return known

    def spend(self, invite_id: bytes, device: bytes, person: str, now_ms: int) -> bool:
        """Bind a checked invite to its device, before the device may join.

        False when it was bound to this device and name already.

        Raises:
            JoinError: the device has asked under too many names.

        """
        known = self._invites[invite_id.hex()]
        # The same question again, so its admins need no second notice.
        if known.used_by and known.person == person:
            return False
        if known.names >= MAX_NAMES:
            raise JoinError(Problem.NAMES)
        self._put(
            msgspec.structs.replace(
                known,
                used_by=device.hex(),
                person=person,
                names=known.names + 1,
                used_at=now_ms,
            )
        )
        return True

    def replaced_by(self, invite_id: bytes) -> str:
        """Return the device whose place the bearer of an invite takes; empty for none."""
        known = self._invites.get(invite_id.hex())
        return known.replaces if known is not None else ""

    def issued_at(self, device: str) -> int:
        """Time of a device's last certificate from here, UTC milliseconds; 0: never."""
        return self._issued.get(device, 0)

    @property
    def last_issued(self) -> int:
        """Time of the last certificate from here, UTC milliseconds; 0: none."""
        return max(self._issued.values(), default=0)

    def note_issued(self, device: str, now_ms: int) -> None:
        """Note that a device gets a certificate."""
        self._keep(self._invites, {**self._issued, device: now_ms})

    def settle(self, invite_id: bytes, now_ms: int) -> None:
        """Note that the device has its certificate."""
        known = self._invites[invite_id.hex()]
        if not known.admitted:
            self._put(msgspec.structs.replace(known, admitted=True, used_at=now_ms))

    def reject(self, device: bytes) -> None:
        """Turn away a device that waits."""
        # A list first: each change replaces the table that is being walked.
        for known in [
            known
            for known in self._invites.values()
            if known.used_by == device.hex() and not known.admitted
        ]:
            self._put(msgspec.structs.replace(known, rejected=True, admitted=True))

    def open_until(self, now_ms: int) -> int:
        """Until when a joiner may come (UTC milliseconds); 0 when none may."""
        ends = (
            # After its use the door stays open a little for an answer that was lost.
            min(known.expires, known.used_at + REPEAT_MS) if known.admitted else known.expires
            for known in self._invites.values()
            if known.tries < MAX_TRIES
        )
        return max((end for end in ends if end > now_ms), default=0)

    def _put(self, invite: OpenInvite) -> None:
        self._keep({**self._invites, invite.id: invite}, self._issued)

    def _keep(self, invites: dict[str, OpenInvite], issued: dict[str, int]) -> None:
        # On disk before it counts, and replaced as a whole, so that reading needs no lock.
        write_private(self._path, msgspec.json.encode(_Stored(1, tuple(invites.values()), issued)))
        self._invites, self._issued = invites, issued


def _is_open(invite: OpenInvite, now_ms: int) -> bool:
    return not invite.used_by and invite.tries < MAX_TRIES and now_ms < invite.expires
