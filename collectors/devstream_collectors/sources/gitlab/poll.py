"""GitLab's API, asked: the same facts as by webhook, with the same keys.

Each round asks for the project, its pushes (as its events tell them: with who pushed), merged merge
requests, pipelines, deployments and issues, one chain each. Source:
https://docs.gitlab.com/api/rest/ (version 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.branches import exact, globs
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.executor import NOBODYS, Mark, mark_of
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import (
    Answer,
    Older,
    Poller,
    Step,
    ask,
    older,
    remembered,
    size_said,
    sized,
    under_way,
    unread,
    without,
)
from devstream_collectors.kit.run import UNDER_WAY
from devstream_collectors.sources.gitlab.deploy import STATES as DEPLOY_STATES
from devstream_collectors.sources.gitlab.deploy import Deployment, deployed
from devstream_collectors.sources.gitlab.place import Project, account, place_of
from devstream_collectors.sources.gitlab.push import MergeRequest, ProjectEvent, merged, push_of
from devstream_collectors.sources.gitlab.run import STATES, Listed, Pipeline, Variable, run
from devstream_collectors.sources.gitlab.ticket import Issue, step
from devstream_desktop.stream.event import Event


class _Cursor(msgspec.Struct, frozen=True):
    """The position of each endpoint.

    Times are UTC milliseconds; 0 is never asked, so that what was before is no news.
    """

    home: Project = Project()
    pushed: int = 0
    merged: int = 0
    lists: tuple[str, ...] | None = None
    """The branches whose pipelines were read, `""` for all; None in a cursor of before."""
    pipelines: dict[str, str] = {}
    """Of the pipelines last seen: id and GitLab's status, as our state where there is one."""
    marks: dict[str, Mark] = {}
    """Of the last pipelines that the API started: their executors' marks, empty for others'."""
    deployments: dict[str, str] = {}
    opened: int = 0
    closed: int = 0
    reopened: int = 0
    sizes: dict[str, int] = {}
    """The number of items of each list."""


_MARKS = 50
"""Pipelines whose marks are remembered."""
_FIRST, _NEW, _QUIET = "first", "new", "quiet"
"""Marks of a step: a list at first contact, a new list later, a pipeline of either."""
_AT_FIRST = 5
"""Pipelines of a list that are told at first contact."""
poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    # First the project itself, for its address and default branch.
    yield ask(_path(source), Step("project"))
    yield _list(source, Step("pushes"))
    yield _list(source, Step("merges"))
    branches = _branches(known.home, source)
    read = branches if known.lists is None else known.lists
    for branch in branches:
        state = _FIRST if known.home == Project() else "" if branch in read else _NEW
        yield _list(source, Step("pipelines", branch, state=state))
    for number in under_way(known.pipelines):
        yield _one_pipeline(source, number)
    yield _list(source, Step("deployments"))
    for number in under_way(known.deployments):
        path = _path(source, f"/deployments/{number}")
        yield ask(path, Step("deployment", number), missing_ok=True)
    yield _list(source, Step("issues"))
    yield _list(source, Step("reopened"))


def _branches(home: Project, source: SourceInfo) -> tuple[str, ...]:
    """Return the branches whose pipelines are asked for; `""` for all in one list."""
    default = home.default_branch
    branches = source.branches or ((default,) if default else ())
    # What goes on elsewhere cannot push the pipelines of a branch that counts off its page.
    return tuple(exact(branches)) if branches and not globs(branches) else ("",)


@poller.answer("project")
def _project(answer: Answer[_Cursor]) -> Polled:
    known = answer.known
    lists = () if known.lists is None and known.home == Project() else known.lists
    return answer.polled(home=answer.decode(Project), lists=lists)


@poller.answer("pushes")
def _pushes(answer: Answer[_Cursor]) -> Polled:
    since, page, place = _since(answer, answer.known.pushed), _page(answer), _place(answer)
    events = answer.decode(list[ProjectEvent])
    makers = [partial(push_of, event, page, place) for event in _fresh(events, since)]
    times = [milliseconds(event.created_at) for event in events]
    fresh = sum(time > since for time in times)
    more, gap = _older(answer, "pushes", times, since, fresh)
    newest = _newest(events, answer.known.pushed)
    return answer.polled(makers, more, gap, pushed=newest, sizes=_sizes(answer))


@poller.answer("merges")
def _merges(answer: Answer[_Cursor]) -> Polled:
    since, place = _since(answer, answer.known.merged), _place(answer)
    bodies = answer.decode(list[MergeRequest])
    found = [(milliseconds(body.merged_at), body) for body in bodies]
    times = [milliseconds(body.updated_at) for body in bodies]
    fresh = sum(time > since for time, _ in found)
    more, gap = _older(answer, "merges", times, since, fresh)
    # What was merged before the source was known is no news.
    makers = [
        partial(merged, body, account(body.merge_user, body.merged_by), place)
        for time, body in reversed(found)
        if 0 < since < time
    ]
    newest = max([answer.known.merged or 1, *(time for time, _ in found)])
    return answer.polled(makers, more, gap, merged=newest, sizes=_sizes(answer))


@poller.answer("pipelines")
def _pipelines(answer: Answer[_Cursor]) -> Polled:
    known, source, branch = answer.known.pipelines, answer.source, answer.step.of
    bodies = answer.decode(list[Listed])
    now = {body.id: _state(body) for body in bodies}
    what = f"pipelines of {branch}" if branch else "pipelines"
    times = {body.id: body.updated_at for body in bodies}
    # The list does not say who began it, nor when it ended.
    fresh = [key for key, state in now.items() if known.get(key) != state and ":" not in state]
    if answer.step.state:
        # Its past is no news, and must not be told as such.
        loud = _since_all(answer, fresh)
        quiet = [key for key in fresh if key not in loud]
        few = _AT_FIRST if answer.step.state == _FIRST else int(not loud)
        asked = [_one_pipeline(source, key) for key in loud]
        asked += [_one_pipeline(source, key, _QUIET) for key in quiet[:few]]
    else:
        asked = [_one_pipeline(source, key) for key in fresh]
    nothing: Older = ((), None)
    more, gap = nothing if answer.step.state else _older_of(answer, what, times, now)
    return answer.polled(
        requests=(*reversed(asked), *more),
        gap=gap,
        lists=_lists_with(answer, branch),
        pipelines=remembered(known, now),
        sizes=_sizes(answer),
    )


def _since_all(answer: Answer[_Cursor], fresh: list[str]) -> list[str]:
    """Return pipelines of a new list that the list of all lacked."""
    known = answer.known
    if "" not in (known.lists or ()):
        return []
    numbers = [int(key) for key in known.pipelines if _is_number(key)]
    last = max(numbers, default=0)
    return [key for key in fresh if key in known.pipelines or (_is_number(key) and int(key) > last)]


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 16


def _lists_with(answer: Answer[_Cursor], branch: str) -> tuple[str, ...]:
    """Return the lists read, with that of `branch`; one that is not asked for is forgotten."""
    wanted = _branches(answer.known.home, answer.source)
    read = wanted if answer.known.lists is None else answer.known.lists
    return tuple({one: None for one in (*read, branch) if one == branch or one in wanted})


@poller.answer("pipeline")
def _pipeline(answer: Answer[_Cursor]) -> Polled:
    known, number = answer.known.pipelines, answer.step.of
    if not answer.ok:
        return answer.polled(pipelines=without(known, number))
    body = answer.decode(Pipeline)
    state = _state(body)
    if ":" in state:
        return answer.polled(pipelines={**known, number: state})
    mark = answer.known.marks.get(number)
    # Only its variables say whether an executor started it; they are looked at once.
    if mark is None and body.source == "api":
        return answer.polled(requests=[_variables(answer.source, answer.step)])
    maker = partial(run, body, _place(answer), page=_page(answer), mark=mark or NOBODYS)
    if answer.step.state == _QUIET:
        maker = partial(_quietly, maker)
    return answer.polled([maker], pipelines={**known, number: state})


def _quietly(maker: Maker) -> Event:
    return msgspec.structs.replace(maker(), quiet=True)


@poller.answer("variables")
def _variables_of(answer: Answer[_Cursor]) -> Polled:
    number = answer.step.of
    found = answer.decode(list[Variable]) if answer.ok else []
    kept = {**answer.known.marks, number: mark_of((one.key, one.value) for one in found)}
    return answer.polled(
        requests=[_one_pipeline(answer.source, number, answer.step.state)],
        marks=dict(list(kept.items())[-_MARKS:]),
    )


def _state(body: Listed) -> str:
    """Return our state of a pipeline; `:` in front of what is no news.

    What is over has the time when it changed behind it, for a pipeline may end twice.
    """
    state = STATES.get(body.status or "")
    if state is None:
        return f":{body.status or ''}"
    return state if state in UNDER_WAY else f"{state} {body.updated_at}"


@poller.answer("deployments")
def _deployments(answer: Answer[_Cursor]) -> Polled:
    known, bodies = answer.known.deployments, answer.decode(list[Deployment])
    now = {body.id: DEPLOY_STATES.get(body.status or "", f":{body.status}") for body in bodies}
    times = {body.id: body.updated_at for body in bodies}
    more, gap = _older_of(answer, "deployments", times, now)
    polled = _deploys(answer, bodies, remembered(known, {}), sizes=_sizes(answer))
    return replace(polled, requests=more, gap=gap)


@poller.answer("deployment")
def _deployment(answer: Answer[_Cursor]) -> Polled:
    known = answer.known.deployments
    if not answer.ok:
        return answer.polled(deployments=without(known, answer.step.of))
    return _deploys(answer, [answer.decode(Deployment)], known)


def _deploys(
    answer: Answer[_Cursor], bodies: list[Deployment], kept: Mapping[str, str], **more: object
) -> Polled:
    """Tell the deployments that are in another state than when last seen; remember all."""
    known, place = answer.known.deployments, _place(answer)
    now = {body.id: DEPLOY_STATES.get(body.status or "", f":{body.status}") for body in bodies}
    makers: list[Maker] = []
    for body in reversed(bodies):
        state, pipeline = now[body.id], body.deployable.pipeline.id
        if known.get(body.id) == state or state.startswith(":"):
            continue
        # Pipelines are read before, in each round.
        mark = answer.known.marks.get(pipeline, NOBODYS)
        makers.append(partial(deployed, body, place, mark))
    return answer.polled(makers, (), None, deployments={**kept, **now}, **more)


@poller.answer("issues")
def _issues(answer: Answer[_Cursor]) -> Polled:
    known, place = answer.known, _place(answer)
    # What was known before the first page.
    marks = msgspec.json.decode(answer.step.old or b"[0,0]", type=tuple[int, int])
    since_opened, since_closed = marks if answer.step.old else (known.opened, known.closed)
    opened, closed = known.opened or 1, known.closed or 1
    makers: list[Maker] = []
    bodies = answer.decode(list[Issue])
    for body in reversed(bodies):
        created, ended = milliseconds(body.created_at), milliseconds(body.closed_at)
        if 0 < since_opened < created:
            who = account(body.author)
            makers.append(partial(step, body, "opened", body.created_at, who, place))
        if 0 < since_closed < ended:
            who = account(body.closed_by)
            makers.append(partial(step, body, "closed", body.closed_at, who, place))
        opened, closed = max(opened, created), max(closed, ended)
    times = [milliseconds(body.updated_at) for body in bodies]
    made = [milliseconds(body.created_at) for body in bodies]
    mark = f"[{since_opened},{since_closed}]"
    newest, fresh = max(since_opened, since_closed), sum(at > since_opened for at in made)
    more, gap = _older(answer, "issues", times, newest, fresh, mark)
    return answer.polled(makers, more, gap, opened=opened, closed=closed, sizes=_sizes(answer))


@poller.answer("reopened")
def _reopened(answer: Answer[_Cursor]) -> Polled:
    since, source = _since(answer, answer.known.reopened), answer.source
    events = answer.decode(list[ProjectEvent])
    times = [milliseconds(event.created_at) for event in events]
    fresh = sum(time > since for time in times)
    more, gap = _older(answer, "reopened issues", times, since, fresh)
    # The event does not say whether the issue is confidential.
    asked = [
        ask(
            _path(source, f"/issues/{event.target_iid}"),
            Step("issue", event.actor, new=event.created_at or ""),
            missing_ok=True,
        )
        for event in _fresh(events, since)
    ]
    newest = _newest(events, answer.known.reopened)
    return answer.polled(requests=(*asked, *more), gap=gap, reopened=newest, sizes=_sizes(answer))


@poller.answer("issue")
def _issue(answer: Answer[_Cursor]) -> Polled:
    if not answer.ok:
        return answer.polled()
    at, who = answer.step.new, answer.step.of
    return answer.polled([partial(step, answer.decode(Issue), "reopened", at, who, _place(answer))])


def _fresh(events: list[ProjectEvent], since: int) -> Iterable[ProjectEvent]:
    """Return those after `since`, the oldest first; none when it is 0."""
    return [event for event in reversed(events) if 0 < since < milliseconds(event.created_at)]


def _newest(events: list[ProjectEvent], since: int) -> int:
    return max([since or 1, *(milliseconds(event.created_at) for event in events)])


_NEWEST = {"order_by": "updated_at", "sort": "desc", "per_page": 30}
_LISTS: dict[str, tuple[str, dict[str, object]]] = {
    "pushes": ("/events", {"action": "pushed", "per_page": 50}),
    "merges": ("/merge_requests", {"state": "merged", **_NEWEST}),
    "pipelines": ("/pipelines", {**_NEWEST}),
    "deployments": ("/deployments", {**_NEWEST}),
    "issues": ("/issues", {**_NEWEST}),
    "reopened": ("/events", {"action": "reopened", "target_type": "issue", "per_page": 20}),
}
"""The lists that have pages, the newest first: path and query by the name of the answer."""


def _list(source: SourceInfo, step: Step) -> Request:
    """Ask for a page of a list: `step.count` is its number, `step.of` a branch."""
    path, query = _LISTS[step.name]
    branch = {"ref": step.of} if step.of else {}
    page = {"page": step.count} if step.count > 1 else {}
    return ask(_path(source, path), step, query={**query, **branch, **page})


def _since(answer: Answer[_Cursor], known: int) -> int:
    """Return the newest time known before a list's first page."""
    return int(answer.step.old or known)


def _older(
    answer: Answer[_Cursor], what: str, times: list[int], since: int, fresh: int, mark: str = ""
) -> Older:
    """Ask for the page before one that is all newer than `since`; `fresh` items came since."""
    unseen = bool(times) and 0 < since < times[-1]
    return _page_before(answer, what, times, mark or str(since), since, fresh, unseen=unseen)


def _older_of(
    answer: Answer[_Cursor], what: str, times: dict[str, int], states: dict[str, str]
) -> Older:
    """Ask for the page before one that ends with news; of its items the times and states."""
    last, known = next(reversed(states), ""), _states(answer)
    # The list goes by the last change: one that is known and goes on is no end of the news.
    unseen = bool(last) and known.get(last) != states[last]
    fresh = sum(key not in known for key in states)
    return _page_before(answer, what, list(times.values()), "", 0, fresh, unseen=unseen)


def _states(answer: Answer[_Cursor]) -> Mapping[str, str]:
    known = answer.known
    return known.pipelines if answer.step.name == "pipelines" else known.deployments


def _page_before(
    answer: Answer[_Cursor],
    what: str,
    times: list[int],
    mark: str,
    since: int,
    fresh: int,
    *,
    unseen: bool,
) -> Older:
    _, query = _LISTS[answer.step.name]
    return older(
        answer,
        what=what,
        full=len(times) >= int(str(query["per_page"])),
        all_new=unseen,
        page=lambda step: _list(answer.source, msgspec.structs.replace(step, old=mark)),
        since=since,
        until=times[-1] if times else 0,
        unread=unread(answer, answer.known.sizes, _size(answer), fresh),
    )


def _size(answer: Answer[_Cursor]) -> int:
    """Return the size of a list; GitLab says it up to 10,000 items.

    https://docs.gitlab.com/api/rest/#pagination-response-headers
    """
    return size_said(answer.response.headers.get("x-total"))


def _sizes(answer: Answer[_Cursor]) -> dict[str, int]:
    return sized(answer, answer.known.sizes, _size(answer))


def _place(answer: Answer[_Cursor]) -> Place:
    return place_of((answer.known.home,), answer.source, answer.received)


def _page(answer: Answer[_Cursor]) -> str:
    return answer.known.home.web_url or ""


def _one_pipeline(source: SourceInfo, number: str, state: str = "") -> Request:
    step = Step("pipeline", number, state=state)
    return ask(_path(source, f"/pipelines/{number}"), step, missing_ok=True)


def _variables(source: SourceInfo, of: Step) -> Request:
    step = Step("variables", of.of, state=of.state)
    asked = ask(_path(source, f"/pipelines/{of.of}/variables"), step)
    # Not every token may see them.
    return replace(asked, optional=True)


def _path(source: SourceInfo, path: str = "") -> str:
    name = source.text("repository").strip("/")
    return f"/api/v4/projects/{quote(name, safe='')}{path}"
