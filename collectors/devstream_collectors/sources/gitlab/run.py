"""GitLab's pipelines."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from devstream_collectors.kit.decoding import (
    Flag,
    Id,
    Many,
    Needed,
    Number,
    Part,
    Text,
    Time,
    decode,
    milliseconds,
    sha,
    whole,
)
from devstream_collectors.kit.executor import NOBODYS, Mark, mark_of
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.run import UNDER_WAY, Run, run_event
from devstream_collectors.sources.gitlab.place import Payload, User, account
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

STATES = {
    "created": "queued",
    "waiting_for_resource": "queued",
    "preparing": "queued",
    "pending": "queued",
    "scheduled": "queued",
    "running": "running",
    "success": "succeeded",
    "failed": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "skipped": "cancelled",
}
"""Statuses that are news; manual and canceling are not.

https://docs.gitlab.com/api/pipelines/
"""
_OTHERS_PIPELINES = ("merge_request_event", "external_pull_request_event")


class Job(msgspec.Struct, frozen=True):
    """A job of a pipeline."""

    name: Text = ""
    status: Text = ""
    allow_failure: Flag = False


class Variable(msgspec.Struct, frozen=True):
    """A variable that a pipeline was started with."""

    key: Text = ""
    value: Text = ""


class Listed(msgspec.Struct, frozen=True):
    """The part of a pipeline that the API's list is read for."""

    id: Id = ""
    status: str | None = ""
    updated_at: Time = 0


class Pipeline(Listed, frozen=True):
    """A pipeline, also in the API. There the user is in it and `web_url` is its address."""

    name: Text = ""
    ref: Needed[str | None] = ""
    tag: Needed[bool | None] = False
    sha: str | None = ""
    source: str | None = ""
    created_at: Time = 0
    finished_at: str | None = ""
    duration: Number = 0
    """Seconds."""
    url: Text = ""
    web_url: Text = ""
    user: Part[User] = User()
    variables: Many[Variable] = []
    """In a webhook alone; the API has them elsewhere, for who may see them."""


class _Payload(Payload, frozen=True):
    object_attributes: Pipeline | None = None
    builds: Many[Job] = []


def pipeline(body: bytes, place: Place) -> Event:
    """Make the event of a `pipeline` delivery."""
    said = decode(body, _Payload)
    if said.object_attributes is None:
        raise Dropped("unexpected-shape", "no object_attributes")
    return run(said.object_attributes, place, said.builds, said.user, said.page)


def run(
    found: Pipeline,
    place: Place,
    jobs: Sequence[Job] = (),
    user: User | None = None,
    page: str = "",
    mark: Mark = NOBODYS,
) -> Event:
    """Make the event of a pipeline in its state.

    Args:
        found: the pipeline.
        place: the project's.
        jobs: of the pipeline, to say which failed.
        user: the account that began it, where the pipeline itself does not say.
        page: the project's own address, for a pipeline without one.
        mark: of the executor that started it, where the pipeline itself does not say.

    Raises:
        Dropped: the state is no news, or not of a branch that counts.
        InvalidEventError: as `make_event`.

    """
    state = STATES.get(found.status or "")
    if state is None:
        raise Dropped("run-not-news", found.status or "")
    ref = found.ref or ""
    if found.source in _OTHERS_PIPELINES or ref.startswith("refs/merge-requests/"):
        raise Dropped("run-of-a-pull-request")
    # The parent's own result is the line.
    if found.source == "parent_pipeline":
        raise Dropped("run-of-a-run")
    if found.tag:
        raise Dropped("run-of-a-tag", ref)
    ended = milliseconds(found.finished_at) if state not in UNDER_WAY else 0
    failed = [job for job in jobs if job.status == "failed" and not job.allow_failure]
    broken = [job.name or "a job" for job in failed] if state == "failed" else []
    void = found.status == "skipped"
    made = Run(
        pipeline=found.name or "pipeline",
        pipeline_id="pipeline",
        # Its id is not its name: there is one pipeline in a project.
        file=found.name or "pipeline",
        run=found.id,
        order=whole(found.id),
        state=state,
        # A retried job leaves the pipeline its number, and it ends once more.
        attempt=str(ended // 1000) if ended else "1",
        branch=short_ref(ref),
        revision=sha(found.sha),
        actor=account(user or User(), found.user),
        is_void=void,
        reason="skipped" if void else ", ".join(broken[:3]) + (" …" if len(broken) > 3 else ""),
        url=found.url
        or found.web_url
        or (f"{page}/-/pipelines/{found.id}" if page and found.id else ""),
        started=found.created_at,
        changed=ended or found.updated_at,
        mark=mark if any(mark) else mark_of((one.key, one.value) for one in found.variables),
        duration=int(found.duration * 1000) if 0 < found.duration < 1e9 else 0,
    )
    return run_event(made, place)
