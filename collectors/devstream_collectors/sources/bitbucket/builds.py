"""Builds as pollers follow them: by the statuses of the commits that branches point at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.bitbucket.run import Status, build

Builds = dict[str, dict[str, str]]
"""By commit: the states of its builds."""
MAX_BUILDS = 10
"""Commits whose builds are asked for in a round.

They are those that branches point at, and older ones whose builds are not over.
"""


def open_commits(branches: Mapping[str, str], known: Builds) -> list[str]:
    """Return the commits whose builds are asked for."""
    heads = [commit for commit in branches.values() if commit][:MAX_BUILDS]
    return list(dict.fromkeys([*heads, *(one for one, states in known.items() if _open(states))]))


def told(
    statuses: Sequence[Status],
    commit: str,
    branches: Mapping[str, str],
    known: Builds,
    place: Place,
) -> tuple[list[Maker], Builds]:
    """Tell the builds of a commit that are in a new state.

    Returns:
        The makers of their events, and what to remember.

    """
    branch = next((name for name, head in branches.items() if head == commit), "")
    before, now, makers = known.get(commit, {}), dict[str, str](), list[Maker]()
    for status in statuses:
        key, state = f"{status.key} {status.url}"[:200], status.state or ""
        now[key] = state
        if before.get(key) != state:
            # It does not say who began it.
            makers.append(partial(build, status, "", place, branch=branch, revision=commit))
    # A commit that no branch points at any more is followed until its builds are over.
    kept = [
        (one, states)
        for one, states in {**known, commit: now}.items()
        if one in branches.values() or _open(states)
    ]
    return makers, dict(kept[-MAX_BUILDS:])


def _open(states: Mapping[str, str]) -> bool:
    return any(state.upper().replace("_", "") == "INPROGRESS" for state in states.values())
