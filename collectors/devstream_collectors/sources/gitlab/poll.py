"""GitLab's API, asked: the same facts as by webhook, with the same keys, for a collector that GitLab cannot reach.

Each round asks for the project, its pushes (as its events tell them: with who pushed), merged merge requests, pipelines, deployments
and issues, one chain each. Source: https://docs.gitlab.com/api/rest/ (version 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.before.branches import HEADS
from devstream_collectors.before.decoding import milliseconds, sha
from devstream_collectors.before.deploy import Deployment as Deployed
from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.place import Place
from devstream_collectors.before.polling import (
    Step,
    ask,
    followed,
    polled,
    step_of,
    under_way,
    without,
)
from devstream_collectors.before.push import Push, push_event
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.gitlab.events import (
    DEPLOY_STATES,
    PIPELINE_STATES,
    account,
    compare_url,
    deployed,
    issue,
    merged,
    pipeline,
    place_of,
)
from devstream_collectors.sources.gitlab.payloads import (
    DeploymentBody,
    IssueBody,
    MergeBody,
    PipelineBody,
    Project,
    ProjectEvent,
)
from devstream_desktop.stream.event import Event


class _Cursor(msgspec.Struct, frozen=True):
    """Where each endpoint got to. Times are UTC milliseconds; 0 is never asked, so that what was before is no news."""

    home: Project = Project()
    pushed: int = 0
    merged: int = 0
    pipelines: dict[str, str] = {}
    """Of the pipelines last seen: id and GitLab's status, as our state where there is one."""
    deployments: dict[str, str] = {}
    opened: int = 0
    closed: int = 0
    reopened: int = 0


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with; the project itself comes first, for its address and default branch."""
    del now
    known = _cursor.decode(cursor) if cursor else _Cursor()
    return (
        ask(_path(source), Step("project")),
        ask(_path(source, "/events"), Step("pushes"), action="pushed", per_page=50),
        ask(
            _path(source, "/merge_requests"),
            Step("merges"),
            state="merged",
            order_by="updated_at",
            sort="desc",
            per_page=30,
        ),
        ask(
            _path(source, "/pipelines"),
            Step("pipelines"),
            order_by="updated_at",
            sort="desc",
            per_page=30,
        ),
        *(_one_pipeline(source, number) for number in under_way(known.pipelines)),
        ask(
            _path(source, "/deployments"),
            Step("deployments"),
            order_by="updated_at",
            sort="desc",
            per_page=30,
        ),
        *(_one_deployment(source, number) for number in under_way(known.deployments)),
        ask(
            _path(source, "/issues"),
            Step("issues"),
            order_by="updated_at",
            sort="desc",
            per_page=30,
        ),
        ask(
            _path(source, "/events"),
            Step("reopened"),
            action="reopened",
            target_type="issue",
            per_page=20,
        ),
    )


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what GitLab's API answers.

    """
    known, step = _cursor.decode(cursor) if cursor else _Cursor(), step_of(response)
    return _READERS[step.name](step, response, known, source)


def _project(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    del source
    return polled(
        msgspec.structs.replace(known, home=msgspec.json.decode(response.body, type=Project))
    )


def _pushes(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    events = msgspec.json.decode(response.body, type=list[ProjectEvent])
    place = _place(known, source, response)
    makers = [
        partial(_pushed, event, known.home.web_url or "", place)
        for event in _fresh(events, known.pushed)
    ]
    return polled(msgspec.structs.replace(known, pushed=_newest(events, known.pushed)), makers)


def _pushed(event: ProjectEvent, web: str, place: Place) -> Event:
    data = event.push_data
    if data is None or not data.ref:
        # GitLab says only how many when one push moved many; plain git says which.
        raise Dropped("push-of-many-branches")
    if data.ref_type != "branch":
        raise Dropped("not-a-branch", data.ref)
    before, after = sha(data.commit_from), sha(data.commit_to)
    push = Push(
        branch=HEADS + data.ref,
        before=before,
        after=after,
        actor=account(event.author) or event.author_username or "",
        title=data.commit_title or "",
        count=data.commit_count or 0,
        url=compare_url(web, before, after),
        time=milliseconds(event.created_at),
    )
    return push_event(push, place)


def _merges(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=list[MergeBody])
    at = [milliseconds(body.merged_at) for body in bodies]
    place = _place(known, source, response)
    # What was merged before the source was known is no news.
    fresh = [body for body, time in zip(bodies, at, strict=True) if 0 < known.merged < time]
    makers = [
        partial(merged, body, account(body.merge_user, body.merged_by), place)
        for body in reversed(fresh)
    ]
    return polled(msgspec.structs.replace(known, merged=max([known.merged or 1, *at])), makers)


def _pipelines(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=list[PipelineBody])
    now = {str(body.id): _state(body) for body in bodies}
    # The list does not say who began it, nor when it ended.
    asked = [
        _one_pipeline(source, key)
        for key, state in now.items()
        if known.pipelines.get(key) != state and ":" not in state
    ]
    if not known.pipelines:
        asked = asked[:5]
    return polled(
        msgspec.structs.replace(known, pipelines=followed(known.pipelines, now)),
        requests=reversed(asked),
    )


def _pipeline(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    if response.status != 200:
        return polled(msgspec.structs.replace(known, pipelines=without(known.pipelines, step.of)))
    body = msgspec.json.decode(response.body, type=PipelineBody)
    after = msgspec.structs.replace(known, pipelines={**known.pipelines, step.of: _state(body)})
    if ":" in _state(body):
        return polled(after)
    return polled(
        after,
        [
            partial(
                pipeline, body, (), None, known.home.web_url or "", _place(known, source, response)
            )
        ],
    )


def _state(body: PipelineBody) -> str:
    """Our state with when it changed when it is over, for a pipeline may end twice; `:` in front of what is no news."""
    status = body.status or ""
    state = PIPELINE_STATES.get(status)
    if state is None:
        return f":{status}"
    return state if state in ("queued", "running") else f"{state} {milliseconds(body.updated_at)}"


def _deployments(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=list[DeploymentBody])
    return _deploys(bodies, response, known, source, kept=followed(known.deployments, {}))


def _deployment(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    if response.status != 200:
        return polled(
            msgspec.structs.replace(known, deployments=without(known.deployments, step.of))
        )
    return _deploys(
        [msgspec.json.decode(response.body, type=DeploymentBody)],
        response,
        known,
        source,
        kept=known.deployments,
    )


def _deploys(
    bodies: list[DeploymentBody],
    response: Response,
    known: _Cursor,
    source: SourceInfo,
    kept: Mapping[str, str],
) -> Polled:
    """The events of deployments that are in another state than when last seen; `kept` and these are remembered."""
    now = {str(body.id): DEPLOY_STATES.get(body.status or "", f":{body.status}") for body in bodies}
    place = _place(known, source, response)
    makers: list[Callable[[], Event]] = []
    for body in reversed(bodies):
        state = now[str(body.id)]
        if known.deployments.get(str(body.id)) != state and not state.startswith(":"):
            makers.append(partial(_deploy, body, state, place))
    return polled(msgspec.structs.replace(known, deployments={**kept, **now}), makers)


def _deploy(body: DeploymentBody, state: str, place: Place) -> Event:
    job = body.deployable
    found = Deployed(
        id=str(body.id or ""),
        environment=body.environment.name or "" if body.environment else "",
        state=state,
        ref=body.ref or "",
        revision=sha(body.sha),
        actor=account(body.user),
        title=job.commit.message or "" if job and job.commit else "",
        url=job.web_url or "" if job else "",
        time=milliseconds(body.updated_at),
    )
    return deployed(body.status or "", found, place)


def _issues(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=list[IssueBody])
    place = _place(known, source, response)
    makers: list[Callable[[], Event]] = []
    opened, closed = known.opened or 1, known.closed or 1
    for body in reversed(bodies):
        created, ended = milliseconds(body.created_at), milliseconds(body.closed_at)
        if 0 < known.opened < created:
            makers.append(
                partial(issue, body, "opened", body.created_at or "", account(body.author), place)
            )
        if 0 < known.closed < ended:
            makers.append(
                partial(issue, body, "closed", body.closed_at or "", account(body.closed_by), place)
            )
        opened, closed = max(opened, created), max(closed, ended)
    return polled(msgspec.structs.replace(known, opened=opened, closed=closed), makers)


def _reopened(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    events = msgspec.json.decode(response.body, type=list[ProjectEvent])
    # The event does not say whether the issue is confidential.
    asked = [
        ask(
            _path(source, f"/issues/{event.target_iid}"),
            Step(
                "issue",
                account(event.author) or event.author_username or "",
                new=event.created_at or "",
            ),
            missing_ok=True,
        )
        for event in _fresh(events, known.reopened)
    ]
    return polled(
        msgspec.structs.replace(known, reopened=_newest(events, known.reopened)), requests=asked
    )


def _issue(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    if response.status != 200:
        return polled(known)
    body = msgspec.json.decode(response.body, type=IssueBody)
    return polled(
        known,
        [partial(issue, body, "reopened", step.new, step.of, _place(known, source, response))],
    )


_READERS: dict[str, Callable[[Step, Response, _Cursor, SourceInfo], Polled]] = {
    "project": _project,
    "pushes": _pushes,
    "merges": _merges,
    "pipelines": _pipelines,
    "pipeline": _pipeline,
    "deployments": _deployments,
    "deployment": _deployment,
    "issues": _issues,
    "reopened": _reopened,
    "issue": _issue,
}


def _fresh(events: list[ProjectEvent], since: int) -> Iterable[ProjectEvent]:
    """Those after `since`, the oldest first; none when it is 0."""
    return [event for event in reversed(events) if 0 < since < milliseconds(event.created_at)]


def _newest(events: list[ProjectEvent], since: int) -> int:
    return max([since or 1, *(milliseconds(event.created_at) for event in events)])


def _place(known: _Cursor, source: SourceInfo, response: Response) -> Place:
    return place_of((known.home,), source, response.received)


def _one_pipeline(source: SourceInfo, number: str) -> Request:
    return ask(_path(source, f"/pipelines/{number}"), Step("pipeline", number), missing_ok=True)


def _one_deployment(source: SourceInfo, number: str) -> Request:
    return ask(_path(source, f"/deployments/{number}"), Step("deployment", number), missing_ok=True)


def _path(source: SourceInfo, path: str = "") -> str:
    return f"/api/v4/projects/{quote(source.text('repository').strip('/'), safe='')}{path}"
