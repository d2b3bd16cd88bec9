"""The facts of Azure DevOps as events. Service hooks and API speak of the same objects: both come through here, for the same keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote, urlsplit

from devstream_collectors.before.branches import HEADS
from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.deploy import Deployment as Deployed
from devstream_collectors.before.deploy import deployment_event
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place, remote_scope
from devstream_collectors.before.push import Merge, merge_event, push_event
from devstream_collectors.before.push import Push as Pushed
from devstream_collectors.before.run import Run, run_at
from devstream_collectors.before.ticket import Issue, issue_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.azuredevops.payloads import (
    Build,
    Deployment,
    Fields,
    Identity,
    Links,
    Pull,
    Push,
    RefUpdate,
    Repository,
    RunBody,
)
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

RESULTS = {
    "succeeded": "succeeded",
    "partiallysucceeded": "failed",
    "failed": "failed",
    "canceled": "cancelled",
    "stopped": "cancelled",
}
DEPLOY_STATES = {
    "inprogress": "in_progress",
    "succeeded": "success",
    "partiallysucceeded": "failure",
    "rejected": "failure",
    "failed": "failure",
    "canceled": "cancelled",
}
CLOSED = frozenset({"closed", "done", "completed", "resolved", "removed"})
"""The states of work items that are ends, in Microsoft's four process templates."""
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_SOURCE = re.compile(r"L?G:(refs/[^:]+):([0-9a-f]{40})")


def organisation(urls: Iterable[str | None]) -> str:
    """Where an organisation (on premises: a collection) is, from the first of any addresses in it; empty when none says it.

    Azure DevOps Services has four ways to write one: `dev.azure.com/acme`, `vsrm.dev.azure.com/acme`, `acme.visualstudio.com`,
    `acme.vsrm.visualstudio.com`.
    """
    for url in urls:
        try:
            parts = urlsplit(url or "")
        except ValueError:
            continue
        host = (parts.hostname or "").lower()
        path = [part for part in parts.path.split("/_", 1)[0].lower().split("/") if part]
        if host.endswith("dev.azure.com") and path:
            return f"dev.azure.com/{path[0]}"
        if host.endswith(".visualstudio.com"):
            return f"dev.azure.com/{host.split('.', 1)[0]}"
        if host:
            return "/".join([host, *(part for part in path if not _GUID.fullmatch(part))])
    return ""


def place_of(repository: Repository | None, source: SourceInfo, received: int) -> Place:
    """The place of a repository's facts."""
    home = repository or Repository()
    project = home.project.name or "" if home.project else ""
    return Place(
        source=source,
        scope=remote_scope(home.remote_url or "")
        or f"azuredevops/{project}/{home.name or source.name}".lower(),
        service=source.service or home.name or project or source.name,
        received=received,
        default_branch=home.default_branch or "",
    )


def tracked_at(
    organised: str, names: Iterable[str | None], source: SourceInfo, received: int
) -> Place:
    """The place of what belongs to no repository: builds, releases, work items. Their ids are the organisation's."""
    name = next((name for name in names if name), "")
    return Place(
        source,
        organised or f"azuredevops/{source.name}",
        source.service or name or source.name,
        received,
    )


def who(*identities: Identity | str | None) -> str:
    """The first person's name; of a domain's account without the domain."""
    names: list[str | None] = []
    for identity in identities:
        if isinstance(identity, str):
            names.append(identity)
        elif identity is not None:
            names += [identity.display_name, (identity.unique_name or "").rsplit("\\", 1)[-1]]
    return person(*names)


def pushed(update: RefUpdate, push: Push, place: Place) -> Event:
    """One reference of a push.

    Raises:
        Dropped: no branch, or none the team watches.
        InvalidEventError: as `make_event`.

    """
    if not (update.name or "").startswith(HEADS):
        raise Dropped("not-a-branch", update.name or "")
    after, commits = sha(update.new_object_id), push.commits or []
    head = next((commit for commit in commits if commit.commit_id == after), None)
    # It does not say that a push was forced.
    found = Pushed(
        branch=update.name or "",
        before=sha(update.old_object_id),
        after=after,
        actor=who(push.pushed_by),
        title=head.comment or "" if head else "",
        count=len(commits) if head else 0,
        url=_page(push.repository, f"commit/{after}") if after else "",
        time=milliseconds(push.date),
    )
    return push_event(found, place)


def merged(pull: Pull, actor: str, place: Place) -> Event:
    """A completed pull request.

    Raises:
        Dropped: not completed, or not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    if pull.status != "completed":
        raise Dropped("pull-request-not-merged", pull.status or "")
    number = str(pull.pull_request_id or "")
    found = Merge(
        number=number,
        mark="!",
        branch=short_ref(pull.target_ref_name or ""),
        revision=sha(pull.last_merge_commit.commit_id) if pull.last_merge_commit else "",
        title=pull.title or "",
        actor=who(pull.closed_by) or actor or who(pull.created_by),
        url=_page(pull.repository, f"pullrequest/{number}"),
        time=milliseconds(pull.closed_date),
    )
    return merge_event(found, place)


def build(body: Build, organised: str, source: SourceInfo, received: int) -> Event:
    """A build, completed or under way.

    Raises:
        Dropped: its state is no news, or not of a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    said = body.result if body.result and body.result != "none" else body.status
    state = {"inprogress": "running", "notstarted": "queued"}.get(
        (said or "").lower()
    ) or RESULTS.get((said or "").lower())
    if state is None:
        raise Dropped("run-not-news", said or "")
    match = _SOURCE.fullmatch(body.source_get_version or "")
    branch, version = (
        (match[1], match[2]) if match else (body.source_branch or "", body.source_version or "")
    )
    if branch.startswith("refs/pull/") or body.reason == "pullRequest":
        raise Dropped("run-of-a-pull-request")
    definition, repository = body.definition, body.repository
    projects = (body.project, definition.project if definition else None)
    names = [
        repository.name if repository else "",
        *(project.name for project in projects if project),
    ]
    pipeline = definition.name or "" if definition else ""
    asked = [request.requested_for for request in body.requests or ()]
    ended = milliseconds(body.finish_time) if state not in ("running", "queued") else 0
    found = Run(
        pipeline=pipeline or "build",
        pipeline_id=_id(definition.id) if definition else "",
        run=str(body.id or ""),
        # A stage run again leaves the build its number, and it ends once more.
        attempt=str(ended // 1000) if ended else "1",
        state=state,
        branch=branch,
        revision=sha(version),
        actor=who(body.requested_for, *asked, body.last_changed_by),
        reason=_partly(said),
        url=_web(body.links),
        started=milliseconds(body.start_time),
        changed=ended or milliseconds(body.start_time or body.queue_time),
    )
    place = tracked_at(organised, [*(_plain(name) for name in names), pipeline], source, received)
    return run_at(found, place)


def run(body: RunBody, organised: str, source: SourceInfo, received: int) -> Event:
    """A run of a pipeline: the build of the same id.

    Raises:
        Dropped: as `build`.
        InvalidEventError: as `make_event`.

    """
    state = {"inProgress": "running", "completed": RESULTS.get((body.result or "").lower())}.get(
        body.state or ""
    )
    if state is None:
        raise Dropped("run-not-news", body.result or body.state or "")
    home = (
        body.resources.repositories.self if body.resources and body.resources.repositories else None
    )
    branch = home.ref_name or "" if home else ""
    if branch.startswith("refs/pull/"):
        raise Dropped("run-of-a-pull-request")
    ended = milliseconds(body.finished_date) if state != "running" else 0
    pipeline = body.pipeline.name or "" if body.pipeline else ""
    found = Run(
        pipeline=pipeline or "pipeline",
        pipeline_id=_id(body.pipeline.id) if body.pipeline else "",
        run=str(body.id or ""),
        attempt=str(ended // 1000) if ended else "1",
        state=state,
        branch=branch,
        revision=sha(home.version) if home else "",
        reason=_partly(body.result),
        url=_web(body.links),
        started=milliseconds(body.created_date),
        changed=ended or milliseconds(body.created_date),
    )
    return run_at(found, tracked_at(organised, [pipeline], source, received))


def deployed(found: Deployment, place: Place, *, started: bool, at: str) -> Event:
    """A deployment of a release to a stage that `started`, or is over. `at` is when, should it not say so itself.

    Raises:
        Dropped: its status is no news.
        InvalidEventError: as `make_event`.

    """
    body = found.deployment
    environment = found.environment or (body.release_environment if body else None)
    status = (
        (body.deployment_status if body else "")
        or (environment.status if environment else "")
        or ""
    )
    state = "in_progress" if started else DEPLOY_STATES.get(status.lower())
    if state is None:
        raise Dropped("deploy-not-news", status)
    releases = [
        one
        for one in (
            environment.release if environment else None,
            body.release if body else None,
            found.release,
        )
        if one
    ]
    name = next((one.name for one in releases if one.name), "")
    by = [identity for one in releases for identity in (one.modified_by, one.created_by)]
    attempt = body.attempt or 1 if body else 1
    number = str((environment.id if environment else None) or (body.id if body else None) or "")
    over = milliseconds(body.completed_on) if body and not started else 0
    begun = milliseconds(body.started_on) if body else 0
    made = Deployed(
        id=number if attempt <= 1 else f"{number}.{attempt}",
        environment=(environment.name if environment else "") or place.source.environment,
        state=state,
        ref=name,
        actor=who(
            *((body.requested_for, body.requested_by) if body else ()),
            *by,
            environment.owner if environment else None,
        ),
        reason=_partly(status),
        url=next((url for one in releases if (url := _web(one.links))), ""),
        time=over or (begun if started else 0) or milliseconds(at),
        duration=over - begun if 0 < begun <= over else 0,
    )
    return deployment_event(made, place)


def work_item(
    number: int | None,
    state: str,
    fields: Fields,
    at: str | None,
    actor: str,
    url: str,
    place: Place,
) -> Event:
    """A work item `opened`, `reopened` or `closed` at the time `at`.

    Raises:
        InvalidEventError: as `make_event`.

    """
    step = Issue(str(number or ""), state, fields.title or "", actor, url, milliseconds(at))
    return issue_event(
        step, replace(place, service=place.source.service or fields.project or place.service)
    )


def step_of(old: object, new: object) -> str:
    """What a change of a work item's state is to us.

    Raises:
        Dropped: no news.

    """
    was, now = (isinstance(value, str) and value.lower() in CLOSED for value in (old, new))
    if was == now or not new or not old:
        raise Dropped("issue-not-news", str(new or ""))
    return "closed" if now else "reopened"


def page_of(links: Links | None, url: str | None) -> str:
    """The page of a work item, whose address may be only that of the API."""
    if links and links.html and links.html.href:
        return links.html.href
    return re.sub(
        r"/_apis/wit/workitems/(\d+)(?:/.*)?$",
        r"/_workitems/edit/\1",
        url or "",
        flags=re.IGNORECASE,
    )


def _web(links: Links | None) -> str:
    return links.web.href or "" if links and links.web else ""


def _page(repository: Repository | None, path: str) -> str:
    home = (repository.web_url or repository.remote_url or "").rstrip("/") if repository else ""
    return quote(f"{home}/{path}", safe="/:%@") if home else ""


def _id(text: int | str | None) -> str:
    return str(text) if text is not None else ""


def _partly(said: str | None) -> str:
    return "partially succeeded" if (said or "").lower() == "partiallysucceeded" else ""


def _plain(name: str | None) -> str:
    """A repository on another host is named `acme/shop`."""
    return (name or "").rsplit("/", 1)[-1]
