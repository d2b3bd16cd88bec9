"""The meaning of a state against its subject's past.

And the event of a run that is its row.
"""

from __future__ import annotations

import pytest

from devstream_desktop.stream.subject import is_terminal, rank, transition
from devstream_desktop.stream.words import STATES, Kind, Transition


@pytest.mark.parametrize(
    ("kind", "before", "state", "meaning"),
    [
        (Kind.BUILD, "", "failed", Transition.FAILED),
        (Kind.BUILD, "succeeded", "errored", Transition.FAILED),
        (Kind.TEST, "failed", "failed", Transition.STILL_FAILING),
        (Kind.TEST, "failed", "succeeded", Transition.FIXED),
        (Kind.TEST, "succeeded", "succeeded", Transition.NONE),
        (Kind.BUILD, "failed", "running", Transition.NONE),
        (Kind.BUILD, "failed", "cancelled", Transition.NONE),
        (Kind.INCIDENT, "", "firing", Transition.NEW),
        (Kind.INCIDENT, "resolved", "firing", Transition.REGRESSED),
        (Kind.INCIDENT, "firing", "firing", Transition.NONE),
        (Kind.INCIDENT, "firing", "resolved", Transition.FIXED),
        (Kind.INCIDENT, "", "resolved", Transition.NONE),
        (Kind.TICKET, "", "opened", Transition.NEW),
        (Kind.TICKET, "closed", "reopened", Transition.REGRESSED),
        (Kind.SOURCE, "", "silent", Transition.FAILED),
        (Kind.SOURCE, "silent", "active", Transition.FIXED),
        (Kind.CHANGE, "", "pushed", Transition.NONE),
    ],
)
def test_meaning(kind: Kind, before: str, state: str, meaning: Transition) -> None:
    assert transition(kind, state, before) is meaning


def test_only_terminal_states_are_a_past() -> None:
    assert not is_terminal(Kind.BUILD, "running")
    assert is_terminal(Kind.BUILD, "failed")


def test_a_result_outranks_its_steps_and_a_merge_its_push() -> None:
    assert rank(Kind.DEPLOY, "success") > rank(Kind.DEPLOY, "in_progress")
    assert rank(Kind.BUILD, "cancelled") > rank(Kind.BUILD, "running")
    assert rank(Kind.CHANGE, "merged") > rank(Kind.CHANGE, "pushed")
    assert all(rank(kind, state) >= 0 for kind, states in STATES.items() for state in states)
