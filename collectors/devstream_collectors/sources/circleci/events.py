"""CircleCI's workflows as runs: what a status means."""

from __future__ import annotations

from devstream_collectors.before.branches import is_global
from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.run import Run, run_event
from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources.circleci.payloads import (
    Commit,
    Parameters,
    Pipeline,
    Provider,
    Trigger,
    Vcs,
    Workflow,
)
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
"""Those of https://circleci.com/docs/api/v2/#operation/listWorkflowsByPipelineId that are news: not `on_hold` and `not_run`."""
FINAL = frozenset({"succeeded", "failed", "errored", "cancelled"})


def workflow_event(
    workflow: Workflow,
    pipeline: Pipeline,
    source: SourceInfo,
    *,
    project: str,
    url: str,
    received: int,
    default_branch: str = "",
) -> Event:
    """The event of a workflow of a pipeline of the project `project`.

    Raises:
        Dropped: its status is no news, it is of a pull request, or not on a branch the team watches.
        InvalidEventError: as `make_event`.

    """
    state = STATUSES.get(workflow.status or "")
    if state is None:
        raise Dropped("run-not-news", workflow.status or "")
    if not workflow.id and pipeline.number is None:
        raise Dropped("not-a-run")
    vcs, parameters = pipeline.vcs or Vcs(), pipeline.trigger_parameters or Parameters()
    git = parameters.git or Provider()
    host = parameters.gitlab or parameters.github_app or parameters.bitbucket or Provider()
    branch = vcs.branch or git.branch or host.branch or ""
    fork = bool(
        vcs.origin_repository_url
        and vcs.target_repository_url
        and vcs.origin_repository_url != vcs.target_repository_url
    )
    if (
        fork
        or branch.startswith("pull/")
        or (host.type or "").startswith(("merge_request", "pull_request"))
    ):
        raise Dropped("run-of-a-pull-request", branch)
    tag = vcs.tag or git.tag or host.tag or ""
    if tag and not branch:
        if not is_global(tag, source.branches, ""):
            raise Dropped("not-a-branch", tag)
        branch = tag
    commit, trigger = vcs.commit or Commit(), pipeline.trigger or Trigger()
    run = Run(
        pipeline=workflow.name or "workflow",
        # A re-run is a new workflow of the same pipeline, so it is a new fact of the same row.
        run=str(pipeline.number) if pipeline.number is not None else workflow.id or "",
        attempt=workflow.id or "",
        state=state,
        branch=short_ref(branch or git.ref or host.ref or ""),
        revision=sha(vcs.revision or git.checkout_sha or host.commit_sha or host.checkout_sha),
        actor=person(
            host.user_username,
            trigger.actor.login if trigger.actor else "",
            host.user_name,
            host.commit_author_name,
            commit.author.name if commit.author else "",
        ),
        reason=commit.subject or host.commit_title or host.commit_message or "",
        url=url,
        started=milliseconds(workflow.created_at),
        changed=milliseconds(workflow.stopped_at if state in FINAL else workflow.created_at),
    )
    # Ids of workflows are true everywhere, so the scope needs no more.
    scope = "circleci" if workflow.id else f"circleci/{source.name}/{project}"
    return run_event(
        run, source, scope=scope, service=project, received=received, default_branch=default_branch
    )
