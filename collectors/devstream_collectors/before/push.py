"""Pushes and merges as events: they look alike and have one identity, whichever forge says it.

A push that is seen by webhook, by poll and by a post-receive hook is one fact, so its key must come from here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place, check_branch, moment
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind


@dataclass(frozen=True)
class Push:
    """A branch that points elsewhere than it did. `before` is empty for a new branch, `after` for one that is gone."""

    branch: str
    before: str
    after: str
    forced: bool = False
    actor: str = ""
    title: str = ""
    """The newest commit's message."""
    count: int = 0
    """Commits that came with it; 0 when nobody says."""
    url: str = ""
    time: int = 0
    """UTC milliseconds, 0 when nobody says."""
    once: str = ""
    """What tells two deletions of one branch apart, where nobody says which commit it was at."""


@dataclass(frozen=True)
class Merge:
    """A pull or merge request that was merged."""

    number: str
    branch: str
    """Into which."""
    revision: str
    """What that branch points at since: the merge commit, or the newest one of a fast-forward."""
    mark: str = "#"
    """How the forge writes a number: `#482`, `!482`."""
    title: str = ""
    actor: str = ""
    count: int = 0
    url: str = ""
    time: int = 0


def push_event(push: Push, place: Place) -> Event:
    """The one event of a push.

    Raises:
        Dropped: not to a branch the team watches, or it changed nothing.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(push.branch)
    check_branch(branch, place)
    if push.after and push.before == push.after:
        raise Dropped("no-change")
    state = (
        "deleted"
        if not push.after
        else "created"
        if not push.before
        else "force-pushed"
        if push.forced
        else "pushed"
    )
    time, late = moment(push.time, place.received)
    return make_event(
        kind=Kind.CHANGE,
        state=state,
        service=place.service,
        subject=change_subject(place.service, branch),
        key=change_key(place.scope, branch, state, push.after, push.before or push.once),
        time=time,
        ref=branch,
        revision=push.after,
        previous=push.before,
        number=push.after or push.before or push.once or "?",
        count=max(push.count, 0),
        actor=push.actor,
        title=push.title,
        url=push.url,
        source=place.source.name,
        quiet=late,
    )


def merge_event(merge: Merge, place: Place) -> Event:
    """A merge, in the row of the push that it made: same subject, same number.

    Raises:
        Dropped: not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(merge.branch)
    check_branch(branch, place)
    time, late = moment(merge.time, place.received)
    return make_event(
        kind=Kind.CHANGE,
        state="merged",
        service=place.service,
        subject=change_subject(place.service, branch),
        # Some forges do not say the commit; then the row is the request's own.
        number=merge.revision or f"{merge.mark}{merge.number}",
        key=fact_key(place.scope, Kind.CHANGE, "merged", merge.number, merge.revision),
        time=time,
        ref=branch,
        revision=merge.revision,
        count=max(merge.count, 0),
        actor=merge.actor,
        title=f"{merge.title} ({merge.mark}{merge.number})".strip(),
        url=merge.url,
        source=place.source.name,
        quiet=late,
    )


def change_key(scope: str, ref: str, state: str, revision: str, previous: str = "") -> str:
    """The identity of a change: the branch and what it points at now.

    What it was before counts only where the same end can be reached again and is news each time: a force-push and a deletion.
    """
    branch = short_ref(ref)
    if state == "deleted":
        return fact_key(scope, Kind.CHANGE, branch, "deleted", previous)
    if state == "force-pushed":
        return fact_key(scope, Kind.CHANGE, branch, revision, previous)
    return fact_key(scope, Kind.CHANGE, branch, revision)


def change_subject(service: str, ref: str) -> str:
    """The row that changes of one branch belong to."""
    return f"change/{service}/{short_ref(ref)}"
