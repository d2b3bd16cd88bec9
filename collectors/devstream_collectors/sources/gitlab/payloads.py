"""The parts of GitLab's webhook payloads, and of the same objects in its API, that we read.

From https://docs.gitlab.com/user/project/integrations/webhook_events/ and https://docs.gitlab.com/administration/system_hooks/ and the
pages of https://docs.gitlab.com/api/. Servers of ten years send them, so every field may be missing or null.
"""

from __future__ import annotations

import msgspec


class User(msgspec.Struct, frozen=True):
    """An account."""

    username: str | None = ""
    name: str | None = ""


class Project(msgspec.Struct, frozen=True):
    """A project, also in the API; `homepage` and `git_http_url` are what old servers and jobs have."""

    name: str | None = ""
    path_with_namespace: str | None = ""
    web_url: str | None = ""
    homepage: str | None = ""
    git_http_url: str | None = ""
    default_branch: str | None = ""


class Commit(msgspec.Struct, frozen=True):
    """A commit."""

    id: str | int | None = ""
    message: str | None = ""


class Payload(msgspec.Struct, frozen=True):
    """What says which event it is. `object_kind` is missing in system hooks, `event_name` elsewhere."""

    object_kind: str | None = ""
    event_name: str | None = ""
    event_type: str | None = ""
    project: Project | None = None
    repository: Project | None = None
    user: User | None = None


class Push(Payload, frozen=True):
    """`push`. `commits` are the newest twenty at most."""

    ref: str | None = ""
    before: str | None = ""
    after: str | None = ""
    user_username: str | None = ""
    user_name: str | None = ""
    commits: list[Commit] | None = None
    total_commits_count: int | None = 0


class MergeBody(msgspec.Struct, frozen=True):
    """A merge request, also in the API. `last_commit` is only in webhooks, `sha`, `merged_at` and the users only in the API."""

    iid: int | None = None
    title: str | None = ""
    action: str | None = ""
    state: str | None = ""
    target_branch: str | None = ""
    merge_commit_sha: str | None = ""
    squash_commit_sha: str | None = ""
    sha: str | None = ""
    last_commit: Commit | None = None
    updated_at: str | None = ""
    merged_at: str | None = ""
    merged_by: User | None = None
    merge_user: User | None = None
    url: str | None = ""
    web_url: str | None = ""


class MergeRequest(Payload, frozen=True):
    """`merge_request`."""

    object_attributes: MergeBody | None = None


class Job(msgspec.Struct, frozen=True):
    """A job of a pipeline."""

    name: str | None = ""
    status: str | None = ""
    allow_failure: bool | None = False


class PipelineBody(msgspec.Struct, frozen=True):
    """A pipeline, also in the API, where the user is in it and `web_url` is its address."""

    id: int | None = None
    name: str | None = ""
    ref: str | None = ""
    tag: bool | None = False
    sha: str | None = ""
    source: str | None = ""
    status: str | None = ""
    created_at: str | None = ""
    updated_at: str | None = ""
    finished_at: str | None = ""
    duration: float | None = 0
    """Seconds."""
    url: str | None = ""
    web_url: str | None = ""
    user: User | None = None


class Pipeline(Payload, frozen=True):
    """`pipeline`."""

    object_attributes: PipelineBody | None = None
    builds: list[Job] | None = None


class Deployment(Payload, frozen=True):
    """`deployment`."""

    status: str | None = ""
    status_changed_at: str | None = ""
    deployment_id: int | None = None
    deployable_url: str | None = ""
    environment: str | None = ""
    ref: str | None = ""
    short_sha: str | None = ""
    commit_url: str | None = ""
    commit_title: str | None = ""


class IssueBody(msgspec.Struct, frozen=True):
    """An issue or another work item, also in the API, where `web_url` is its address."""

    iid: int | None = None
    title: str | None = ""
    action: str | None = ""
    confidential: bool | None = False
    created_at: str | None = ""
    updated_at: str | None = ""
    closed_at: str | None = ""
    author: User | None = None
    closed_by: User | None = None
    url: str | None = ""
    web_url: str | None = ""


class Issue(Payload, frozen=True):
    """`issue` and `work_item`."""

    object_attributes: IssueBody | None = None


class PushData(msgspec.Struct, frozen=True):
    """The push of an event; of one that moved many references nothing but their number."""

    commit_count: int | None = 0
    ref_type: str | None = ""
    ref: str | None = ""
    commit_from: str | None = ""
    commit_to: str | None = ""
    commit_title: str | None = ""


class ProjectEvent(msgspec.Struct, frozen=True):
    """An entry of https://docs.gitlab.com/api/events/#list-all-visible-events-for-a-project."""

    action_name: str | None = ""
    target_type: str | None = ""
    target_iid: int | None = None
    target_title: str | None = ""
    created_at: str | None = ""
    author: User | None = None
    author_username: str | None = ""
    push_data: PushData | None = None


class Environment(msgspec.Struct, frozen=True):
    """Where a deployment goes."""

    name: str | None = ""


class Deployable(msgspec.Struct, frozen=True):
    """The job that deploys."""

    web_url: str | None = ""
    commit: Commit | None = None


class DeploymentBody(msgspec.Struct, frozen=True):
    """A deployment of https://docs.gitlab.com/api/deployments/."""

    id: int | None = None
    ref: str | None = ""
    sha: str | None = ""
    status: str | None = ""
    updated_at: str | None = ""
    user: User | None = None
    environment: Environment | None = None
    deployable: Deployable | None = None
