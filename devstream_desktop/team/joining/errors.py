"""Reasons for a failed join.

Each problem has a code, which travels, and one sentence (join_words.py), which does not.

The issuer answers with the code alone, so that no text of a stranger is shown to the person who
joins.
"""

from __future__ import annotations

from enum import StrEnum

from devstream_desktop.control.join_words import PROBLEMS
from devstream_desktop.team.errors import TeamError


class Problem(StrEnum):
    """Code of a failed join."""

    NOT_AN_INVITE = "not-an-invite"
    MISTYPED = "mistyped"
    NEWER = "newer"
    EXPIRED = "expired"
    USED = "used"
    BURNT = "burnt"
    UNKNOWN = "unknown"
    WRONG_SECRET = "wrong-secret"  # noqa: S105  # a code, not a secret
    NAME = "name"
    NAME_TAKEN = "name-taken"
    NAMES = "names"
    UNNAMED = "unnamed"
    OTHER_PERSON = "other-person"
    DEVICE = "device"
    UNREACHABLE = "unreachable"
    PIN = "pin"
    IMPOSTOR = "impostor"
    CLOCK = "clock"
    ANSWER = "answer"
    ISSUER = "issuer"
    MEMBER = "member"
    REJECTED = "rejected"
    NO_MEMBER = "no-member"


class JoinError(TeamError):
    """A join that failed, or an invite that cannot be made; `problem` says which way."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        sentence = PROBLEMS[problem]
        super().__init__(f"{sentence} ({detail})" if detail else sentence)
        self.problem = problem
        self.detail = detail


class JoinWaitsError(TeamError):
    """A join that an admin has to approve first.

    The same join is asked for again until it is decided.
    """

    def __init__(self, team: str, approvers: tuple[str, ...]) -> None:
        super().__init__(
            f"{' or '.join(approvers) or 'an admin'} has to approve the join; ask again until then"
        )
        self.team = team
        self.approvers = approvers
