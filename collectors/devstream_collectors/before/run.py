"""A run of a CI pipeline as an event: one place for its row, its identity and what of it is news, for all CI services."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devstream_collectors.before.branches import is_global
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place, check_branch, moment
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind

_TEST_NAME = re.compile(
    r"(?<![a-z])(?:unit|integration|smoke|py)?tests?(?:ing)?(?![a-z])", re.IGNORECASE
)


@dataclass(frozen=True)
class Run:
    """One run as a service tells of it. Times are UTC milliseconds, 0 where it says none.

    Only `pipeline`, `run` and `state` must be given; `state` is one of the stream's: queued running succeeded failed errored cancelled.
    """

    pipeline: str
    """The name a person knows it by."""
    run: str
    """What tells this run from the pipeline's others: its id or number."""
    state: str
    pipeline_id: str = ""
    """What stays when the pipeline is renamed; without one its name."""
    attempt: str = "1"
    """A re-run of the same run is a new fact."""
    branch: str = ""
    revision: str = ""
    actor: str = ""
    reason: str = ""
    """Why it failed or what it ran for, in a few words."""
    url: str = ""
    failed: int = 0
    total: int = 0
    started: int = 0
    changed: int = 0
    """When it came into this state."""
    duration: int = 0
    kind: Kind | None = None
    """`Kind.BUILD` or `Kind.TEST`; without one the pipeline's name decides."""
    row_by_branch: bool = True
    """Whether each branch has a row; not where a pipeline is one thing that is red or green, or its branch is known only at the end."""


def run_event(
    run: Run,
    source: SourceInfo,
    *,
    scope: str,
    service: str,
    received: int,
    default_branch: str = "",
) -> Event:
    """The event of a run.

    Args:
        run: what happened.
        source: whose line it is; its branches decide whether the run's branch counts. A run without a branch always counts.
        scope: where the run's id is true, the same by webhook and poll: `host/owner/repository`, or `host/path/of/the/job`.
        service: what the line is about when the source names none.
        received: when it came in, UTC milliseconds.
        default_branch: the branch that counts when the source names none; empty: every branch does.

    Raises:
        Dropped: the branch is not one the team watches.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(run.branch)
    watched = bool(source.branches or default_branch)
    if branch and watched and not is_global(branch, source.branches, default_branch):
        raise Dropped("not-a-global-branch", branch)
    kind = run.kind or run_kind(run.pipeline)
    about = source.service or service
    time, late = moment(run.changed, received)
    took = run.duration or (run.changed - run.started if 0 < run.started <= run.changed else 0)
    return make_event(
        kind=kind,
        state=run.state,
        service=about,
        environment=source.environment,
        subject=f"{kind}/{about}/{branch if run.row_by_branch else ''}/{run.pipeline}",
        # Always under `build`: whether it is a test is a reading of its name, not part of what it is.
        key=fact_key(
            scope, Kind.BUILD, run.pipeline_id or run.pipeline, run.run, run.attempt, run.state
        ),
        time=time,
        ref=branch,
        revision=run.revision,
        number=run.run,
        count=run.failed,
        total=run.total,
        actor=run.actor,
        title=run.pipeline,
        reason=run.reason,
        url=run.url,
        duration=took if run.state not in ("queued", "running") else 0,
        source=source.name,
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
    return run_event(
        run,
        place.source,
        scope=place.scope,
        service=place.service,
        received=place.received,
        default_branch=branch,
    )


def run_kind(name: str) -> Kind:
    """Whether a pipeline, workflow or job of that name is a test run or a build: by its name, for no service says."""
    return Kind.TEST if _TEST_NAME.search(name) else Kind.BUILD
