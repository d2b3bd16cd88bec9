"""Azure DevOps' builds, and runs of pipelines. A run and its build have the same id."""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import Id, Many, Needed, Part, Time, milliseconds, sha, whole
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.run import UNDER_WAY, Run, run_event
from devstream_collectors.sources.azuredevops.place import (
    Envelope,
    Identity,
    Links,
    Named,
    Repository,
    partly,
    tracked_at,
)
from devstream_desktop.stream.event import Event

_STATUSES = {"inprogress": "running", "notstarted": "queued"}
_RESULTS = {
    "succeeded": "succeeded",
    "partiallysucceeded": "failed",
    "failed": "failed",
    "canceled": "cancelled",
    "stopped": "cancelled",
}
_SOURCE = re.compile(r"L?G:(refs/[^:]+):([0-9a-f]{40})")


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    """The request for a build, in the first version."""

    requested_for: Part[Identity] = Identity()


class _Definition(Named, frozen=True):
    """The pipeline of a build."""

    project: Part[Named] = Named()


class Build(msgspec.Struct, frozen=True, rename="camel"):
    """A build, also in the API.

    The first version has the result in `status` and the branch in `sourceGetVersion`.
    """

    id: Id = ""
    status: str | None = ""
    result: str | None = ""
    reason: str | None = ""
    source_branch: Needed[str | None] = ""
    source_version: str | None = ""
    source_get_version: str | None = ""
    queue_time: Time = 0
    start_time: Time = 0
    finish_time: str | None = ""
    url: str | None = ""
    definition: _Definition | None = None
    project: Part[Named] = Named()
    repository: Repository | None = None
    requested_for: Part[Identity] = Identity()
    requests: Many[_Request] = []
    last_changed_by: Part[Identity] = Identity()
    links: Part[Links] = msgspec.field(default=Links(), name="_links")


class _RunRepository(msgspec.Struct, frozen=True, rename="camel"):
    """The repository that a pipeline runs on."""

    ref_name: Needed[str | None] = ""
    version: str | None = ""


class _RunRepositories(msgspec.Struct, frozen=True):
    """By name; `self` is where the pipeline itself is."""

    self: _RunRepository | None = None


class _RunResources(msgspec.Struct, frozen=True):
    repositories: _RunRepositories | None = None


class _Run(msgspec.Struct, frozen=True, rename="camel"):
    """A run of a pipeline."""

    id: Id = ""
    state: str | None = ""
    result: str | None = ""
    created_date: Time = 0
    finished_date: Time = 0
    url: str | None = ""
    pipeline: Named | None = None
    resources: _RunResources | None = None
    links: Part[Links] = msgspec.field(default=Links(), name="_links")


class _RunPayload(msgspec.Struct, frozen=True):
    run: _Run | None = None
    pipeline: Part[Named] = Named()


def build(said: Envelope, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Make the event of a `build.complete` delivery."""
    found = said.decode(Build)
    return (built(found, said.organisation(found.url), source, received),)


def built(found: Build, organised: str, source: SourceInfo, received: int) -> Event:
    """Make the event of a build, completed or under way.

    Args:
        found: the build.
        organised: where the organisation is.
        source: for which.
        received: UTC milliseconds.

    Raises:
        Dropped: its state is no news, or not of a branch that counts.
        InvalidEventError: as `make_event`.

    """
    # A build that is not over has the result `none`.
    said = (found.result if found.result != "none" else "") or found.status or ""
    state = _STATUSES.get(said.lower()) or _RESULTS.get(said.lower())
    if state is None:
        raise Dropped("run-not-news", said)
    match = _SOURCE.fullmatch(found.source_get_version or "")
    branch, version = found.source_branch or "", found.source_version or ""
    if match:
        branch, version = match[1], match[2]
    if branch.startswith("refs/pull/") or found.reason == "pullRequest":
        raise Dropped("run-of-a-pull-request")
    definition = found.definition or _Definition()
    homes = (found.repository, found.project, definition.project)
    people = [
        found.requested_for,
        *(request.requested_for for request in found.requests),
        found.last_changed_by,
    ]
    ended = milliseconds(found.finish_time) if state not in UNDER_WAY else 0
    run = Run(
        pipeline=definition.name or "build",
        pipeline_id=definition.id,
        run=found.id,
        order=whole(found.id),
        # A stage run again leaves the build its number, and it ends once more.
        attempt=str(ended // 1000) if ended else "1",
        state=state,
        branch=branch,
        revision=sha(version),
        actor=next((one.plain for one in people if one.plain), ""),
        reason=partly(said),
        url=found.links.page,
        started=found.start_time,
        changed=ended or found.start_time or found.queue_time,
    )
    # A repository on another host is named `acme/shop`.
    names = [(home.name or "").rsplit("/", 1)[-1] for home in homes if home]
    return run_event(run, tracked_at(organised, [*names, definition.name], source, received))


def run_state(said: Envelope, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Make the event of a `ms.vss-pipelines.run-state-changed-event` delivery."""
    payload = said.decode(_RunPayload)
    found = payload.run
    if found is None:
        raise Dropped("unexpected-shape", "no run")
    pipeline = found.pipeline or payload.pipeline
    state = {
        "inProgress": "running",
        "completed": _RESULTS.get((found.result or "").lower()),
    }.get(found.state or "")
    if state is None:
        raise Dropped("run-not-news", found.result or found.state or "")
    repositories = found.resources.repositories if found.resources else None
    home = (repositories.self if repositories else None) or _RunRepository()
    branch = home.ref_name or ""
    if branch.startswith("refs/pull/"):
        raise Dropped("run-of-a-pull-request")
    ended = found.finished_date if state != "running" else 0
    run = Run(
        pipeline=pipeline.name or "pipeline",
        pipeline_id=pipeline.id,
        run=found.id,
        order=whole(found.id),
        attempt=str(ended // 1000) if ended else "1",
        state=state,
        branch=branch,
        revision=sha(home.version),
        reason=partly(found.result),
        url=found.links.page,
        started=found.created_date,
        changed=ended or found.created_date,
    )
    organised = said.organisation(found.url, found.links.page)
    return (run_event(run, tracked_at(organised, [pipeline.name], source, received)),)
