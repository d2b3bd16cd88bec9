"""The acts by which a device governs its team: policies signed, absorbed and repeated.

`Team` documents each act, and the errors that it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock

import msgspec

from devstream_desktop.keys import DeviceKey
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.policy import LIFETIME_MS, Policy

_DAY_MS = 86_400_000


class Governing:
    """Grows the chain of policies: each act is on disk before it shows."""

    def __init__(
        self,
        device: DeviceKey,
        chain: PolicyChain,
        *,
        save: Callable[[PolicyChain], None],
        tell: Callable[[], None],
        lock: RLock,
        now: Callable[[], int],
    ) -> None:
        """`save` keeps a chain on disk; `tell` is called after each change, without the lock."""
        self.device = device
        self.chain = chain
        self._save = save
        self._tell = tell
        self._lock = lock
        self.now = now
        self._lost: list[tuple[Policy, Policy]] = []

    @property
    def is_admin(self) -> bool:
        """True when this device may sign changes."""
        return self.chain.current.has_role(self.device.id, Role.ADMIN)

    def change(self, make: changes.Change, *, recovery: DeviceKey | None = None) -> bool:
        """Sign a change of the policy; return true when it is in force."""
        with self._lock:
            policy = self.chain.current
            if recovery is None:
                self._require_admin()
            changed = make(policy)
            # A change of nothing is signed late in a policy's life, because it renews it.
            if changed == policy and policy.expires - self.now() > LIFETIME_MS // 3:
                return True
            # This device signs too, because the next version must be signed by its own admins.
            keys = [self.device] if recovery is None else [recovery, self.device]
            in_force = self._publish(self._next(changed, keys))
        # Outside of the lock: the listener may ask this object again.
        self._tell()
        return in_force

    def approve(self, proposal: str) -> bool:
        """Sign the proposal whose id (its hash) starts with `proposal`."""
        with self._lock:
            self._require_admin()
            found = [one for one in self.chain.proposals if one.hash.startswith(proposal)]
            # A prefix that fits several proposals must not sign one of them by chance.
            if len(found) != 1:
                raise PolicyError(
                    f"{len(found) or 'no'} proposed changes of the policy match; see devstream "
                    "team policy"
                )
            in_force = self._publish(found[0].signed_with(self.device))
        self._tell()
        return in_force

    def renew(self) -> bool:
        """Renew the policy when its end is near; return true when that was done."""
        policy = self.chain.current
        if not self.is_admin:
            return False
        now = self.now()
        waiting = self._waiting(policy, now)
        # All admins' nodes look at the same time; a turn each keeps them from signing one version
        # twice. Who finds another's renewal signs that one.
        turn = 0 if waiting else policy.active_admins().index(self.device.id)
        if policy.expires - now > LIFETIME_MS // 3 - turn * _DAY_MS:
            return False
        if waiting is not None:
            # It waits for others, so a second one would not help.
            if self.device.id in waiting.signed_by:
                return False
        # Any other change renews the policy as well, and has a day to get its signatures.
        elif any(
            self.device.id in one.signed_by and now - one.policy.issued < _DAY_MS
            for one in self.chain.proposals
        ):
            return False
        self.change(lambda same: same)
        return True

    def absorb(self, documents: Sequence[bytes]) -> bool:
        """Take the policies that a peer sent, oldest first; whether anything changed."""
        problem: PolicyError | None = None
        with self._lock:
            # On a copy, which counts once it is on disk.
            grown, before, links = self.chain.copy(), self.chain.stamp, self.chain.links
            try:
                grown.absorb(documents)
            except PolicyError as error:
                # What came before the bad document is good, and is kept.
                problem = error
            changed = grown.stamp != before
            if changed:
                self._keep(grown)
                # A branch of ours that lost: its changes are made again by `restore`.
                self._note_lost(links)
            else:
                # A part of a branch may be all that is new, and is only in memory.
                self.chain.adopt(grown)
        if changed:
            self._tell()
        if problem is not None:
            raise problem
        return changed

    def restore(self) -> bool:
        """Repeat this device's changes of a branch that lost; true when there were any."""
        with self._lock:
            lost = bool(self._lost)
            # Only an admin can sign them again; for others they are over.
            while self._lost and self.is_admin:
                base, mine = self._lost.pop(0)
                self.change(changes.rebased(base, mine))
            self._lost.clear()
        return lost

    def _require_admin(self) -> None:
        if not self.is_admin:
            admins = " or ".join(self.chain.current.who_has(Role.ADMIN))
            raise PolicyError(f"only an admin's device can change the team; {admins} can")

    def _next(self, changed: Policy, keys: Sequence[DeviceKey]) -> Signed:
        """Sign the next version: one that waits for signatures where it says the same."""
        now = self.now()
        waiting = self._waiting(changed, now)
        if waiting is not None:
            for key in keys:
                waiting = waiting.signed_with(key)
            return waiting
        # The newest ones of a signer stay, also where its clock was set back.
        mine = [one for one in self.chain.proposals if self.device.id in one.signed_by]
        late = max((one.policy.issued + 1 for one in mine), default=0)
        return Signed.make(self.chain.successor(changed, max(now, late)), keys)

    def _waiting(self, changed: Policy, now: int) -> Signed | None:
        """Find the oldest proposal of this change, by whomever."""
        wanted = self.chain.successor(changed, now)
        return next(
            (
                one
                for one in self.chain.proposals
                # Nobody else's dates are signed unseen, and none that soon end.
                if 0 <= now - one.policy.issued < LIFETIME_MS // 3
                and one.policy.expires == one.policy.issued + LIFETIME_MS
                and _undated(one.policy) == _undated(wanted)
            ),
            None,
        )

    def _publish(self, signed: Signed) -> bool:
        grown = self.chain.copy()
        # Through the same checks as a policy from elsewhere.
        if grown.take(signed):
            self._keep(grown)
        return self.chain.current.version == signed.policy.version

    def _keep(self, grown: PolicyChain) -> None:
        # On disk before it shows: a version that others have and its signer forgot would be signed
        # twice.
        self._save(grown)
        self.chain.adopt(grown)

    def _note_lost(self, before: Sequence[Signed]) -> None:
        now = self.chain.links
        self._lost += [
            (previous.policy, link.policy)
            for previous, link, other in zip(
                before, before[1:], (*now[1:], *(None,) * len(before)), strict=False
            )
            if (other is None or other.hash != link.hash) and self.device.id in link.signed_by
        ]


def _undated(policy: Policy) -> Policy:
    return msgspec.structs.replace(policy, issued=0, expires=0)
