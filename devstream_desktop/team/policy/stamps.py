"""Numbers that tell two chains apart, and the documents one lacks."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from devstream_desktop.team.policy.documents import Signed

BRANCH = 32
"""Most versions since the start of a branch that peers still get."""

_VERSION_BITS, _HEAD_BITS = 32, 20


def stamp_of(links: Sequence[Signed], proposals: Sequence[Signed], fork: bytes | None) -> int:
    """Return a number that two nodes share when they hold the same.

    It is made of the version, the start of its hash, and a hash of what else is known.
    """
    # Proposals and forks count too: two nodes with the same newest version may still have
    # something to tell each other.
    rest = hashlib.sha256(
        repr([(one.hash, sorted(one.signed_by)) for one in proposals]).encode() + (fork or b"")
    ).digest()
    return _of_version(links[-1]) | int.from_bytes(rest[:4], "big") >> _HEAD_BITS


def lacking(
    known: int,
    links: Sequence[Signed],
    proposals: Sequence[Signed],
    fork: bytes | None,
    *,
    again: bool = False,
) -> list[bytes]:
    """Return the documents that a peer with the stamp `known` (0: nothing) lacks, oldest first.

    A branch is sent from before its start. With `again` to a peer that is ahead as well: it may be
    on one that loses to this.
    """
    version, current = known >> _VERSION_BITS, links[-1].policy.version
    # A peer that is ahead, or on another branch, may need what comes before its own version.
    first = version
    if version > current:
        first = current - BRANCH if fork or again else current
    elif version and _of_version(links[version - 1]) >> (32 - _HEAD_BITS) != known >> (
        32 - _HEAD_BITS
    ):
        first = version - BRANCH
    if known == stamp_of(links, proposals, fork):
        return []
    # The losing branch is sent to peers with the same version only: others get it with its
    # successor.
    losing = [fork] if fork and first == current == version else []
    return [*(link.document for link in (*links[max(0, first) :], *proposals)), *losing]


def _of_version(link: Signed) -> int:
    return link.policy.version << _VERSION_BITS | int(link.hash[:8], 16) >> (32 - _HEAD_BITS) << (
        32 - _HEAD_BITS
    )
