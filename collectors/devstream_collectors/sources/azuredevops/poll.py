"""The API of Azure DevOps, asked: the same facts as by service hooks, with the same keys, for a collector that it cannot reach.

Each round asks for the repository, its pushes, completed pull requests, the project's builds, releases and work items, one chain each.
Source: https://learn.microsoft.com/rest/api/azure/devops/ (version 6.0, which Azure DevOps Server 2020 has too).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from devstream_collectors.before.decoding import milliseconds
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
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.azuredevops.events import (
    build,
    deployed,
    merged,
    organisation,
    page_of,
    place_of,
    pushed,
    tracked_at,
    who,
    work_item,
)
from devstream_collectors.sources.azuredevops.events import step_of as change_of
from devstream_collectors.sources.azuredevops.payloads import (
    Build,
    Builds,
    Deployment,
    DeploymentBody,
    Deployments,
    Fields,
    Found,
    Pulls,
    Push,
    Pushes,
    Repository,
    Update,
    Updates,
    WorkItem,
    WorkItems,
)
from devstream_desktop.stream.event import Event

_VERSION = "6.0"
_FIELDS = (
    "System.TeamProject,System.WorkItemType,System.Title,System.State,System.CreatedDate,System.CreatedBy,System.ChangedDate,"
    "System.ChangedBy,Microsoft.VSTS.Common.StateChangeDate"
)

_QUERY = (
    "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project "
    "AND ([System.CreatedDate] > 'SINCE' OR [Microsoft.VSTS.Common.StateChangeDate] > 'SINCE') ORDER BY [System.ChangedDate] DESC"
)
"""https://learn.microsoft.com/azure/devops/boards/queries/wiql-syntax"""


class _Cursor(msgspec.Struct, frozen=True):
    """Where each endpoint got to. Times are UTC milliseconds; -1 and 0 are never asked, so that what was before is no news."""

    home: Repository = Repository()
    push: int = -1
    """The newest push's id."""
    merged: int = 0
    builds: dict[str, str] = {}
    deployments: dict[str, str] = {}
    items: int = 0
    """When the newest work item was made or changed its state."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with; the repository itself comes first, for its address and default branch."""
    known = _cursor.decode(cursor) if cursor else _Cursor()
    host = (urlsplit(source.url).hostname or "").lower()
    releases = (
        _ask(
            source,
            "/release/deployments",
            Step("deployments"),
            {"$top": 30, "queryOrder": "descending"},
        ),
    )
    if host.startswith("vsrm.") or ".vsrm." in host:
        return releases
    query = _QUERY.replace("SINCE", _iso(known.items or now))
    found = _ask(source, "/wit/wiql", Step("found"), {"timePrecision": "true", "$top": 40})
    return (
        _ask(source, _git(source), Step("repository")),
        _ask(
            source,
            _git(source, "/pushes"),
            Step("pushes"),
            {"$top": 20, "searchCriteria.includeRefUpdates": "true"},
        ),
        _ask(
            source,
            _git(source, "/pullrequests"),
            Step("pulls"),
            {"$top": 30, "searchCriteria.status": "completed"},
        ),
        _ask(
            source,
            "/build/builds",
            Step("builds"),
            {"$top": 30, "queryOrder": "queueTimeDescending"},
        ),
        *(
            _ask(source, f"/build/builds/{number}", Step("build", number), missing_ok=True)
            for number in under_way(known.builds)
        ),
        # Of Services they are at another address; a server has them here.
        *(() if host.endswith(("dev.azure.com", "visualstudio.com")) else releases),
        Request(found.path, found.tag, "POST", msgspec.json.encode({"query": query})),
    )


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known, step = _cursor.decode(cursor) if cursor else _Cursor(), step_of(response)
    return _READERS[step.name](step, response, known, source)


def _repository(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    del source
    return polled(
        msgspec.structs.replace(known, home=msgspec.json.decode(response.body, type=Repository))
    )


def _pushes(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pushes = msgspec.json.decode(response.body, type=Pushes).value or []
    fresh = [push for push in reversed(pushes) if 0 <= known.push < (push.push_id or 0)]
    # The list does not say the commits.
    asked = [
        _ask(
            source,
            _git(source, f"/pushes/{push.push_id}"),
            Step("push"),
            {"includeCommits": 100, "includeRefUpdates": "true"},
        )
        for push in fresh
    ]
    newest = max([known.push, 0, *(push.push_id or 0 for push in pushes)])
    return polled(msgspec.structs.replace(known, push=newest), requests=asked)


def _push(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    push = msgspec.structs.replace(
        msgspec.json.decode(response.body, type=Push), repository=known.home
    )
    place = place_of(known.home, source, response.received)
    return polled(
        known, [partial(pushed, update, push, place) for update in push.ref_updates or ()]
    )


def _pulls(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pulls = msgspec.json.decode(response.body, type=Pulls).value or []
    at = [milliseconds(pull.closed_date) for pull in pulls]
    place = place_of(known.home, source, response.received)
    fresh = [
        msgspec.structs.replace(pull, repository=known.home)
        for pull, time in zip(pulls, at, strict=True)
        if 0 < known.merged < time
    ]
    makers = [partial(merged, pull, "", place) for pull in reversed(fresh)]
    return polled(msgspec.structs.replace(known, merged=max([known.merged or 1, *at])), makers)


def _builds(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=Builds).value or []
    return _built(bodies, followed(known.builds, {}), response, known, source)


def _build(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    if response.status != 200:
        return polled(msgspec.structs.replace(known, builds=without(known.builds, step.of)))
    return _built(
        [msgspec.json.decode(response.body, type=Build)], known.builds, response, known, source
    )


def _built(
    bodies: list[Build],
    kept: Mapping[str, str],
    response: Response,
    known: _Cursor,
    source: SourceInfo,
) -> Polled:
    now: dict[str, str] = {}
    makers: list[Callable[[], Event]] = []
    for body in reversed(bodies):
        status = {"inProgress": "running", "notStarted": "queued"}.get(
            body.status or "", f"{body.result} {body.finish_time}"
        )
        key = str(body.id)
        now[key] = status
        if known.builds.get(key) != status:
            makers.append(
                partial(build, body, organisation([source.url]), source, response.received)
            )
    return polled(msgspec.structs.replace(known, builds={**kept, **now}), makers)


def _deployments(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=Deployments).value or []
    now: dict[str, str] = {}
    makers: list[Callable[[], Event]] = []
    for body in reversed(bodies):
        key, status = str(body.id), body.deployment_status or ""
        now[key] = status
        if known.deployments.get(key) != status:
            makers.append(partial(_deployed, body, source, response.received))
    return polled(msgspec.structs.replace(known, deployments=now), makers)


def _deployed(body: DeploymentBody, source: SourceInfo, received: int) -> Event:
    started = body.deployment_status == "inProgress"
    found = Deployment(deployment=body, release=body.release)
    place = tracked_at(organisation([source.url]), [_project(source)], source, received)
    return deployed(found, place, started=started, at=body.last_modified_on or "")


def _found(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    numbers = [
        str(item.id)
        for item in msgspec.json.decode(response.body, type=Found).work_items or ()
        if item.id is not None
    ]
    if not known.items:
        return polled(msgspec.structs.replace(known, items=response.received))
    asked = (
        [
            _ask(
                source,
                "/wit/workitems",
                Step("items"),
                {"ids": ",".join(numbers[:40]), "fields": _FIELDS},
            )
        ]
        if numbers
        else []
    )
    return polled(known, requests=asked)


def _items(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    items = msgspec.json.decode(response.body, type=WorkItems).value or []
    place = tracked_at(organisation([source.url]), [_project(source)], source, response.received)
    makers: list[Callable[[], Event]] = []
    asked: list[Request] = []
    newest = known.items
    for item in reversed(items):
        fields = item.fields or Fields()
        created, moved = milliseconds(fields.created), milliseconds(fields.moved)
        if created > known.items:
            makers.append(partial(_opened, item, fields, place))
        if moved > max(known.items, created):
            # What it changed from is in its history.
            step = Step("updates", str(known.items), new=_small(item))
            asked.append(_ask(source, f"/wit/workItems/{item.id}/updates", step, {"$top": 200}))
        newest = max(newest, created, moved)
    return polled(msgspec.structs.replace(known, items=newest), makers, asked)


def _opened(item: WorkItem, fields: Fields, place: Place) -> Event:
    return work_item(
        item.id,
        "opened",
        fields,
        fields.created,
        who(fields.created_by),
        page_of(item.links, item.url),
        place,
    )


def _updates(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    item, since = msgspec.json.decode(step.new, type=WorkItem), int(step.of)
    updates = msgspec.json.decode(response.body, type=Updates).value or []
    place = tracked_at(organisation([source.url]), [_project(source)], source, response.received)
    makers = [
        partial(_moved, update, item, place)
        for update in updates
        if milliseconds(_at(update)) > since and _is_move(update)
    ]
    return polled(known, makers)


def _moved(update: Update, item: WorkItem, place: Place) -> Event:
    step = update.fields.state if update.fields else None
    state = change_of(step.old_value, step.new_value) if step else ""
    return work_item(
        item.id,
        state,
        item.fields or Fields(),
        _at(update),
        who(update.revised_by),
        page_of(item.links, item.url),
        place,
    )


def _is_move(update: Update) -> bool:
    return bool(update.fields and update.fields.state and update.fields.state.old_value)


def _at(update: Update) -> str:
    value = update.fields.changed.new_value if update.fields and update.fields.changed else None
    return value if isinstance(value, str) else ""


def _small(item: WorkItem) -> str:
    """What a line needs of a work item."""
    fields = item.fields or Fields()
    kept = Fields(project=fields.project, title=(fields.title or "")[:200])
    return msgspec.json.encode(msgspec.structs.replace(item, fields=kept)).decode()


_READERS: dict[str, Callable[[Step, Response, _Cursor, SourceInfo], Polled]] = {
    "repository": _repository,
    "pushes": _pushes,
    "push": _push,
    "pulls": _pulls,
    "builds": _builds,
    "build": _build,
    "deployments": _deployments,
    "found": _found,
    "items": _items,
    "updates": _updates,
}


def _project(source: SourceInfo) -> str:
    return source.text("repository").partition("/")[0]


def _git(source: SourceInfo, path: str = "") -> str:
    return f"/git/repositories/{quote(source.text('repository').partition('/')[2])}{path}"


def _ask(
    source: SourceInfo,
    path: str,
    step: Step,
    query: Mapping[str, str | int] | None = None,
    *,
    missing_ok: bool = False,
) -> Request:
    said = urlencode({**(query or {}), "api-version": _VERSION})
    return ask(f"/{quote(_project(source))}/_apis{path}?{said}", step, missing_ok=missing_ok)


def _iso(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
