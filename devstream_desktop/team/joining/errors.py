"""Reasons for a failed join.

Each problem has a code, which travels, and one sentence, which does not.

The issuer answers with the code alone, so that no text of a stranger is shown to the person who
joins.
"""

from __future__ import annotations

from enum import StrEnum

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


_SENTENCES = {
    Problem.NOT_AN_INVITE: "this is not an invite: one is a single line that starts with ds1-; "
    "copy it again",
    Problem.MISTYPED: "the invite is mistyped or cut: copy the whole line again",
    Problem.NEWER: "the invite was made by a newer devstream: update this one",
    Problem.EXPIRED: "the invite has expired: ask for a new one",
    Problem.USED: "the invite was used by another device already: ask for a new one, and if you "
    "do not know that device, tell the person who invited you",
    Problem.BURNT: "the invite was closed after too many wrong tries: ask for a new one",
    Problem.UNKNOWN: "the issuer does not know this invite (any more): ask for a new one",
    Problem.WRONG_SECRET: "the invite's secret is wrong: copy the whole line again, or ask for a "
    "new one",
    Problem.NAME: "the name cannot be used: up to 40 letters, digits, spaces and . @ ' _ - after "
    "a letter or digit",
    Problem.NAME_TAKEN: "somebody in the team has this name, or one like it: choose another with "
    "--person; where it is you, ask for an invite of your own, made with devstream team invite "
    "--for NAME",
    Problem.UNNAMED: "the invite is for somebody new: say your name in the team with --person",
    Problem.OTHER_PERSON: "the invite is for another device of somebody else: leave the name "
    "(--person) out if that is you, or ask for a new invite",
    Problem.DEVICE: "the issuer does not take this device's key: it is weak, revoked, or known "
    "by another name; join with a fresh --home",
    Problem.UNREACHABLE: "the issuer cannot be reached: check that its node runs, and that this "
    "network lets you through; where its address or version changed, ask for a new invite",
    Problem.PIN: "what answers at the invite's address is not the team that invited you; nothing "
    "secret was sent: check the address, and tell the person who invited you",
    Problem.IMPOSTOR: "what answers at the invite's address is not the device that invited you; "
    "nothing secret was sent: tell the person who invited you",
    Problem.CLOCK: "the issuer's certificate is not valid at this machine's time: set the clock, "
    "or have the issuer restart devstream",
    Problem.ANSWER: "the issuer answered something that is not a membership of the team that "
    "invited you: update devstream on both sides",
    Problem.ISSUER: "the issuer could not complete the join: see its node.log, and try again",
    Problem.REJECTED: "an admin of the team rejected this device: ask the person who invited you",
    Problem.NO_MEMBER: "the issuer does not know this device as one of the team: it was revoked, "
    "or the issuer lags behind",
    Problem.MEMBER: "this home cannot join another team",
}


class JoinError(TeamError):
    """A join that failed, or an invite that cannot be made; `problem` says which way."""

    def __init__(self, problem: Problem, detail: str = "") -> None:
        super().__init__(f"{_SENTENCES[problem]} ({detail})" if detail else _SENTENCES[problem])
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
