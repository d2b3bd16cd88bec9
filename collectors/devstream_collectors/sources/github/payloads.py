"""The parts of GitHub's webhook payloads, and of the same objects in its API, that we read.

From https://docs.github.com/en/webhooks/webhook-events-and-payloads. Every field may be missing or null in some sender's version
(GitHub Enterprise lags, old hooks are replayed), so all have defaults; a wrong type is a `msgspec.ValidationError`.
"""

from __future__ import annotations

import msgspec


class User(msgspec.Struct, frozen=True):
    """An account."""

    login: str | None = ""


class Repository(msgspec.Struct, frozen=True):
    """A repository; `pushed_at` is a number of seconds in a push and an ISO time elsewhere."""

    name: str | None = ""
    full_name: str | None = ""
    html_url: str | None = ""
    default_branch: str | None = ""
    pushed_at: int | str | None = None


class Payload(msgspec.Struct, frozen=True):
    """What every event has."""

    repository: Repository | None = None
    sender: User | None = None
    action: str | None = ""


class Commit(msgspec.Struct, frozen=True):
    """A commit of a push."""

    message: str | None = ""
    timestamp: str | None = ""
    url: str | None = ""


class Push(Payload, frozen=True):
    """`push`. `commits` is capped by the sender; `size`, where given, is not."""

    ref: str | None = ""
    before: str | None = ""
    after: str | None = ""
    created: bool | None = False
    deleted: bool | None = False
    forced: bool | None = False
    compare: str | None = ""
    head_commit: Commit | None = None
    commits: list[Commit] | None = None
    size: int | None = 0


class Branch(msgspec.Struct, frozen=True):
    """One end of a pull request."""

    ref: str | None = ""


class PullRequestBody(msgspec.Struct, frozen=True):
    """The pull request of a `pull_request` event."""

    number: int | None = 0
    title: str | None = ""
    html_url: str | None = ""
    merged: bool | None = False
    merged_at: str | None = ""
    merge_commit_sha: str | None = ""
    merged_by: User | None = None
    commits: int | None = 0
    base: Branch | None = None


class PullRequest(Payload, frozen=True):
    """`pull_request`."""

    pull_request: PullRequestBody | None = None


class Workflow(msgspec.Struct, frozen=True):
    """The workflow that a run is of."""

    name: str | None = ""


class RunBody(msgspec.Struct, frozen=True):
    """The run of a `workflow_run` event."""

    id: int | None = 0
    workflow_id: int | None = 0
    run_attempt: int | None = 1
    name: str | None = ""
    path: str | None = ""
    display_title: str | None = ""
    event: str | None = ""
    conclusion: str | None = ""
    head_branch: str | None = ""
    head_sha: str | None = ""
    html_url: str | None = ""
    updated_at: str | None = ""
    run_started_at: str | None = ""
    actor: User | None = None
    triggering_actor: User | None = None
    repository: Repository | None = None
    """In an answer of the API; a webhook has it beside the run."""
    head_repository: Repository | None = None
    status: str | None = ""


class WorkflowRun(Payload, frozen=True):
    """`workflow_run`."""

    workflow_run: RunBody | None = None
    workflow: Workflow | None = None


class DeploymentBody(msgspec.Struct, frozen=True):
    """The deployment that a status is of."""

    id: int | None = 0
    environment: str | None = ""
    sha: str | None = ""
    ref: str | None = ""
    creator: User | None = None


class StatusBody(msgspec.Struct, frozen=True):
    """The status of a `deployment_status` event."""

    state: str | None = ""
    description: str | None = ""
    log_url: str | None = ""
    target_url: str | None = ""
    created_at: str | None = ""
    id: int | None = 0


class DeploymentStatus(Payload, frozen=True):
    """`deployment_status`."""

    deployment: DeploymentBody | None = None
    deployment_status: StatusBody | None = None


class IssueBody(msgspec.Struct, frozen=True):
    """The issue of an `issues` event."""

    number: int | None = 0
    title: str | None = ""
    html_url: str | None = ""
    created_at: str | None = ""
    updated_at: str | None = ""
    closed_at: str | None = ""
    user: User | None = None
    pull_request: object = None
    """The API lists pull requests among the issues; they have this."""


class Issues(Payload, frozen=True):
    """`issues`."""

    issue: IssueBody | None = None
