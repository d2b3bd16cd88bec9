"""What forges tell of a repository's branches, as events: pushes and merges look alike and have one identity, whichever forge says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devstream_collectors.change import change_key, change_subject, is_global
from devstream_collectors.clock import moment
from devstream_collectors.contract import Normalised, SourceInfo
from devstream_collectors.reading import Dropped
from devstream_collectors.run import Run, run_event
from devstream_desktop.stream.event import Event, InvalidEventError, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind

USUAL_BRANCHES = ("main", "master")
"""What counts when neither the team nor the forge says which branch is the default: Bitbucket's webhooks never do."""


@dataclass(frozen=True)
class Place:
    """Where a fact is from, and for whom it is read."""

    source: SourceInfo
    scope: str
    """`host/owner/repository`, see `change.remote_scope`."""
    service: str
    received: int
    """UTC milliseconds."""
    default_branch: str = ""

    @property
    def branches(self) -> tuple[str, ...]:
        """Which branches count, as names or globs."""
        return self.source.branches or ((short_ref(self.default_branch),) if self.default_branch else USUAL_BRANCHES)


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


def check_branch(branch: str, place: Place) -> None:
    """Go on only with a branch the team watches.

    Raises:
        Dropped: it is another one.

    """
    if not is_global(branch, place.branches, ""):
        raise Dropped("not-a-global-branch", branch)


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
    state = "deleted" if not push.after else "created" if not push.before else "force-pushed" if push.forced else "pushed"
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


def run_at(run: Run, place: Place) -> Event:
    """The event of a CI run, of which only those on a branch the team watches count (or on none).

    Raises:
        Dropped: it is on another branch.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(run.branch)
    if branch:
        check_branch(branch, place)
    return run_event(run, place.source, scope=place.scope, service=place.service, received=place.received, default_branch=branch)


def gathered(makers: Iterable[Callable[[], Event]]) -> tuple[tuple[Event, ...], dict[str, int], str]:
    """The events that can be made, why and how often others cannot, and the detail of the first that cannot."""
    events: list[Event] = []
    dropped: dict[str, int] = {}
    detail = ""
    for make in makers:
        try:
            events.append(make())
            continue
        except Dropped as drop:
            reason, said = drop.reason, drop.detail
        except InvalidEventError as error:
            reason, said = "invalid-event", str(error)
        dropped[reason] = dropped.get(reason, 0) + 1
        detail = detail or said
    return tuple(events), dropped, detail


def together(makers: Iterable[Callable[[], Event]], *, nothing: str) -> Normalised:
    """One delivery's facts: the events there are, else the first reason why there are none (`nothing`, when it holds no fact).

    Raises:
        Dropped: there is no event.

    """
    events, dropped, detail = gathered(makers)
    if not events:
        raise Dropped(next(iter(dropped), nothing), detail)
    return Normalised(events)
