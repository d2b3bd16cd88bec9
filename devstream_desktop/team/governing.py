"""The acts by which a device governs its team: policies signed, absorbed and repeated.

`Team` documents each act, and the errors that it raises.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import RLock

from devstream_desktop.keys import DeviceKey
from devstream_desktop.stream.words import Role
from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.chain import PolicyChain
from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.policy import LIFETIME_MS, Policy


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
            in_force = self._publish(Signed.make(self.chain.successor(changed, self.now()), keys))
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
        # All admins' nodes look at the same time; a turn each keeps them from signing one version
        # twice.
        turn = policy.active_admins().index(self.device.id)
        # A proposal that this device signed waits for others, so a second one would not help.
        mine = any(self.device.id in one.signed_by for one in self.chain.proposals)
        if mine or policy.expires - self.now() > LIFETIME_MS // 3 - turn * 86_400_000:
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

    def _publish(self, signed: Signed) -> bool:
        grown = self.chain.copy()
        # Through the same checks as a policy from elsewhere.
        grown.take(signed)
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
