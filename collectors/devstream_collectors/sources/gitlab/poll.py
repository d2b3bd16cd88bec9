"""GitLab's API, asked: the same facts as by webhook, with the same keys.

Each round asks for the project, its pushes (as its events tell them: with who pushed), merged merge
requests, pipelines, deployments and issues, one chain each. Source:
https://docs.gitlab.com/api/rest/ (version 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import (
    Answer,
    Poller,
    Step,
    ask,
    followed,
    under_way,
    without,
)
from devstream_collectors.kit.run import UNDER_WAY
from devstream_collectors.sources.gitlab.deploy import STATES as DEPLOY_STATES
from devstream_collectors.sources.gitlab.deploy import Deployment, deployed
from devstream_collectors.sources.gitlab.place import Project, account, place_of
from devstream_collectors.sources.gitlab.push import MergeRequest, ProjectEvent, merged, push_of
from devstream_collectors.sources.gitlab.run import STATES, Pipeline, run
from devstream_collectors.sources.gitlab.ticket import Issue, step


class _Cursor(msgspec.Struct, frozen=True):
    """The position of each endpoint.

    Times are UTC milliseconds; 0 is never asked, so that what was before is no news.
    """

    home: Project = Project()
    pushed: int = 0
    merged: int = 0
    pipelines: dict[str, str] = {}
    """Of the pipelines last seen: id and GitLab's status, as our state where there is one."""
    deployments: dict[str, str] = {}
    opened: int = 0
    closed: int = 0
    reopened: int = 0


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    newest = {"order_by": "updated_at", "sort": "desc", "per_page": 30}
    events = _path(source, "/events")
    # First the project itself, for its address and default branch.
    yield ask(_path(source), Step("project"))
    yield ask(events, Step("pushes"), action="pushed", per_page=50)
    merges = {"state": "merged"} | newest
    yield ask(_path(source, "/merge_requests"), Step("merges"), query=merges)
    yield ask(_path(source, "/pipelines"), Step("pipelines"), query=newest)
    for number in under_way(known.pipelines):
        yield _one_pipeline(source, number)
    yield ask(_path(source, "/deployments"), Step("deployments"), query=newest)
    for number in under_way(known.deployments):
        path = _path(source, f"/deployments/{number}")
        yield ask(path, Step("deployment", number), missing_ok=True)
    yield ask(_path(source, "/issues"), Step("issues"), query=newest)
    yield ask(events, Step("reopened"), action="reopened", target_type="issue", per_page=20)


@poller.answer("project")
def _project(answer: Answer[_Cursor]) -> Polled:
    return answer.polled(home=answer.decode(Project))


@poller.answer("pushes")
def _pushes(answer: Answer[_Cursor]) -> Polled:
    known, page, place = answer.known.pushed, _page(answer), _place(answer)
    events = answer.decode(list[ProjectEvent])
    makers = [partial(push_of, event, page, place) for event in _fresh(events, known)]
    return answer.polled(makers, pushed=_newest(events, known))


@poller.answer("merges")
def _merges(answer: Answer[_Cursor]) -> Polled:
    known, place = answer.known.merged, _place(answer)
    found = [(milliseconds(body.merged_at), body) for body in answer.decode(list[MergeRequest])]
    # What was merged before the source was known is no news.
    makers = [
        partial(merged, body, account(body.merge_user, body.merged_by), place)
        for time, body in reversed(found)
        if 0 < known < time
    ]
    return answer.polled(makers, merged=max([known or 1, *(time for time, _ in found)]))


@poller.answer("pipelines")
def _pipelines(answer: Answer[_Cursor]) -> Polled:
    known, source = answer.known.pipelines, answer.source
    now = {body.id: _state(body) for body in answer.decode(list[Pipeline])}
    # The list does not say who began it, nor when it ended.
    fresh = [key for key, state in now.items() if known.get(key) != state and ":" not in state]
    # At first contact a few are enough: they are stored quietly.
    asked = [_one_pipeline(source, key) for key in (fresh if known else fresh[:5])]
    return answer.polled(requests=reversed(asked), pipelines=followed(known, now))


@poller.answer("pipeline")
def _pipeline(answer: Answer[_Cursor]) -> Polled:
    known, number = answer.known.pipelines, answer.step.of
    if not answer.ok:
        return answer.polled(pipelines=without(known, number))
    body = answer.decode(Pipeline)
    state = _state(body)
    makers = [] if ":" in state else [partial(run, body, _place(answer), page=_page(answer))]
    return answer.polled(makers, pipelines={**known, number: state})


def _state(body: Pipeline) -> str:
    """Return our state of a pipeline; `:` in front of what is no news.

    What is over has the time when it changed behind it, for a pipeline may end twice.
    """
    state = STATES.get(body.status or "")
    if state is None:
        return f":{body.status or ''}"
    return state if state in UNDER_WAY else f"{state} {body.updated_at}"


@poller.answer("deployments")
def _deployments(answer: Answer[_Cursor]) -> Polled:
    kept = followed(answer.known.deployments, {})
    return _deploys(answer, answer.decode(list[Deployment]), kept)


@poller.answer("deployment")
def _deployment(answer: Answer[_Cursor]) -> Polled:
    known = answer.known.deployments
    if not answer.ok:
        return answer.polled(deployments=without(known, answer.step.of))
    return _deploys(answer, [answer.decode(Deployment)], known)


def _deploys(answer: Answer[_Cursor], bodies: list[Deployment], kept: Mapping[str, str]) -> Polled:
    """Tell the deployments that are in another state than when last seen; remember all."""
    known, place = answer.known.deployments, _place(answer)
    now = {body.id: DEPLOY_STATES.get(body.status or "", f":{body.status}") for body in bodies}
    makers: list[Maker] = []
    for body in reversed(bodies):
        state = now[body.id]
        if known.get(body.id) != state and not state.startswith(":"):
            makers.append(partial(deployed, body, place))
    return answer.polled(makers, deployments={**kept, **now})


@poller.answer("issues")
def _issues(answer: Answer[_Cursor]) -> Polled:
    known, place = answer.known, _place(answer)
    opened, closed = known.opened or 1, known.closed or 1
    makers: list[Maker] = []
    for body in reversed(answer.decode(list[Issue])):
        created, ended = milliseconds(body.created_at), milliseconds(body.closed_at)
        if 0 < known.opened < created:
            who = account(body.author)
            makers.append(partial(step, body, "opened", body.created_at, who, place))
        if 0 < known.closed < ended:
            who = account(body.closed_by)
            makers.append(partial(step, body, "closed", body.closed_at, who, place))
        opened, closed = max(opened, created), max(closed, ended)
    return answer.polled(makers, opened=opened, closed=closed)


@poller.answer("reopened")
def _reopened(answer: Answer[_Cursor]) -> Polled:
    known, source = answer.known.reopened, answer.source
    events = answer.decode(list[ProjectEvent])
    # The event does not say whether the issue is confidential.
    asked = [
        ask(
            _path(source, f"/issues/{event.target_iid}"),
            Step("issue", event.actor, new=event.created_at or ""),
            missing_ok=True,
        )
        for event in _fresh(events, known)
    ]
    return answer.polled(requests=asked, reopened=_newest(events, known))


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


def _place(answer: Answer[_Cursor]) -> Place:
    return place_of((answer.known.home,), answer.source, answer.received)


def _page(answer: Answer[_Cursor]) -> str:
    return answer.known.home.web_url or ""


def _one_pipeline(source: SourceInfo, number: str) -> Request:
    return ask(_path(source, f"/pipelines/{number}"), Step("pipeline", number), missing_ok=True)


def _path(source: SourceInfo, path: str = "") -> str:
    name = source.text("repository").strip("/")
    return f"/api/v4/projects/{quote(name, safe='')}{path}"
