"""Next versions that wait for signatures: every node keeps a few and passes them on."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from devstream_desktop.team.policy.documents import Signed

MAX_OF_SIGNER = 2
"""Proposals of one signer that wait.

Every node keeps and forwards them. One of them at most can come into force, as the next version.
"""


def proposed(
    proposals: tuple[Signed, ...], link: Signed, signers: AbstractSet[str]
) -> tuple[Signed, ...]:
    """Return the proposals with this one, or with its further signatures; oldest first.

    `signers` are the admins among those who signed it. The newest ones of each signer stay, so that
    nobody takes another's place. They are the same proposals when it brings nothing new.
    """
    known = next((one for one in proposals if one.hash == link.hash), None)
    if known is not None and known.signed_by >= signers:
        return proposals
    kept = Signed(
        link.payload, tuple(one for one in link.signatures if one[0] in signers), link.policy
    )
    others = (one for one in proposals if one is not known)
    # By what they say alone, so that every node keeps the same ones, in whatever order they come.
    waiting = sorted((*others, kept), key=lambda one: (one.policy.issued, one.hash))
    left = dict.fromkeys((signer for one in waiting for signer in one.signed_by), MAX_OF_SIGNER)
    newest: list[Signed] = []
    for one in reversed(waiting):
        if any(left[signer] > 0 for signer in one.signed_by):
            newest.append(one)
        for signer in one.signed_by:
            left[signer] -= 1
    found = tuple(reversed(newest))
    return proposals if found == proposals else found
