"""Pushes and merges as events.

A push that is seen by webhook, by poll and by a post-receive hook is one fact, so its key comes
from here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from devstream_collectors.kit.decoding import Loose, whole, word
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
    count: int | None = None
    """Commits that came with it; None when nobody says. A branch that is set back gets none."""
    url: str = ""
    time: int = 0
    """UTC milliseconds, 0 when nobody says."""
    created: bool = False
    """It is a new branch, although nobody says at which commit."""
    once: str = ""
    """A mark that tells creations and deletions apart where no commit does."""


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
    state = _state(push)
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
        number=change_number(push.after, push.before or push.once, state),
        count=max(push.count or 0, 0),
        actor=push.actor,
        title=push.title,
        url=push.url,
        source=place.source.name,
        scope=place.scope,
    )


def _state(push: Push) -> str:
    if not push.after:
        return "created" if push.created else "deleted"
    if not push.before:
        return "created"
    # Whether it was forced or not: nothing came, so something went.
    if push.count == 0:
        return "reset"
    return "force-pushed" if push.forced else "pushed"


def counted(said: Loose, listed: Sequence[object] | None) -> int | None:
    """Count the commits of a push.

    Args:
        said: the sender's number of them, None where it says none.
        listed: the commits in the payload, which may be fewer.

    """
    number = whole(said)
    return max(number, len(listed or ())) or (0 if word(said) == "0" else None)


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
    a force-push, a reset and a deletion.
    """
    branch = short_ref(ref)
    if state == "deleted":
        return fact_key(scope, Kind.CHANGE, branch, "deleted", previous)
    if not revision:
        return fact_key(scope, Kind.CHANGE, branch, state, previous)
    if state in ("force-pushed", "reset"):
        return fact_key(scope, Kind.CHANGE, branch, revision, previous)
    return fact_key(scope, Kind.CHANGE, branch, revision)


def change_subject(service: str, ref: str) -> str:
    """Return the row of changes of one branch."""
    return f"change/{service}/{short_ref(ref)}"


def change_number(revision: str, previous: str, state: str = "deleted") -> str:
    """Return the row of a change among its branch's; a deletion is not that of its last commit."""
    return revision or (f"-{previous[:12]}" if state == "deleted" else f"+{previous[:40]}")
