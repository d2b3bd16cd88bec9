"""Documents of a peer, taken into a chain; a branch that wins takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from devstream_desktop.team.errors import PolicyError, PolicyForkError
from devstream_desktop.team.policy.branches import wins
from devstream_desktop.team.policy.documents import Signed, payload_hash

if TYPE_CHECKING:
    from devstream_desktop.team.policy.chain import PolicyChain

MAX_STALE = 8
"""Documents in one message that are genuine and change nothing.

The proposals that are known come on top.
"""


def absorb(chain: PolicyChain, documents: Sequence[bytes]) -> bool:
    """Take what a peer sent, oldest first, as `PolicyChain.absorb` says."""
    # On a copy, because a document in the middle may be bad.
    branch, rival, before = chain.copy(), False, chain.stamp
    known = {link.hash for link in chain.links}
    refused = {link.hash: count for count, link in enumerate(chain.refused, 1)}
    stale = -len(chain.proposals)
    problem: PolicyError | None = None
    try:
        for document in documents:
            # Nobody's signatures are checked without end: not on what is here, nor on the same
            # few words again and again.
            digest = payload_hash(document)
            if digest in known:
                continue
            if digest in refused:
                if not rival:
                    chain.adopt(branch)
                branch, rival = chain.rejoined(refused[digest]), True
                continue
            if stale > MAX_STALE:
                problem = PolicyError("nothing of what was sent is new")
                break
            link = Signed.open(document)
            version = link.policy.version
            # A branch of some megabytes comes in several messages.
            if link.policy.prev in refused and link.policy.prev != branch.links[-1].hash:
                if not rival:
                    chain.adopt(branch)
                branch, rival = chain.rejoined(refused[link.policy.prev]), True
                stale += 1
            # The sender knows another version of this number: from here on it is a rival
            # branch.
            elif version <= branch.current.version:
                # What was grown so far is ours and stays, whatever comes of the rival.
                if not rival:
                    chain.adopt(branch)
                branch, rival = chain.upto(version - 1, link), True
                stale += 1
            stale += not branch.take(link)
            if branch.links[-1].hash == link.hash:
                known.add(link.hash)
    except PolicyError as error:
        problem = error
    if not rival:
        chain.adopt(branch)
    else:
        _settle(chain, branch)
    if problem is not None:
        raise problem
    return chain.stamp != before


def _settle(chain: PolicyChain, rival: PolicyChain) -> None:
    """Choose between a chain and a branch of it.

    Raises:
        PolicyForkError: the chain stays as it is.

    """
    pairs = zip(chain.links, rival.links, strict=False)
    start = next(number for number, (mine, theirs) in enumerate(pairs) if mine.hash != theirs.hash)
    mine, theirs = chain.links[start], rival.links[start]
    # The rule looks at content alone, so that every node decides alike.
    if wins(chain.links[start - 1].policy, theirs=rival.links[start:], mine=chain.links[start:]):
        rival.fork(mine)
        chain.adopt(rival)
        return
    # Only a branch from the newest version can still surprise anybody; an old one must not stop
    # deploys for ever.
    if start == len(chain.links) - 1:
        chain.fork(theirs)
    chain.refuse(rival.links[start:])
    version = mine.policy.version
    raise PolicyForkError(
        f"there are two signed policies of version {version}: two admins changed the team at "
        "once, or a key was stolen"
    )
