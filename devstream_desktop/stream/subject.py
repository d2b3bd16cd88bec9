"""Meaning of a state after its subject's past: failed, still failing, fixed, new.

And the one line that each event is in a history: `Line`, the read form that screens and scripts
share.
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

import msgspec

from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import (
    DEPLOY_FINAL,
    GREEN_STATES,
    RED_STATES,
    Kind,
    Severity,
    Transition,
)

_JUDGED = frozenset({Kind.BUILD, Kind.TEST, Kind.INCIDENT, Kind.SOURCE})


GAP = "/gap"
"""End of the subject that tells what was not read."""
SUPPRESSED = "/suppressed"
"""End of the subject that counts what was too much."""
BACKLOG = "/backlog"
"""End of the subject that tells what came when read again."""
CARRIER = "carrier/"
"""Begin of the subject of a broker that is gone or back."""
ERROR = "/error/"
"""In the subject of an incident that is a program's error."""
_CHANGE_RANK = {"created": 1, "force-pushed": 2, "reset": 2, "merged": 3}


@lru_cache
def is_terminal(kind: Kind, state: str) -> bool:
    """Tell whether a state is a result. Else something is under way, or was called off."""
    judged = (kind, state) in RED_STATES or (kind, state) in GREEN_STATES
    return judged or kind in (Kind.TICKET, Kind.CHANGE)


class Tone(IntEnum):
    """Effect of a line on the state of its thing."""

    NONE = 0
    """It says nothing of it: a step, an older word, a word of a revoked device."""
    GOOD = 1
    OPEN = 2
    """Broken, or a ticket that waits for somebody: it can be claimed."""
    PLAIN = 3
    """A state that is neither, such as where a branch is."""


@lru_cache
def tone(kind: Kind, state: str) -> Tone:
    """Return what a result says of its thing."""
    if (kind, state) in RED_STATES or (kind is Kind.TICKET and state != "closed"):
        return Tone.OPEN
    if (kind, state) in GREEN_STATES or kind is Kind.TICKET:
        return Tone.GOOD
    return Tone.PLAIN if kind is Kind.CHANGE else Tone.NONE


@lru_cache
def rank(kind: Kind, state: str) -> int:
    """Rank the events of one subject and number.

    The row is the one with the higher rank, then the later.

    A result outranks the steps to it and a merge outranks its own push, in whatever order they are
    told.
    """
    # A push to a branch that was just created is one row with its creation.
    if kind is Kind.CHANGE:
        return _CHANGE_RANK.get(state, 0)
    if kind in (Kind.BUILD, Kind.TEST):
        return int(state not in ("queued", "running"))
    if kind is Kind.DEPLOY:
        return int(state in DEPLOY_FINAL)
    return 0


def transition(kind: Kind, state: str, before: str) -> Transition:
    """Name the meaning of `state` after the last terminal state `before`.

    `before` is empty where there was none.
    """
    if kind is Kind.TICKET:
        return {
            "opened": Transition.NEW,
            "reopened": Transition.REGRESSED,
            "closed": Transition.FIXED,
        }.get(state, Transition.NONE)
    if kind not in _JUDGED:
        return Transition.NONE
    red = (kind, state) in RED_STATES
    was_red = (kind, before) in RED_STATES
    # An alert that fires again after it was resolved is worse than a new one.
    if kind is Kind.INCIDENT and red:
        return (
            Transition.NEW if not before else Transition.NONE if was_red else Transition.REGRESSED
        )
    if red:
        return Transition.STILL_FAILING if was_red else Transition.FAILED
    if (kind, state) in GREEN_STATES and was_red:
        return Transition.FIXED
    return Transition.NONE


# As an event, so that many lines cost the collector nothing.
class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of a history: an event with what this node knows about it."""

    id: int
    """Row id, ordered by time: newer rows have larger ids."""
    arrival: int
    """Grows with each row that came or changed; what a live view asks "what is new" with."""
    event: Event
    entry: str
    """The id of the log entry that this row was read from."""
    received: int
    """Time of its author's record (UTC milliseconds), the same on every node."""
    device: str
    """The id of the device that signed it."""
    author: str
    """The person or device name behind the authoring key; never taken from the event's text."""
    transition: Transition
    superseded: bool
    """A later event of the same subject and number has its place."""
    struck: bool = False
    """Its author's device was revoked.

    The policy does not vouch that this was written before it got into wrong hands.
    """

    @property
    def severity(self) -> Severity:
        return self.event.severity


def can_be_claimed(event: Event) -> bool:
    """Tell whether somebody can be on what an event tells: it is broken, or an open ticket."""
    if event.kind is Kind.TICKET:
        return event.state != "closed"
    return (event.kind, event.state) in RED_STATES


def can_be_approved(event: Event) -> bool:
    """Tell whether an event is a deploy that waits for approval."""
    return event.kind is Kind.DEPLOY and event.state == "waiting"
