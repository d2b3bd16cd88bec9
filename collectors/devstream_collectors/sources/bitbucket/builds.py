"""Builds as pollers follow them: by the statuses of the commits that branches point at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.bitbucket.run import Status, build

Builds = dict[str, dict[str, str]]
"""By commit: the states of its builds."""
MAX_BUILDS = 10
"""Commits whose builds are asked for in a round.

They are those that branches point at, the default one first, and older ones whose builds are not
over.
"""


def by_rank(branches: Mapping[str, str], default: str, named: Sequence[str]) -> dict[str, str]:
    """Sort branches by how much they count.

    The default branch comes first, then those that are named, then those of a glob.
    """

    def rank(one: tuple[str, str]) -> tuple[bool, bool]:
        return one[0] != default, one[0] not in named

    return dict(sorted(branches.items(), key=rank))


def open_commits(branches: Mapping[str, str], known: Builds) -> list[str]:
    """Return the commits whose builds are asked for; of `branches` the first have room."""
    older = (one for one, states in known.items() if _open(states))
    return list(dict.fromkeys([*_heads(branches)[:MAX_BUILDS], *older]))


def left_out(branches: Mapping[str, str]) -> Counter[str]:
    """Count the heads whose builds are not asked for."""
    return Counter({"builds-of-too-many-branches": max(0, len(_heads(branches)) - MAX_BUILDS)})


def _heads(branches: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(commit for commit in branches.values() if commit))


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
    after = {**known, commit: now}
    heads = _heads(branches)[:MAX_BUILDS]
    # A commit that no branch points at any more is followed until its builds are over.
    older = [one for one, states in after.items() if one not in heads and _open(states)]
    room = MAX_BUILDS - sum(one in after for one in heads)
    kept = [*(older[-room:] if room > 0 else ()), *(one for one in heads if one in after)]
    return makers, {one: after[one] for one in kept}


def _open(states: Mapping[str, str]) -> bool:
    return any(state.upper().replace("_", "") == "INPROGRESS" for state in states.values())
