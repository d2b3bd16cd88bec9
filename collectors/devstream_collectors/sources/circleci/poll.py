"""CircleCI's API, asked: the workflows of a project's pipelines, with the keys of its webhooks, for a collector it cannot reach.

Source: https://circleci.com/docs/api/v2/. It has no list of workflows: the pipelines are listed, and each is asked for its own while
one is under way; the newest few always, for a workflow that is run again.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.before.branches import is_global
from devstream_collectors.before.polling import Step, ask, polled, step_of
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.circleci.events import FINAL, STATUSES, workflow_event
from devstream_collectors.sources.circleci.payloads import Pipeline, Vcs, Workflow

WATCHED = 5
"""Of the newest pipelines whose workflows are asked for in every round."""
MAX_OPEN = 20
"""Of older ones, while a workflow of theirs is under way."""
MAX_RUNS = 300
_HOSTS = {"gh": "github", "bb": "bitbucket"}
_PENDING = frozenset({"running", "failing", "on_hold"})


class _VcsInfo(msgspec.Struct, frozen=True):
    provider: str | None = ""
    default_branch: str | None = ""


class _Project(msgspec.Struct, frozen=True):
    name: str | None = ""
    slug: str | None = ""
    vcs_info: _VcsInfo | None = None


class _Pipelines(msgspec.Struct, frozen=True):
    items: list[Pipeline] | None = None


class _Workflows(msgspec.Struct, frozen=True):
    items: list[Workflow] | None = None


class _Cursor(msgspec.Struct, frozen=True):
    name: str = ""
    branch: str = ""
    """The default branch; empty for a project whose host does not tell it to CircleCI."""
    newest: int = -1
    """Number of the newest pipeline that was listed; -1: never asked."""
    pipelines: dict[str, Pipeline] = {}
    """Those to ask for their workflows, the newest last, by their ids."""
    open: tuple[str, ...] = ()
    runs: dict[str, str] = {}
    """Of workflows: id and status last told."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with: the project until its name is known, its pipelines, and the workflows of those that are watched."""
    del now
    known = _cursor.decode(cursor) if cursor else _Cursor()
    if not known.name:
        return (ask(f"/api/v2/project/{_slug(source)}", Step("project")),)
    return (_pipelines(source), *(_workflows(one) for one in known.pipelines))


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what CircleCI's API answers.

    """
    known, step = _cursor.decode(cursor) if cursor else _Cursor(), step_of(response)
    if step.name == "project":
        return _read_project(msgspec.json.decode(response.body, type=_Project), known, source)
    if step.name == "pipelines":
        return _read_pipelines(
            msgspec.json.decode(response.body, type=_Pipelines).items or [], known, source
        )
    found = (
        msgspec.json.decode(response.body, type=_Workflows).items or []
        if response.status == 200
        else []
    )
    return _read_workflows(step.of, found, known, source, response.received)


def _read_project(project: _Project, known: _Cursor, source: SourceInfo) -> Polled:
    if not project.name:
        raise ValueError("the project has no name")
    info = project.vcs_info or _VcsInfo()
    # Of projects that GitLab or an app started, CircleCI says `main` whatever the branch is called.
    branch = (
        info.default_branch or ""
        if (info.provider or "").lower() in ("github", "bitbucket")
        else ""
    )
    after = msgspec.structs.replace(known, name=project.name[:100], branch=branch[:200])
    return polled(after, requests=(_pipelines(source),))


def _read_pipelines(items: list[Pipeline], known: _Cursor, source: SourceInfo) -> Polled:
    fresh = [
        one
        for one in items
        if one.id
        and one.number is not None
        and one.number > known.newest
        and _counts(one, known, source)
    ]
    added = fresh[: WATCHED if known.newest < 0 else MAX_OPEN]
    watched = {**known.pipelines, **{one.id or "": _small(one) for one in reversed(added)}}
    newest = max([known.newest, 0, *(one.number or 0 for one in items)])
    after = msgspec.structs.replace(
        known,
        newest=newest,
        pipelines=watched,
        open=(*known.open, *(one.id or "" for one in added)),
    )
    return polled(_pruned(after), requests=[_workflows(one.id or "") for one in reversed(added)])


def _read_workflows(
    pipeline_id: str, found: list[Workflow], known: _Cursor, source: SourceInfo, received: int
) -> Polled:
    pipeline = known.pipelines.get(pipeline_id)
    if pipeline is None:
        return polled(known)
    fresh = [one for one in reversed(found) if one.id and known.runs.get(one.id) != _mark(one)]
    makers = [
        partial(
            workflow_event,
            one,
            pipeline,
            source,
            project=known.name,
            url=_url(one, pipeline, source),
            received=received,
            default_branch=known.branch,
        )
        for one in fresh
    ]
    now = {one.id[:64]: _mark(one) for one in found if one.id}
    runs = {key: mark for key, mark in known.runs.items() if key not in now} | now
    # A pipeline without workflows is one that is still being set up.
    busy = not found or any(one.status in _PENDING for one in found)
    open_ = tuple(one for one in known.open if one != pipeline_id) + (
        (pipeline_id,) if busy else ()
    )
    after = msgspec.structs.replace(known, runs=dict(list(runs.items())[-MAX_RUNS:]), open=open_)
    return polled(_pruned(after), makers)


def _pruned(known: _Cursor) -> _Cursor:
    """Without the pipelines that need no more asking."""
    newest = list(known.pipelines)[-WATCHED:]
    open_ = [one for one in known.pipelines if one in known.open and one not in newest][-MAX_OPEN:]
    kept = {
        one: pipeline for one, pipeline in known.pipelines.items() if one in newest or one in open_
    }
    return msgspec.structs.replace(
        known, pipelines=kept, open=tuple(one for one in known.open if one in kept)
    )


def _counts(pipeline: Pipeline, known: _Cursor, source: SourceInfo) -> bool:
    """Whether its workflows can make lines: not asking for those of other branches saves most requests."""
    branch = (pipeline.vcs or Vcs()).branch or ""
    watched = bool(source.branches or known.branch)
    return not (branch and watched) or is_global(branch, source.branches, known.branch)


def _small(pipeline: Pipeline) -> Pipeline:
    """Without long texts, for the cursor."""
    vcs = pipeline.vcs
    if vcs is None or vcs.commit is None:
        return pipeline
    commit = msgspec.structs.replace(vcs.commit, subject=(vcs.commit.subject or "")[:200])
    return msgspec.structs.replace(pipeline, vcs=msgspec.structs.replace(vcs, commit=commit))


def _mark(workflow: Workflow) -> str:
    state = STATUSES.get(workflow.status or "", "")
    return (
        f"{state} {workflow.stopped_at}"[:60]
        if state in FINAL
        else state or (workflow.status or "")[:30]
    )


def _url(workflow: Workflow, pipeline: Pipeline, source: SourceInfo) -> str:
    """The workflow's page; the API does not say it."""
    if source.url != "https://circleci.com":
        return ""
    host, _, rest = source.text("project").strip("/").partition("/")
    return f"https://app.circleci.com/pipelines/{_HOSTS.get(host, host)}/{quote(rest)}/{pipeline.number}/workflows/{workflow.id}"


def _pipelines(source: SourceInfo) -> Request:
    return ask(f"/api/v2/project/{_slug(source)}/pipeline", Step("pipelines"))


def _workflows(pipeline_id: str) -> Request:
    return ask(
        f"/api/v2/pipeline/{quote(pipeline_id, safe='')}/workflow",
        Step("workflows", pipeline_id),
        missing_ok=True,
    )


def _slug(source: SourceInfo) -> str:
    return quote(source.text("project").strip("/"))
