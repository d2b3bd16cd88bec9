"""The parts that we read of what Azure DevOps posts, and of the same objects in its REST API.

From https://learn.microsoft.com/azure/devops/service-hooks/events and https://learn.microsoft.com/rest/api/azure/devops/. Resource
versions of ten years are in use, so every field may be missing or null.
"""

from __future__ import annotations

import msgspec


class Link(msgspec.Struct, frozen=True):
    """An address."""

    href: str | None = ""


class Links(msgspec.Struct, frozen=True):
    """The pages of something: `web`, or of a work item `html`."""

    web: Link | None = None
    html: Link | None = None


class Identity(msgspec.Struct, frozen=True, rename="camel"):
    """A person; `uniqueName` is a mail address or an account of a domain."""

    display_name: str | None = ""
    unique_name: str | None = ""


class Named(msgspec.Struct, frozen=True):
    """Something with a name: a project, a definition, a pipeline, a release."""

    id: int | str | None = None
    name: str | None = ""


class Container(msgspec.Struct, frozen=True, rename="camel"):
    """Where an event is from."""

    id: str | None = ""
    base_url: str | None = ""


class Containers(msgspec.Struct, frozen=True):
    """The places that an event is in."""

    collection: Container | None = None
    account: Container | None = None


class Text(msgspec.Struct, frozen=True):
    """A sentence of Azure DevOps about the event."""

    text: str | None = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """What every event has; `resource` is by its type."""

    event_type: str | None = ""
    resource: msgspec.Raw = msgspec.Raw()
    message: Text | None = None
    resource_containers: Containers | None = None
    created_date: str | None = ""


class Repository(msgspec.Struct, frozen=True, rename="camel"):
    """A git repository."""

    name: str | None = ""
    default_branch: str | None = ""
    remote_url: str | None = ""
    web_url: str | None = ""
    project: Named | None = None


class RefUpdate(msgspec.Struct, frozen=True, rename="camel"):
    """One reference of a push."""

    name: str | None = ""
    old_object_id: str | None = ""
    new_object_id: str | None = ""


class Commit(msgspec.Struct, frozen=True, rename="camel"):
    """A commit."""

    commit_id: str | None = ""
    comment: str | None = ""


class Push(msgspec.Struct, frozen=True, rename="camel"):
    """`git.push`, and a push of the API."""

    ref_updates: list[RefUpdate] | None = None
    commits: list[Commit] | None = None
    repository: Repository | None = None
    pushed_by: Identity | None = None
    push_id: int | None = None
    date: str | None = ""


class Pull(msgspec.Struct, frozen=True, rename="camel"):
    """`git.pullrequest.*`, and a pull request of the API."""

    pull_request_id: int | None = None
    status: str | None = ""
    title: str | None = ""
    target_ref_name: str | None = ""
    closed_date: str | None = ""
    created_by: Identity | None = None
    closed_by: Identity | None = None
    last_merge_commit: Commit | None = None
    repository: Repository | None = None


class Request(msgspec.Struct, frozen=True, rename="camel"):
    """Who asked for a build, in the first version."""

    requested_for: Identity | None = None


class Definition(msgspec.Struct, frozen=True):
    """What a build is of."""

    id: int | str | None = None
    name: str | None = ""
    project: Named | None = None


class Build(msgspec.Struct, frozen=True, rename="camel"):
    """`build.complete`, and a build of the API. The first version has the result in `status` and the branch in `sourceGetVersion`."""

    id: int | None = None
    build_number: str | None = ""
    status: str | None = ""
    result: str | None = ""
    reason: str | None = ""
    source_branch: str | None = ""
    source_version: str | None = ""
    source_get_version: str | None = ""
    queue_time: str | None = ""
    start_time: str | None = ""
    finish_time: str | None = ""
    url: str | None = ""
    definition: Definition | None = None
    project: Named | None = None
    repository: Repository | None = None
    requested_for: Identity | None = None
    requests: list[Request] | None = None
    last_changed_by: Identity | None = None
    links: Links | None = msgspec.field(default=None, name="_links")


class RunRepository(msgspec.Struct, frozen=True, rename="camel"):
    """The repository that a pipeline runs on."""

    ref_name: str | None = ""
    version: str | None = ""


class RunRepositories(msgspec.Struct, frozen=True):
    """By name; `self` is where the pipeline itself is."""

    self: RunRepository | None = None


class RunResources(msgspec.Struct, frozen=True):
    """What a pipeline runs on."""

    repositories: RunRepositories | None = None


class RunBody(msgspec.Struct, frozen=True, rename="camel"):
    """A run of a pipeline; it is the build of the same id."""

    id: int | None = None
    state: str | None = ""
    result: str | None = ""
    created_date: str | None = ""
    finished_date: str | None = ""
    url: str | None = ""
    pipeline: Named | None = None
    resources: RunResources | None = None
    links: Links | None = msgspec.field(default=None, name="_links")


class Run(msgspec.Struct, frozen=True):
    """`ms.vss-pipelines.run-state-changed-event`."""

    run: RunBody | None = None
    pipeline: Named | None = None


class Release(msgspec.Struct, frozen=True, rename="camel"):
    """A release."""

    id: int | None = None
    name: str | None = ""
    url: str | None = ""
    created_by: Identity | None = None
    modified_by: Identity | None = None
    release_definition: Named | None = None
    links: Links | None = msgspec.field(default=None, name="_links")


class Environment(msgspec.Struct, frozen=True, rename="camel"):
    """A stage of a release."""

    id: int | None = None
    name: str | None = ""
    status: str | None = ""
    modified_on: str | None = ""
    owner: Identity | None = None
    release: Release | None = None
    release_definition: Named | None = None


class DeploymentBody(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment of a release to a stage, also in the API."""

    id: int | None = None
    attempt: int | None = None
    deployment_status: str | None = ""
    requested_by: Identity | None = None
    requested_for: Identity | None = None
    started_on: str | None = ""
    completed_on: str | None = ""
    last_modified_on: str | None = ""
    release: Release | None = None
    release_definition: Named | None = None
    release_environment: Environment | None = None


class Deployment(msgspec.Struct, frozen=True):
    """`ms.vss-release.deployment-started-event` and `-completed-event`."""

    environment: Environment | None = None
    release: Release | None = None
    deployment: DeploymentBody | None = None
    project: Named | None = None


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """A changed field."""

    old_value: object = None
    new_value: object = None


class Fields(msgspec.Struct, frozen=True):
    """The fields of a work item. A person is `Ana <ana@example.org>`, or an identity, by version."""

    project: str | None = msgspec.field(default="", name="System.TeamProject")
    kind: str | None = msgspec.field(default="", name="System.WorkItemType")
    title: str | None = msgspec.field(default="", name="System.Title")
    state: str | None = msgspec.field(default="", name="System.State")
    created: str | None = msgspec.field(default="", name="System.CreatedDate")
    created_by: str | Identity | None = msgspec.field(default="", name="System.CreatedBy")
    changed: str | None = msgspec.field(default="", name="System.ChangedDate")
    changed_by: str | Identity | None = msgspec.field(default="", name="System.ChangedBy")
    moved: str | None = msgspec.field(default="", name="Microsoft.VSTS.Common.StateChangeDate")


class Steps(msgspec.Struct, frozen=True):
    """The fields that an update changed."""

    state: Step | None = msgspec.field(default=None, name="System.State")
    changed: Step | None = msgspec.field(default=None, name="System.ChangedDate")


class WorkItem(msgspec.Struct, frozen=True):
    """`workitem.created`, and a work item or revision of the API."""

    id: int | None = None
    rev: int | None = None
    url: str | None = ""
    fields: Fields | None = None
    links: Links | None = msgspec.field(default=None, name="_links")


class Update(msgspec.Struct, frozen=True, rename="camel"):
    """`workitem.updated`, and an update of the API; `revision` is the work item after it."""

    id: int | None = None
    work_item_id: int | None = None
    rev: int | None = None
    revised_by: Identity | None = None
    revised_date: str | None = ""
    fields: Steps | None = None
    revision: WorkItem | None = None
    url: str | None = ""
    links: Links | None = msgspec.field(default=None, name="_links")


class Pushes(msgspec.Struct, frozen=True):
    """A list of the API."""

    value: list[Push] | None = None


class Pulls(msgspec.Struct, frozen=True):
    """A list of the API."""

    value: list[Pull] | None = None


class Builds(msgspec.Struct, frozen=True):
    """A list of the API."""

    value: list[Build] | None = None


class Deployments(msgspec.Struct, frozen=True):
    """A list of the API."""

    value: list[DeploymentBody] | None = None


class WorkItems(msgspec.Struct, frozen=True):
    """A list of the API."""

    value: list[WorkItem] | None = None


class Updates(msgspec.Struct, frozen=True):
    """A list of the API."""

    value: list[Update] | None = None


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """What a query finds: work items, of which only `id` is there."""

    work_items: list[WorkItem] | None = None
