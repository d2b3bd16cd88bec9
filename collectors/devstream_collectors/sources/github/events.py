"""GitHub's facts as events. Webhook and API speak of the same objects, so both come through here and give the same keys."""

from __future__ import annotations

from devstream_collectors.before.decoding import milliseconds, sha
from devstream_collectors.before.deploy import Deployment, deployment_event
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place, check_branch, remote_scope
from devstream_collectors.before.push import Merge, merge_event
from devstream_collectors.before.run import Run, run_at
from devstream_collectors.before.ticket import Issue, issue_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.github.payloads import (
    DeploymentBody,
    IssueBody,
    PullRequestBody,
    Repository,
    RunBody,
    StatusBody,
    User,
)
from devstream_desktop.stream.event import Event

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


def place_of(repository: Repository, source: SourceInfo, received: int) -> Place:
    """The place of a repository's facts."""
    return Place(
        source=source,
        scope=remote_scope(repository.html_url or "")
        or f"github/{(repository.full_name or source.name).lower()}",
        service=source.service or repository.name or source.name,
        received=received,
        default_branch=repository.default_branch or "",
    )


def merged(pull: PullRequestBody, place: Place, sender: str = "") -> Event:
    """A merged pull request, in the row of the push of this merge; `sender` did it, if the request does not say who.

    Raises:
        Dropped: not into a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    found = Merge(
        number=str(pull.number),
        branch=(pull.base.ref or "") if pull.base else "",
        revision=sha(pull.merge_commit_sha),
        title=pull.title or "",
        actor=login(pull.merged_by) or sender,
        count=pull.commits or 0,
        url=pull.html_url or "",
        time=milliseconds(pull.merged_at),
    )
    return merge_event(found, place)


def run(body: RunBody, state: str, place: Place, *, workflow: str = "", sender: str = "") -> Event:
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
        actor=login(body.triggering_actor) or login(body.actor) or sender,
        reason=body.display_title or "",
        url=body.html_url or "",
        started=milliseconds(body.run_started_at),
        changed=milliseconds(body.updated_at),
    )
    return run_at(made, place)


def deployment(body: DeploymentBody, status: StatusBody, place: Place, sender: str = "") -> Event:
    """A deployment's new state; `sender` did it, if the deployment does not say who.

    Raises:
        Dropped: the state is no news.
        InvalidEventError: as `make_event`.

    """
    state = status.state or ""
    if state not in DEPLOY_STATES:
        raise Dropped("deploy-not-news", state)
    found = Deployment(
        id=str(body.id),
        environment=body.environment or "",
        state=state,
        ref=body.ref or "",
        revision=sha(body.sha),
        actor=login(body.creator) or sender,
        reason=status.description or "",
        # Either may be an empty string.
        url=status.log_url or status.target_url or "",
        time=milliseconds(status.created_at),
    )
    return deployment_event(found, place)


def ticket(issue: IssueBody, state: str, at: str, actor: str, place: Place) -> Event:
    """An issue `opened`, `reopened` or `closed`, at the ISO time `at`, which is part of its identity: it may close twice.

    Raises:
        InvalidEventError: as `make_event`.

    """
    return issue_event(
        Issue(
            str(issue.number),
            state,
            issue.title or "",
            actor,
            issue.html_url or "",
            milliseconds(at),
        ),
        place,
    )


def login(user: User | None) -> str:
    """An account's name; empty for none."""
    return user.login or "" if user else ""
