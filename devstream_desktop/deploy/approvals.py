"""Approvals: a second person says yes to exactly one request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

APPROVAL_MS = 15 * 60_000
"""Milliseconds for which an approval counts."""


@dataclass(frozen=True)
class Approval:
    """One person's yes, from one device."""

    person: str
    at: int
    """By the executor's clock, UTC milliseconds."""


def approvers(
    given: Iterable[Approval], asker: str, now: int, may_approve: Callable[[str], bool]
) -> tuple[str, ...]:
    """Return the persons whose approval counts now.

    Never the asker, from whatever device; nobody twice; nobody who lost the role.
    """
    return tuple(
        sorted(
            {
                one.person
                for one in given
                if one.person != asker
                and 0 <= now - one.at <= APPROVAL_MS
                and may_approve(one.person)
            }
        )
    )
