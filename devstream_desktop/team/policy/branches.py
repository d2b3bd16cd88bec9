"""Two branches of one chain: which of them is the team's.

The Update Framework has one place where versions are made; here every admin's device may make one,
and two may at the same moment. Every node decides alike between two branches of one chain, so that
the team stays one:

    - A branch that came to ask for more signatures than the version before both wins, so that a
      key alone cannot go back to the time when it was enough. More signatures by admins of that
      version win over fewer. Signatures of newer admins alone win over a branch that asks for no
      more; two such branches are not left for each other, because anybody can make admins.
    - Such a branch does not win, and is not left either, when the other takes the right to sign
      from one of its signers: that may be the removal of the key that made it, or the revenge of
      the key that is no longer enough.
    - A branch that takes the right to sign from the signer of the other wins: a stolen key cannot
      undo its removal, whenever it signs.
    - When both do that to each other, each node stays with the branch it had first, since nothing
      tells the thief from the owner.
    - Otherwise the branch that revokes more devices wins, then the longer one, then the one whose
      first version has the lower hash. The signer of the other branch repeats its changes
      (`Team.restore`).

Revoked devices count whoever they are. If only those did that the version before both knows, they
would differ for each two of three branches, and each of the three could lose to the next one.
"""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.policy import Policy


def wins(base: Policy, *, theirs: Sequence[Signed], mine: Sequence[Signed]) -> bool:
    """Return true when the other branch from `base` is the team's."""
    they_strike = bool(_removed(base, theirs) & _signers(base, mine))
    we_strike = bool(_removed(base, mine) & _signers(base, theirs))
    they_bind, we_bind = _bound(base, theirs), _bound(base, mine)
    # A key that was enough at `base` is not enough for who agreed since that more must sign.
    if they_bind != we_bind:
        return they_bind > we_bind and not we_strike
    # Both were signed by admins whom anybody could have made.
    if they_bind == _BY_NEW_ADMINS:
        return False
    # A branch that removes the other's signers wins, so that a stolen key cannot undo its removal.
    # If both do, each node keeps its own.
    if they_strike or we_strike:
        return they_strike and not we_strike
    return _rank(theirs) > _rank(mine)


_BY_NEW_ADMINS = 1
"""Bound by admins of the branch alone."""


def _bound(base: Policy, branch: Sequence[Signed]) -> int:
    """Count the admins of `base` that a higher threshold binds.

    `_BY_NEW_ADMINS` where they are no more than before; 0 where the threshold never rose.
    """
    raised = [link for link in branch if link.policy.threshold > base.threshold]
    signers = base.signers()
    agreed = [min(link.policy.threshold, len(link.signed_by & signers)) for link in raised]
    known = max(agreed, default=0)
    return known if known > base.threshold else _BY_NEW_ADMINS * bool(raised)


def _rank(branch: Sequence[Signed]) -> tuple[int, int, int]:
    return len(branch[-1].policy.revoked), len(branch), -int(branch[0].hash, 16)


def _removed(base: Policy, branch: Sequence[Signed]) -> frozenset[str]:
    return base.signers() - branch[-1].policy.signers()


def _signers(base: Policy, branch: Sequence[Signed]) -> frozenset[str]:
    return frozenset[str]().union(*(link.signed_by for link in branch)) & base.signers()
