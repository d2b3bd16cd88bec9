"""The parts that we read of the webhook payloads of Gitea, Forgejo and Gogs, and of the same objects in their API.

From https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/ and
https://github.com/gogs/docs-api/blob/master/Repositories/Webhooks.md; the three grew apart, so every field may be missing or null.
"""

from __future__ import annotations

import msgspec


class User(msgspec.Struct, frozen=True):
    """An account; Gogs says `username` alone."""

    login: str | None = ""
    username: str | None = ""
    full_name: str | None = ""
    name: str | None = ""


class Repository(msgspec.Struct, frozen=True):
    """A repository."""

    name: str | None = ""
    full_name: str | None = ""
    html_url: str | None = ""
    clone_url: str | None = ""
    default_branch: str | None = ""
    updated_at: str | None = ""


class Commit(msgspec.Struct, frozen=True):
    """A commit of a push."""

    id: str | None = ""
    message: str | None = ""
    timestamp: str | None = ""


class Payload(msgspec.Struct, frozen=True):
    """What every event has."""

    repository: Repository | None = None
    sender: User | None = None
    action: str | None = ""


class Push(Payload, frozen=True):
    """`push`. Gogs' first versions name the address `compare_link`, and commits may be capped."""

    ref: str | None = ""
    before: str | None = ""
    after: str | None = ""
    compare_url: str | None = ""
    pusher: User | None = None
    head_commit: Commit | None = None
    commits: list[Commit] | None = None
    total_commits: int | None = 0


class Reference(Payload, frozen=True):
    """`create` and `delete`: a branch or a tag. A deletion does not say which commit it was at."""

    ref: str | None = ""
    ref_type: str | None = ""
    sha: str | None = ""


class Branch(msgspec.Struct, frozen=True):
    """One end of a pull request."""

    ref: str | None = ""
    sha: str | None = ""


class PullBody(msgspec.Struct, frozen=True):
    """A pull request, also in the API. Gogs names the branch `base_branch`."""

    number: int | None = None
    title: str | None = ""
    html_url: str | None = ""
    merged: bool | None = False
    merged_at: str | None = ""
    merge_commit_sha: str | None = ""
    merged_commit_id: str | None = ""
    merged_by: User | None = None
    base: Branch | None = None
    base_branch: str | None = ""


class Pull(Payload, frozen=True):
    """`pull_request`."""

    number: int | None = None
    pull_request: PullBody | None = None


class IssueBody(msgspec.Struct, frozen=True):
    """An issue, also in the API, where pull requests are listed too and have `pull_request`."""

    number: int | None = None
    title: str | None = ""
    html_url: str | None = ""
    state: str | None = ""
    created_at: str | None = ""
    updated_at: str | None = ""
    closed_at: str | None = ""
    user: User | None = None
    pull_request: object = None


class Issue(Payload, frozen=True):
    """`issues`."""

    number: int | None = None
    issue: IssueBody | None = None


class RunBody(msgspec.Struct, frozen=True):
    """A run of Actions: Gitea's `workflow_run` event and API, and Forgejo's `action_run_*` events, which name things otherwise."""

    id: int | None = None
    run_attempt: int | None = None
    name: str | None = ""
    path: str | None = ""
    display_title: str | None = ""
    title: str | None = ""
    event: str | None = ""
    status: str | None = ""
    conclusion: str | None = ""
    head_branch: str | None = ""
    prettyref: str | None = ""
    head_sha: str | None = ""
    commit_sha: str | None = ""
    html_url: str | None = ""
    workflow_id: str | int | None = ""
    started_at: str | None = ""
    started: str | None = ""
    completed_at: str | None = ""
    stopped: str | None = ""
    actor: User | None = None
    trigger_actor: User | None = None
    trigger_user: User | None = None
    repository: Repository | None = None
    """Forgejo's runs have it inside."""


class Workflow(msgspec.Struct, frozen=True):
    """The workflow that a run is of."""

    name: str | None = ""


class Run(Payload, frozen=True):
    """`workflow_run` (Gitea 1.25) and `action_run_failure`, `action_run_recover`, `action_run_success` (Forgejo 12)."""

    workflow_run: RunBody | None = None
    run: RunBody | None = None
    workflow: Workflow | None = None


class Head(msgspec.Struct, frozen=True):
    """The newest commit of a branch."""

    id: str | None = ""
    message: str | None = ""
    author: User | None = None


class BranchBody(msgspec.Struct, frozen=True):
    """A branch of the API."""

    name: str | None = ""
    commit: Head | None = None


class Comparison(msgspec.Struct, frozen=True):
    """What lies between two commits."""

    total_commits: int | None = 0


class Runs(msgspec.Struct, frozen=True):
    """A page of runs."""

    workflow_runs: list[RunBody] | None = None


class TimelineEntry(msgspec.Struct, frozen=True):
    """Something that happened to an issue; `type` may be `close` or `reopen`."""

    type: str | None = ""
    user: User | None = None
    created_at: str | None = ""
