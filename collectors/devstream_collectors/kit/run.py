"""Runs of CI pipelines as events: their row, their identity, and which of them are news."""

from __future__ import annotations

import re
from dataclasses import dataclass

from devstream_collectors.kit.executor import NOBODYS, Mark
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind

UNDER_WAY = frozenset({"queued", "running"})
"""States after which more will come."""
_ATTEMPTS = 1000
_MAX_ORDER = 1 << 42
_TEST_NAME = re.compile(
    r"(?<![a-z])(?:unit|integration|smoke|py)?tests?(?:ing)?(?![a-z])", re.IGNORECASE
)


@dataclass(frozen=True)
class Run:
    """One state of one run. Times are UTC milliseconds, 0 where nobody says.

    Only `pipeline`, `run` and `state` must be given; `state` is one of the stream's: queued running
    succeeded failed errored cancelled.
    """

    pipeline: str
    """The name a person knows it by."""
    run: str
    """The id or number that tells this run from the pipeline's others."""
    state: str
    pipeline_id: str = ""
    """The pipeline's lasting id, which a new name does not change; empty: its name."""
    attempt: str = "1"
    """A re-run of the same run is a new fact."""
    order: int = 0
    """The run's number among those of its pipeline, growing with the work; 0: when it started.

    A result for older work changes nothing, whenever it is told.
    """
    file: str = ""
    """The pipeline's file, where several may have one name."""
    branch: str = ""
    revision: str = ""
    actor: str = ""
    reason: str = ""
    """The reason of a failure or a run, in few words."""
    url: str = ""
    failed: int = 0
    """Failed tests."""
    total: int = 0
    started: int = 0
    changed: int = 0
    """The time of this state; 0: unknown."""
    duration: int = 0
    kind: Kind | None = None
    """`Kind.BUILD` or `Kind.TEST`; without one the pipeline's name decides."""
    mark: Mark = NOBODYS
    """The deploy request that it carries out."""
    is_void: bool = False
    """It ended without a result (skipped, not built); `state` is `cancelled`, `reason` one of
    `NO_RESULT`.

    It ends the row of a run that the stream has under way, and is no news of its own.
    """
    row_by_branch: bool = True
    """True if each branch has a row. A pipeline that is red or green as a whole has one row."""


def run_event(run: Run, place: Place) -> Event:
    """Make the event of a run. One without a branch always counts.

    Raises:
        Dropped: the branch is not one that counts.
        InvalidEventError: as `make_event`.

    """
    branch = short_ref(run.branch)
    if branch:
        place.check_branch(branch)
    kind = run.kind or run_kind(run.pipeline)
    about = place.about()
    time = place.moment(run.changed)
    took = run.duration or (run.changed - run.started if 0 < run.started <= run.changed else 0)
    return make_event(
        kind=kind,
        state=run.state,
        service=about,
        environment=place.source.environment,
        subject=f"{kind}/{about}/{branch if run.row_by_branch else ''}/{_pipeline(run)}",
        # Always under `build`: whether it is a test is read from its name, and no part of it.
        key=fact_key(
            place.scope,
            Kind.BUILD,
            run.pipeline_id or run.pipeline,
            run.run,
            run.attempt,
            run.state,
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
        duration=took if run.state not in UNDER_WAY else 0,
        source=place.source.name,
        scope=place.scope,
        order=_order(run, place),
        about=run.mark.request,
        executor=run.mark.executor,
        quiet=run.is_void,
    )


def _pipeline(run: Run) -> str:
    """Give a pipeline a name that is its own in its place."""
    file = run.file or run.pipeline_id
    return run.pipeline if file in ("", run.pipeline) else f"{run.pipeline}@{file}"


def _order(run: Run, place: Place) -> int:
    """Return the place of a run's work: its number, and the attempt; else when it started.

    A start that a fast clock puts into the future is none, and the event's own time decides: all
    runs until then would count as older.
    """
    if not 0 < run.order < _MAX_ORDER:
        return run.started if 0 < run.started <= place.received else 0
    attempt = int(run.attempt) if run.attempt.isascii() and run.attempt.isdigit() else 0
    return run.order * _ATTEMPTS + min(attempt, _ATTEMPTS - 1)


def run_kind(name: str) -> Kind:
    """Tell test from build by a pipeline's or job's name; no service says which."""
    return Kind.TEST if _TEST_NAME.search(name) else Kind.BUILD
