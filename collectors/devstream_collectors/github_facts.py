"""GitHub's facts as events. Webhook and API speak of the same objects, so both come through here and give the same keys."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.change import change_subject, is_global, remote_scope
from devstream_collectors.clock import milliseconds, moment
from devstream_collectors.contract import SourceInfo
from devstream_collectors.github_shapes import DeploymentBody, IssueBody, PullRequestBody, Repository, RunBody, StatusBody, User
from devstream_collectors.reading import Dropped, sha
from devstream_collectors.run import Run, run_event
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import Kind

CONCLUSIONS = {
    "success": "succeeded",
    "failure": "failed",
    "timed_out": "errored",
    "startup_failure": "errored",
    "cancelled": "cancelled",
}
"""Conclusions that are news; neutral, skipped, stale and action_required are not."""
DEPLOY_STATES = frozenset({"waiting", "in_progress", "success", "failure", "error"})
"""Of GitHub's deployment states, those that are news: not queued, pending or inactive."""


@dataclass(frozen=True)
class Place:
    """Where a fact is from, and for whom it is read. `sender` did it, when nothing nearer says who."""

    source: SourceInfo
    scope: str
    service: str
    default_branch: str
    sender: str
    received: int


def place_of(repository: Repository, source: SourceInfo, received: int, sender: str = "") -> Place:
    """The place of a repository's facts."""
    return Place(
        source=source,
        scope=remote_scope(repository.html_url or "") or f"github/{(repository.full_name or source.name).lower()}",
        service=source.service or repository.name or source.name,
        default_branch=repository.default_branch or "",
        sender=sender,
        received=received,
    )


def check_branch(branch: str, place: Place) -> None:
    """Go on only with a branch the team watches.

    Raises:
        Dropped: it is another one.

    """
    if not is_global(branch, place.source.branches, place.default_branch):
        raise Dropped("not-a-global-branch", branch)


def merged(pull: PullRequestBody, place: Place) -> Event:
    """A merged pull request, in the row of the push of this merge: same subject, same number.

    Raises:
        Dropped: not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    branch, revision = (pull.base.ref or "") if pull.base else "", sha(pull.merge_commit_sha)
    check_branch(branch, place)
    time, late = moment(milliseconds(pull.merged_at), place.received)
    return make_event(
        kind=Kind.CHANGE,
        state="merged",
        service=place.service,
        subject=change_subject(place.service, branch),
        number=revision,
        key=fact_key(place.scope, Kind.CHANGE, "merged", str(pull.number), revision),
        time=time,
        ref=branch,
        revision=revision,
        count=max(pull.commits or 0, 0),
        actor=login(pull.merged_by) or place.sender,
        title=f"{pull.title or ''} (#{pull.number})",
        url=pull.html_url or "",
        source=place.source.name,
        quiet=late,
    )


def run(body: RunBody, state: str, place: Place, *, workflow: str = "") -> Event:
    """A workflow run in a state; `workflow` is its name where the run itself has none.

    Raises:
        Dropped: of a pull request, or not on a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    home, head = body.repository, body.head_repository
    fork = home is not None and head is not None and home.full_name != head.full_name
    if fork or (body.event or "").startswith("pull_request"):
        # A fork may call its branch `main` too.
        raise Dropped("run-of-a-pull-request")
    check_branch(body.head_branch or "", place)
    made = Run(
        pipeline=body.name or workflow or (body.path or "").rsplit("/", 1)[-1] or "workflow",
        pipeline_id=str(body.workflow_id),
        run=str(body.id),
        attempt=str(body.run_attempt),
        state=state,
        branch=body.head_branch or "",
        revision=sha(body.head_sha),
        actor=login(body.triggering_actor) or login(body.actor) or place.sender,
        reason=body.display_title or "",
        url=body.html_url or "",
        started=milliseconds(body.run_started_at),
        changed=milliseconds(body.updated_at),
    )
    return run_event(
        made, place.source, scope=place.scope, service=place.service, received=place.received, default_branch=body.head_branch or ""
    )


def deployment(body: DeploymentBody, status: StatusBody, place: Place) -> Event:
    """A deployment's new state.

    Raises:
        Dropped: the state is no news.
        InvalidEventError: as `make_event`.

    """
    state, environment = status.state or "", body.environment or ""
    if state not in DEPLOY_STATES:
        raise Dropped("deploy-not-news", state)
    time, late = moment(milliseconds(status.created_at), place.received)
    return make_event(
        kind=Kind.DEPLOY,
        state=state,
        service=place.service,
        environment=environment,
        subject=f"deploy/{place.service}/{environment}/{body.id}",
        key=fact_key(place.scope, Kind.DEPLOY, environment, str(body.id), state),
        time=time,
        ref=short_ref(body.ref or ""),
        revision=sha(body.sha),
        number=str(body.id),
        actor=login(body.creator) or place.sender,
        reason=status.description or "",
        # Either may be an empty string.
        url=status.log_url or status.target_url or "",
        source=place.source.name,
        quiet=late,
    )


def ticket(issue: IssueBody, state: str, at: str, actor: str, place: Place) -> Event:
    """An issue `opened`, `reopened` or `closed`, at the ISO time `at`, which is part of its identity: it may close twice.

    Raises:
        InvalidEventError: as `make_event`.

    """
    time, late = moment(milliseconds(at), place.received)
    return make_event(
        kind=Kind.TICKET,
        state=state,
        service=place.service,
        subject=f"ticket/{place.service}/{issue.number}",
        key=fact_key(place.scope, Kind.TICKET, str(issue.number), state, at),
        time=time,
        number=str(issue.number),
        actor=actor,
        title=issue.title or "",
        url=issue.html_url or "",
        source=place.source.name,
        quiet=late,
    )


def login(user: User | None) -> str:
    """An account's name; empty for none."""
    return user.login or "" if user else ""
