"""Two branches of one chain: which of them is the team's.

The Update Framework has one place where versions are made; here every admin's device may make one,
and two may at the same moment. Every node decides alike between two branches of one chain, so that
the team stays one:

    - A branch that takes the right to sign from the signer of the other wins: a stolen key cannot
      undo its removal, whenever it signs.
    - When both do that to each other, each node stays with the branch it had first, since nothing
      tells the thief from the owner.
    - Otherwise the branch that revokes more devices wins, then the longer one, then the one whose
      first version has the lower hash. The signer of the other branch repeats its changes
      (`Team.restore`).
"""

from __future__ import annotations

from collections.abc import Sequence

from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.policy import Policy


def wins(base: Policy, *, theirs: Sequence[Signed], mine: Sequence[Signed]) -> bool:
    """Return true when the other branch from `base` is the team's."""
    they_strike = bool(_removed(base, theirs) & _signers(base, mine))
    we_strike = bool(_removed(base, mine) & _signers(base, theirs))
    # A branch that removes the other's signers wins, so that a stolen key cannot undo its removal.
    # If both do, each node keeps its own.
    if they_strike or we_strike:
        return they_strike and not we_strike
    return _rank(theirs) > _rank(mine)


def _rank(branch: Sequence[Signed]) -> tuple[int, int, int]:
    return len(branch[-1].policy.revoked), len(branch), -int(branch[0].hash, 16)


def _removed(base: Policy, branch: Sequence[Signed]) -> frozenset[str]:
    return base.signers() - branch[-1].policy.signers()


def _signers(base: Policy, branch: Sequence[Signed]) -> frozenset[str]:
    return frozenset[str]().union(*(link.signed_by for link in branch)) & base.signers()
