"""Buildkite's builds as runs: what a state means."""

from __future__ import annotations

from devstream_collectors.before.branches import is_global
from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import page_scope, remote_scope
from devstream_collectors.before.run import Run, run_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.buildkite.payloads import BuildBody, PipelineBody
from devstream_desktop.stream.event import Event

STATES = {
    "scheduled": "queued",
    "running": "running",
    "failing": "running",
    "passed": "succeeded",
    "failed": "failed",
    "timed_out": "errored",
    "canceled": "cancelled",
}
"""Those of https://buildkite.com/docs/pipelines/configure/notify#build-states that are news."""
_NOT_NEWS = {"blocked": "build-blocked", "skipped": "build-not-run", "not_run": "build-not-run"}
UNDER_WAY = frozenset({"queued", "running"})


def build_event(
    build: BuildBody, pipeline: PipelineBody, source: SourceInfo, received: int
) -> Event:
    """The event of a build.

    Raises:
        Dropped: its state is no news, it is of a pull request, or not on a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    said = build.state or ""
    state = STATES.get(said)
    if state is None:
        raise Dropped(_NOT_NEWS.get(said, "state-not-mapped"), said)
    if build.number is None and not build.id:
        raise Dropped("not-a-build")
    if build.pull_request is not None and build.pull_request.id not in (None, "", False):
        # A fork's branch may be called as ours.
        raise Dropped("run-of-a-pull-request", str(build.pull_request.id))
    if build.tag and not is_global(build.tag, source.branches, ""):
        raise Dropped("not-a-branch", build.tag)
    repository = remote_scope(pipeline.repository or "")
    slug = pipeline.slug or ""
    times = {"queued": build.scheduled_at or build.created_at, "running": build.started_at}
    changed = milliseconds(times.get(state, build.finished_at))
    run = Run(
        pipeline=pipeline.name or slug or "build",
        pipeline_id=slug or pipeline.id or "",
        run=str(build.number) if build.number is not None else build.id or "",
        # A build that was unblocked or whose job was tried again ends a second time, under the same number.
        attempt=str(changed) if state not in UNDER_WAY else "",
        state=state,
        branch=build.tag or build.branch or "",
        revision=sha(build.commit) if (build.commit or "").upper() != "HEAD" else "",
        actor=person(
            *(
                name
                for user in (build.author, build.creator)
                if user
                for name in (user.name, user.username)
            )
        ),
        reason=_reason(build, state),
        url=build.web_url or "",
        started=milliseconds(build.started_at),
        changed=changed,
    )
    return run_event(
        run,
        source,
        scope=page_scope(build.web_url).rpartition("/builds/")[0]
        or page_scope(pipeline.web_url)
        or f"buildkite/{source.name}/{slug}",
        service=repository.rsplit("/", 1)[-1] or slug or pipeline.name or source.name,
        received=received,
        default_branch=build.tag or pipeline.default_branch or "",
    )


def _reason(build: BuildBody, state: str) -> str:
    if state == "cancelled" and build.cancel_reason:
        return build.cancel_reason
    if build.blocked and state not in UNDER_WAY:
        return "waits to be unblocked"
    return build.message or ""
