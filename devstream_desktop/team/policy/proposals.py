"""Next versions that wait for signatures: every node keeps a few and passes them on."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from devstream_desktop.team.errors import PolicyError
from devstream_desktop.team.policy.documents import Signed

MAX_PROPOSALS = 8


def proposed(
    proposals: tuple[Signed, ...], link: Signed, signers: AbstractSet[str]
) -> tuple[Signed, ...]:
    """Return the proposals with this one, or with its further signatures; oldest first.

    `signers` are the admins among those who signed it. They are the same proposals when it brings
    nothing new.

    Raises:
        PolicyError: too many wait already.

    """
    known = next((one for one in proposals if one.hash == link.hash), None)
    others = tuple(one for one in proposals if one is not known)
    if known is not None and known.signed_by >= signers:
        return proposals
    # Every node keeps and forwards proposals, so their number has a limit.
    if len(others) >= MAX_PROPOSALS:
        raise PolicyError(
            f"{MAX_PROPOSALS} changes of the policy wait for signatures already; sign one, or "
            "make any change to drop them"
        )
    kept = Signed(
        link.payload, tuple(one for one in link.signatures if one[0] in signers), link.policy
    )
    return tuple(sorted((*others, kept), key=lambda one: (one.policy.issued, one.hash)))
