"""Pushes and merges as events.

A push that is seen by webhook, by poll and by a post-receive hook is one fact, so its key comes
from here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind


@dataclass(frozen=True)
class Push:
    """A branch that points elsewhere; `before` is empty for a new one, `after` for one gone."""

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
    """A mark that tells deletions apart where no commit does."""


@dataclass(frozen=True)
class Merge:
    """A pull or merge request that was merged."""

    number: str
    branch: str
    """Into which."""
    revision: str
    """The branch's new commit: the merge commit, or the newest of a fast-forward."""
    mark: str = "#"
    """The forge's sign before a number: `#482`, `!482`."""
    title: str = ""
    actor: str = ""
    count: int = 0
    url: str = ""
    time: int = 0


def push_event(push: Push, place: Place) -> Event:
    """Return the one event of a push.

    Raises:
        Dropped: not to a branch that counts, or it changed nothing.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(push.branch)
    place.check_branch(branch)
    # The branch pointed there before.
    if push.after and push.before == push.after:
        raise Dropped("no-change")
    state = "pushed"
    if not push.after:
        state = "deleted"
    elif not push.before:
        state = "created"
    elif push.forced:
        state = "force-pushed"
    time = place.moment(push.time)
    return make_event(
        kind=Kind.CHANGE,
        state=state,
        service=place.about(),
        subject=change_subject(place.about(), branch),
        key=change_key(place.scope, branch, state, push.after, push.before or push.once),
        time=time,
        ref=branch,
        revision=push.after,
        previous=push.before,
        number=change_number(push.after, push.before or push.once),
        count=max(push.count, 0),
        actor=push.actor,
        title=push.title,
        url=push.url,
        source=place.source.name,
        scope=place.scope,
    )


def merge_event(merge: Merge, place: Place) -> Event:
    """Make the event of a merge, in the row of its push: same subject, same number.

    Raises:
        Dropped: not into a branch that counts.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(merge.branch)
    place.check_branch(branch)
    time = place.moment(merge.time)
    return make_event(
        kind=Kind.CHANGE,
        state="merged",
        service=place.about(),
        subject=change_subject(place.about(), branch),
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
        scope=place.scope,
    )


def change_key(scope: str, ref: str, state: str, revision: str, previous: str = "") -> str:
    """Return the identity of a change: the branch and what it points at now.

    What it was before counts only where the same end can be reached again and is news each time:
    a force-push and a deletion.
    """
    branch = short_ref(ref)
    if state == "deleted":
        return fact_key(scope, Kind.CHANGE, branch, "deleted", previous)
    if state == "force-pushed":
        return fact_key(scope, Kind.CHANGE, branch, revision, previous)
    return fact_key(scope, Kind.CHANGE, branch, revision)


def change_subject(service: str, ref: str) -> str:
    """Return the row of changes of one branch."""
    return f"change/{service}/{short_ref(ref)}"


def change_number(revision: str, previous: str) -> str:
    """Return the row of a change among its branch's; a deletion is not that of its last commit."""
    return revision or f"-{previous[:12]}"
