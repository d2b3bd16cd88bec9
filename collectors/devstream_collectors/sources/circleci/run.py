"""CircleCI's workflows as runs, by webhook as by the API."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from devstream_collectors.kit.branches import is_global
from devstream_collectors.kit.decoding import Needed, Part, Text, Time, milliseconds, person, sha
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place, remote_scope
from devstream_collectors.kit.run import Run, run_event
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

STATUSES = {
    "success": "succeeded",
    "failed": "failed",
    "error": "errored",
    "unauthorized": "errored",
    "canceled": "cancelled",
    "running": "running",
    "failing": "running",
}
"""Statuses that are news: not `on_hold` and `not_run`.

https://circleci.com/docs/api/v2/#operation/listWorkflowsByPipelineId
"""
FINAL = frozenset({"succeeded", "failed", "errored", "cancelled"})


class _Author(msgspec.Struct, frozen=True):
    name: Text = ""


class Commit(msgspec.Struct, frozen=True):
    """A commit's text."""

    subject: Text = ""
    author: Part[_Author] = _Author()


class Vcs(msgspec.Struct, frozen=True):
    """The commit, for projects of GitHub's OAuth app and Bitbucket Cloud."""

    origin_repository_url: str | None = ""
    target_repository_url: str | None = ""
    revision: str | None = ""
    branch: Needed[str | None] = ""
    tag: str | None = ""
    commit: Part[Commit] = Commit()


class _Provider(msgspec.Struct, frozen=True):
    """The words of a forge that started a pipeline: GitLab, GitHub's app, Bitbucket Data Center."""

    user_username: Text = ""
    user_name: Text = ""
    commit_author_name: Text = ""
    commit_title: Text = ""
    commit_message: Text = ""
    commit_sha: str | None = ""
    checkout_sha: str | None = ""
    branch: str | None = ""
    ref: str | None = ""
    tag: str | None = ""
    type: str | None = ""


class _Parameters(msgspec.Struct, frozen=True):
    """The start of a pipeline, for projects that have no `vcs`."""

    git: _Provider | None = None
    gitlab: _Provider | None = None
    github_app: _Provider | None = None
    bitbucket: _Provider | None = None


class _Actor(msgspec.Struct, frozen=True):
    """The account that started a pipeline; only the API says it."""

    login: Text = ""


class _Trigger(msgspec.Struct, frozen=True):
    actor: Part[_Actor] = _Actor()


class Pipeline(msgspec.Struct, frozen=True):
    """A pipeline."""

    id: str | None = ""
    number: Needed[int | None] = None
    trigger: Part[_Trigger] = _Trigger()
    trigger_parameters: _Parameters | None = None
    vcs: Vcs | None = None


class Workflow(msgspec.Struct, frozen=True):
    """A workflow of a pipeline."""

    id: str | None = ""
    name: str | None = ""
    status: str | None = ""
    created_at: Time = 0
    stopped_at: str | None = ""
    url: Text = ""

    @property
    def ended(self) -> int:
        """The time of its end, UTC milliseconds."""
        return milliseconds(self.stopped_at)


def workflow_event(workflow: Workflow, pipeline: Pipeline, place: Place, url: str) -> Event:
    """Make the event of a workflow.

    Args:
        workflow: in its state.
        pipeline: that it is of.
        place: for whom; the service is the project's name.
        url: the workflow's page.

    Raises:
        Dropped: its status is no news, it is of a pull request, or not on a branch that counts.
        InvalidEventError: as `make_event`.

    """
    state = STATUSES.get(workflow.status or "")
    if state is None:
        raise Dropped("run-not-news", workflow.status or "")
    if not workflow.id and pipeline.number is None:
        raise Dropped("not-a-run")
    vcs, parameters = pipeline.vcs or Vcs(), pipeline.trigger_parameters or _Parameters()
    git = parameters.git or _Provider()
    host = parameters.gitlab or parameters.github_app or parameters.bitbucket or _Provider()
    branch = vcs.branch or git.branch or host.branch or ""
    origin, target = vcs.origin_repository_url, vcs.target_repository_url
    # A fork's branch may be called as ours.
    fork = bool(origin and target and origin != target)
    of_request = (host.type or "").startswith(("merge_request", "pull_request"))
    if fork or branch.startswith("pull/") or of_request:
        raise Dropped("run-of-a-pull-request", branch)
    tag = vcs.tag or git.tag or host.tag or ""
    # A tag counts when the team names it, as a branch does.
    if tag and not branch:
        if not is_global(tag, place.source.branches):
            raise Dropped("not-a-branch", tag)
        branch = tag
    commit, number = vcs.commit, pipeline.number
    run = Run(
        pipeline=workflow.name or "workflow",
        # A re-run is a new workflow of the same pipeline, so it is a new fact of the same row.
        run=str(number) if number is not None else workflow.id or "",
        attempt=workflow.id or "",
        order=number or 0,
        state=state,
        branch=short_ref(branch or git.ref or host.ref or ""),
        revision=sha(vcs.revision or git.checkout_sha or host.commit_sha or host.checkout_sha),
        actor=person(
            host.user_username,
            pipeline.trigger.actor.login,
            host.user_name,
            host.commit_author_name,
            commit.author.name,
        ),
        reason=commit.subject or host.commit_title or host.commit_message,
        url=url,
        started=workflow.created_at,
        changed=workflow.ended if state in FINAL else workflow.created_at,
    )
    # Ids of workflows are true everywhere, so their keys need no more.
    scope = "circleci" if workflow.id else f"circleci/{place.source.name}/{place.service}"
    made = run_event(run, replace(place, scope=scope))
    # Another project has a workflow `build` on `main`, and a pipeline of this number, as well.
    project = remote_scope(target or origin or "") or place.service
    return msgspec.structs.replace(made, scope=f"circleci/{project}")
