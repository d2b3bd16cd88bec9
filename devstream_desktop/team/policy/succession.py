"""The rule by which one version of the policy follows another."""

from __future__ import annotations

from devstream_desktop.team.policy.documents import Signed
from devstream_desktop.team.policy.policy import Policy


def misfit(link: Signed, last: Signed, team: str) -> str:
    """Return why a version does not follow `last`, whoever signed it; empty when it does."""
    version, current = link.policy.version, last.policy
    # A peer can neither skip a version nor roll one back.
    if version != current.version + 1:
        return (
            f"policy version {version} does not follow version {current.version}; the ones "
            "between are missing"
        )
    # Else a policy of another team with the same admins would fit.
    if link.policy.team != team:
        return "the policy is another team's"
    # The hash ties it to one past, so versions of two branches cannot be mixed.
    if link.policy.prev != last.hash:
        return (
            f"policy version {version} does not follow the version {current.version} that is "
            "known here"
        )
    if link.policy.issued <= current.issued:
        return f"policy version {version} claims to be older than version {current.version}"
    return ""


def unsigned(link: Signed, current: Policy) -> str:
    """Return which signatures a version lacks to follow `current`; empty for none."""
    # The old admins hand over, and the new ones prove that they can sign.
    return link.lacks(current) or link.lacks(link.policy)
