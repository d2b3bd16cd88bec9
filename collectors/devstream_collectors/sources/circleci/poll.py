"""CircleCI's API, asked: the workflows of a project's pipelines, with the keys of its webhooks.

Source: https://circleci.com/docs/api/v2/. It has no list of workflows: the pipelines are listed,
and each is asked for its own while one is under way; the newest few always, for a workflow that is
run again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import TypeVar
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.branches import defaults, is_global
from devstream_collectors.kit.decoding import Needed, Text, decode
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, again, ask, older
from devstream_collectors.sources.circleci.run import (
    FINAL,
    STATUSES,
    Pipeline,
    Vcs,
    Workflow,
    workflow_event,
)

WATCHED = 5
"""Of the newest pipelines whose workflows are asked for in every round."""
MAX_OPEN = 60
"""Of older ones, while a workflow of theirs is under way."""
MAX_RUNS = 300
_CURSOR = 60_000
"""Bytes."""
_TEXT = 255
_HOSTS = {"gh": "github", "bb": "bitbucket"}
T = TypeVar("T", bound=msgspec.Struct)
_PENDING = frozenset({"running", "failing", "on_hold"})


class _VcsInfo(msgspec.Struct, frozen=True):
    provider: str | None = ""
    default_branch: str | None = ""


class _Project(msgspec.Struct, frozen=True):
    name: str | None = ""
    vcs_info: _VcsInfo | None = None


class _Pipelines(msgspec.Struct, frozen=True):
    items: Needed[list[Pipeline] | None] = None
    next_page_token: Text = ""


class _Workflows(msgspec.Struct, frozen=True):
    items: Needed[list[Workflow] | None] = None
    next_page_token: Text = ""


class _Cursor(msgspec.Struct, frozen=True):
    name: str = ""
    branch: str = ""
    """The default branch; empty for a project whose host does not tell it to CircleCI."""
    newest: int = -1
    """Number of the newest pipeline that was listed; -1: never asked."""
    pipelines: dict[str, Pipeline] = {}
    """The pipelines to ask for their workflows, the newest last, by id."""
    open: tuple[str, ...] = ()
    runs: dict[str, str] = {}
    """Of workflows: id and status last told."""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    # The project until its name is known, then its pipelines and the workflows of those watched.
    if not known.name:
        yield ask(f"/api/v2/project/{_slug(source)}", Step("project"))
        return
    yield _list(source)
    for pipeline in known.pipelines.values():
        yield _workflows_of(pipeline)


@poller.answer("project")
def _project(answer: Answer[_Cursor]) -> Polled:
    project = answer.decode(_Project)
    if not project.name:
        raise ValueError("the project has no name")
    info, branch = project.vcs_info or _VcsInfo(), ""
    # Of projects that GitLab or an app started, CircleCI says `main` whatever the branch is called.
    if (info.provider or "").lower() in ("github", "bitbucket"):
        branch = info.default_branch or ""
    follow = [_list(answer.source)]
    return answer.polled(requests=follow, name=project.name[:100], branch=branch[:200])


@poller.answer("pipelines")
def _pipelines(answer: Answer[_Cursor]) -> Polled:
    said, known = answer.decode(_Pipelines), answer.known
    items = [one for one in said.items or [] if one.id and one.number is not None]
    numbers = [one.number or 0 for one in items]
    # What was known before the first page.
    since, token = int(answer.step.old or known.newest), said.next_page_token
    fresh = [one for one in items if (one.number or 0) > since and _counts(one, answer)]
    added = fresh[:WATCHED] if since < 0 else fresh
    oldest = min(numbers, default=0)
    marked = msgspec.structs.replace(answer.step, old=str(since))
    more, gap = older(
        replace(answer, step=marked),
        what="pipelines",
        full=bool(token),
        all_new=0 <= since < oldest - 1,
        page=lambda step: again(answer, step, **{"page-token": token}),
        unread=oldest - since - 1,
    )
    # Each is asked for at once, and only those that go on are remembered.
    asked = [_workflows_of(one) for one in reversed(added)]
    newest = max([known.newest, 0, *numbers])
    return answer.polled(requests=(*asked, *more), gap=gap, newest=newest)


@poller.answer("workflows")
def _workflows(answer: Answer[_Cursor]) -> Polled:
    known, pipeline = answer.known, decode(answer.step.new, Pipeline)
    said = answer.decode_or(_Workflows())
    found, identity = said.items or [], pipeline.id or ""
    place = Place(answer.source, answer.received, "", known.name, defaults(known.branch))
    makers = [
        partial(workflow_event, one, pipeline, place, _url(one, pipeline, answer.source))
        for one in reversed(found)
        if one.id and known.runs.get(one.id) != _mark(one)
    ]
    now = {one.id[:64]: _mark(one) for one in found if one.id}
    runs = {key: mark for key, mark in known.runs.items() if key not in now} | now
    # A pipeline without workflows is one that is still being set up.
    busy = not found or any(one.status in _PENDING for one in found)
    # On a later page of its workflows it goes on if it did on one before.
    busy = busy or (answer.step.count > 1 and identity in known.open)
    others = tuple(one for one in known.open if one != identity)
    after = msgspec.structs.replace(
        known,
        pipelines={**known.pipelines, identity: pipeline} if answer.ok else known.pipelines,
        runs=dict(list(runs.items())[-MAX_RUNS:]),
        open=(*others, identity) if busy and answer.ok else others,
    )
    kept, lost = _pruned(after)
    token, step = said.next_page_token, answer.step
    following = msgspec.structs.replace(step, count=max(1, step.count) + 1)
    more = [again(answer, following, **{"page-token": token})] if token and found else []
    gap = Gap("pipelines under way", lost) if lost else None
    return replace(answer, known=kept).polled(makers, more, gap)


def _pruned(known: _Cursor) -> tuple[_Cursor, int]:
    """Leave out the pipelines that need no more asking; say how many that go on do not fit."""
    by_number = sorted(known.pipelines.items(), key=lambda one: one[1].number or 0)
    newest = [key for key, _ in by_number[-WATCHED:]]
    older_ones = [key for key, _ in by_number if key in known.open and key not in newest]
    wanted = [*older_ones[-MAX_OPEN:], *newest]
    kept = {key: pipeline for key, pipeline in by_number if key in wanted}
    room = _CURSOR - len(msgspec.json.encode(msgspec.structs.replace(known, pipelines={})))
    while kept and len(msgspec.json.encode(kept)) > room:
        del kept[next(iter(kept))]
    open_ = tuple(one for one in known.open if one in kept)
    lost = sum(key not in kept for key in older_ones)
    return msgspec.structs.replace(known, pipelines=kept, open=open_), lost


def _counts(pipeline: Pipeline, answer: Answer[_Cursor]) -> bool:
    """Tell whether its workflows can make lines: asking for others would be most requests."""
    branch, default = (pipeline.vcs or Vcs()).branch or "", answer.known.branch
    branches = answer.source.branches
    return not (branch and (branches or default)) or is_global(branch, branches, default)


def _small(pipeline: Pipeline) -> Pipeline:
    """Cut long texts, for the cursor: whoever pushes writes most of them."""
    vcs, said = pipeline.vcs, pipeline.trigger_parameters
    actor = _cut(pipeline.trigger.actor)
    if vcs is not None:
        commit = _cut(vcs.commit)
        commit = msgspec.structs.replace(commit, author=_cut(commit.author))
        vcs = msgspec.structs.replace(_cut(vcs), commit=commit)
    if said is not None:
        hosts = {name: getattr(said, name) for name in said.__struct_fields__}
        cut = {name: None if host is None else _cut(host) for name, host in hosts.items()}
        said = msgspec.structs.replace(said, **cut)
    trigger = msgspec.structs.replace(pipeline.trigger, actor=actor)
    return msgspec.structs.replace(pipeline, trigger=trigger, trigger_parameters=said, vcs=vcs)


def _cut(one: T) -> T:
    """Cut the texts of a struct. No branch has a longer name, on any forge."""
    texts = {name: getattr(one, name) for name in one.__struct_fields__}
    cut = {name: text[:_TEXT] for name, text in texts.items() if isinstance(text, str)}
    return msgspec.structs.replace(one, **cut)


def _mark(workflow: Workflow) -> str:
    state = STATUSES.get(workflow.status or "", "")
    if state in FINAL:
        return f"{state} {workflow.stopped_at}"[:60]
    return state or (workflow.status or "")[:30]


def _url(workflow: Workflow, pipeline: Pipeline, source: SourceInfo) -> str:
    """Return the workflow's page; the API does not say it."""
    # A server of one's own has its pages at another address.
    if source.url != "https://circleci.com":
        return ""
    host, _, rest = source.text("project").strip("/").partition("/")
    home = f"https://app.circleci.com/pipelines/{_HOSTS.get(host, host)}/{quote(rest)}"
    return f"{home}/{pipeline.number}/workflows/{workflow.id}"


def _list(source: SourceInfo) -> Request:
    return ask(f"/api/v2/project/{_slug(source)}/pipeline", Step("pipelines"))


def _workflows_of(pipeline: Pipeline) -> Request:
    path = f"/api/v2/pipeline/{quote(pipeline.id or '', safe='')}/workflow"
    small = msgspec.json.encode(_small(pipeline)).decode()
    return ask(path, Step("workflows", pipeline.id or "", new=small), missing_ok=True)


def _slug(source: SourceInfo) -> str:
    return quote(source.text("project").strip("/"))
