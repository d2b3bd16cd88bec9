"""GitLab's facts as events. Webhook and API speak of the same objects, so both come through here and give the same keys."""

from __future__ import annotations

from collections.abc import Sequence

from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.deploy import Deployment, deployment_event
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place, remote_scope
from devstream_collectors.before.push import Merge, merge_event
from devstream_collectors.before.run import Run, run_at
from devstream_collectors.before.ticket import Issue, issue_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.gitlab.payloads import (
    IssueBody,
    Job,
    MergeBody,
    PipelineBody,
    Project,
    User,
)
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

PIPELINE_STATES = {
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
}
"""Those that are news; skipped, manual and canceling are not. https://docs.gitlab.com/api/pipelines/"""
OVER = frozenset({"succeeded", "failed", "cancelled"})
DEPLOY_STATES = {
    "blocked": "waiting",
    "running": "in_progress",
    "success": "success",
    "failed": "failure",
    "canceled": "cancelled",
}
"""Those that are news; created and skipped are not. https://docs.gitlab.com/api/deployments/"""
ISSUE_ACTIONS = {"open": "opened", "reopen": "reopened", "close": "closed"}
_OTHERS_PIPELINES = ("merge_request_event", "external_pull_request_event")


def place_of(projects: Sequence[Project | None], source: SourceInfo, received: int) -> Place:
    """The place of a project's facts, from the first of `projects` that says where it is."""
    urls = [
        url
        for project in projects
        if project
        for url in (project.web_url, project.homepage, project.git_http_url)
        if url
    ]
    scope = next((scope for url in urls if (scope := remote_scope(url))), "")
    paths = [project.path_with_namespace or project.name or "" for project in projects if project]
    path = next((path for path in paths if path), "")
    return Place(
        source=source,
        scope=scope or f"gitlab/{(path or source.name).lower()}",
        # Not the project's name, which may be a sentence, but what its address ends in.
        service=source.service or (scope or path).rsplit("/", 1)[-1].strip() or source.name,
        received=received,
        default_branch=next(
            (project.default_branch for project in projects if project and project.default_branch),
            "",
        ),
    )


def web_of(projects: Sequence[Project | None]) -> str:
    """The project's own address, to which GitLab's paths are added; empty when nobody says."""
    return next(
        (
            url.rstrip("/")
            for project in projects
            if project
            for url in (project.web_url, project.homepage)
            if url
        ),
        "",
    )


def account(*users: User | None) -> str:
    """The first account's name."""
    return person(*(name for user in users if user for name in (user.username, user.name)))


def compare_url(web: str, before: str, after: str) -> str:
    """Where a push is shown; empty when there is nothing to show."""
    if not web or not after:
        return ""
    return f"{web}/-/compare/{before}...{after}" if before else f"{web}/-/commit/{after}"


def merged(body: MergeBody, actor: str, place: Place) -> Event:
    """A merged merge request.

    Raises:
        Dropped: not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    last = (
        body.last_commit.id
        if body.last_commit and isinstance(body.last_commit.id, str)
        else body.sha
    )
    found = Merge(
        number=str(body.iid or ""),
        mark="!",
        branch=body.target_branch or "",
        # A fast-forward makes no commit of its own.
        revision=sha(body.merge_commit_sha) or sha(body.squash_commit_sha) or sha(last),
        title=body.title or "",
        actor=actor,
        url=body.url or body.web_url or "",
        time=milliseconds(body.merged_at or body.updated_at),
    )
    return merge_event(found, place)


def pipeline(
    body: PipelineBody, jobs: Sequence[Job], user: User | None, web: str, place: Place
) -> Event:
    """A pipeline in its state.

    Raises:
        Dropped: the state is no news, or not of a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    state = PIPELINE_STATES.get(body.status or "")
    if state is None:
        raise Dropped("run-not-news", body.status or "")
    if body.source in _OTHERS_PIPELINES or (body.ref or "").startswith("refs/merge-requests/"):
        raise Dropped("run-of-a-pull-request")
    if body.source == "parent_pipeline":
        raise Dropped("run-of-a-run")
    if body.tag:
        raise Dropped("run-of-a-tag", body.ref or "")
    ended = milliseconds(body.finished_at) if state in OVER else 0
    broken = (
        [job.name or "a job" for job in jobs if job.status == "failed" and not job.allow_failure]
        if state == "failed"
        else []
    )
    made = Run(
        pipeline=body.name or "pipeline",
        pipeline_id="pipeline",
        run=str(body.id or ""),
        state=state,
        # A retried job leaves the pipeline its number, and it ends once more.
        attempt=str(ended // 1000) if ended else "1",
        branch=short_ref(body.ref or ""),
        revision=sha(body.sha),
        actor=account(user, body.user),
        reason=", ".join(broken[:3]) + (" …" if len(broken) > 3 else ""),
        url=body.url or body.web_url or (f"{web}/-/pipelines/{body.id}" if web and body.id else ""),
        started=milliseconds(body.created_at),
        changed=ended or milliseconds(body.updated_at),
        duration=int((body.duration or 0) * 1000) if 0 < (body.duration or 0) < 1e9 else 0,
    )
    return run_at(made, place)


def deployed(status: str, found: Deployment, place: Place) -> Event:
    """A deployment whose GitLab status is `status`; `found` says the rest.

    Raises:
        Dropped: the status is no news.
        InvalidEventError: as `make_event`.

    """
    if status not in DEPLOY_STATES:
        raise Dropped("deploy-not-news", status)
    return deployment_event(found, place)


def issue(body: IssueBody, state: str, at: str, actor: str, place: Place) -> Event:
    """An issue `opened`, `reopened` or `closed` at the time `at`.

    Raises:
        Dropped: not everybody may know of it.
        InvalidEventError: as `make_event`.

    """
    if body.confidential:
        raise Dropped("confidential")
    url = body.url or body.web_url or ""
    return issue_event(
        Issue(str(body.iid or ""), state, body.title or "", actor, url, milliseconds(at)), place
    )
