"""The API of Azure DevOps, asked: the same facts as by service hooks, with the same keys.

Each round asks for the repository, its pushes, completed pull requests, the project's builds,
releases and work items, one chain each. Source:
https://learn.microsoft.com/rest/api/azure/devops/ (version 6.0, which Azure DevOps Server 2020 has
too).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote, urlsplit

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Needed, decode, iso, milliseconds
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import (
    Answer,
    Older,
    Poller,
    Step,
    again,
    ask,
    older,
    remembered,
    under_way,
    without,
)
from devstream_collectors.sources.azuredevops.deploy import Deployed, Deployment, deployed
from devstream_collectors.sources.azuredevops.place import (
    Repository,
    organisation,
    tracked_at,
)
from devstream_collectors.sources.azuredevops.push import (
    MAX_COMMITS,
    PullRequest,
    Pushed,
    merged,
    pushed,
)
from devstream_collectors.sources.azuredevops.run import Build, built
from devstream_collectors.sources.azuredevops.ticket import (
    Fields,
    Update,
    WorkItem,
    step,
    step_of,
    who,
)
from devstream_desktop.stream.event import Event

_VERSION = "6.0"
_FIELDS = (
    "System.TeamProject,System.WorkItemType,System.Title,System.State,System.CreatedDate,"
    "System.CreatedBy,System.ChangedDate,System.ChangedBy,Microsoft.VSTS.Common.StateChangeDate"
)
_QUERY = (
    "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project "
    "AND ([System.CreatedDate] > 'SINCE' OR [Microsoft.VSTS.Common.StateChangeDate] > 'SINCE') "
    "ORDER BY [System.ChangedDate] DESC"
)
"""https://learn.microsoft.com/azure/devops/boards/queries/wiql-syntax"""


class _Cursor(msgspec.Struct, frozen=True):
    """The position of each endpoint.

    Times are UTC milliseconds; -1 and 0 are never asked, so that what was before is no news.
    """

    home: Repository = Repository()
    push: int = -1
    """The newest push's id."""
    merged: int = 0
    builds: dict[str, str] = {}
    deployments: dict[str, str] = {}
    items: int = 0
    """The time of the newest step of a work item."""


class _Pushes(msgspec.Struct, frozen=True):
    value: Needed[list[Pushed] | None] = None


class _Pulls(msgspec.Struct, frozen=True):
    value: Needed[list[PullRequest] | None] = None


class _Builds(msgspec.Struct, frozen=True):
    value: Needed[list[Build] | None] = None


class _Deployments(msgspec.Struct, frozen=True):
    value: Needed[list[Deployment] | None] = None


class _WorkItems(msgspec.Struct, frozen=True):
    value: Needed[list[WorkItem] | None] = None


class _Updates(msgspec.Struct, frozen=True):
    value: Needed[list[Update] | None] = None


class _Found(msgspec.Struct, frozen=True, rename="camel"):
    """The work items that a query finds, with their `id` only."""

    work_items: Needed[list[WorkItem] | None] = None


_TOPS = {"pushes": 20, "pulls": 30, "builds": 30, "deployments": 30}
"""Items of a page."""
_BY_TOKEN = frozenset({"builds", "deployments"})
"""Lists whose next page is asked for by the token of `x-ms-continuationtoken`."""
MAX_ITEMS = 200
"""Work items of one answer: the most that can be asked for at once."""
poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    host = (urlsplit(source.url).hostname or "").lower()
    newest = {"$top": 30, "queryOrder": "descending"}
    releases = _ask(source, "/release/deployments", Step("deployments"), newest)
    # Releases of Services are at an address of their own, which knows nothing else.
    if host.startswith("vsrm.") or ".vsrm." in host:
        yield releases
        return
    # First the repository itself, for its address and default branch.
    yield _ask(source, _git(source), Step("repository"))
    query: dict[str, object] = {
        "$top": _TOPS["pushes"],
        "searchCriteria.includeRefUpdates": "true",
    }
    yield _ask(source, _git(source, "/pushes"), Step("pushes"), query)
    query = {"$top": _TOPS["pulls"], "searchCriteria.status": "completed"}
    yield _ask(source, _git(source, "/pullrequests"), Step("pulls"), query)
    query = {"$top": _TOPS["builds"], "queryOrder": "queueTimeDescending"}
    yield _ask(source, "/build/builds", Step("builds"), query)
    for number in under_way(known.builds):
        path = f"/build/builds/{number}"
        yield _ask(source, path, Step("build", number), missing_ok=True)
    # Of Services they are at another address; a server has them here.
    if not host.endswith(("dev.azure.com", "visualstudio.com")):
        yield releases
    body = {"query": _QUERY.replace("SINCE", iso(known.items or now))}
    query = {"timePrecision": "true", "$top": MAX_ITEMS + 1}
    found = _ask(source, "/wit/wiql", Step("found"), query)
    yield replace(found, method="POST", body=msgspec.json.encode(body))


def _older(
    answer: Answer[_Cursor], what: str, times: list[int], mark: str, *, unseen: bool
) -> Older:
    """Ask for the page before one of which all is new.

    Builds and deployments are paged by a token, the others by a number.
    """
    name, token = answer.step.name, answer.response.headers.get("x-ms-continuationtoken", "")

    def page(step: Step) -> Request:
        following = msgspec.structs.replace(step, old=mark)
        if name in _BY_TOKEN:
            return again(answer, following, continuationToken=token)
        return again(answer, following, **{"$skip": (step.count - 1) * _TOPS[name]})

    until = times[-1] if times else 0
    since = int(mark) if name == "pulls" else 0
    full = len(times) >= _TOPS[name]
    # A server that gives no token has more, and no way to it.
    if name in _BY_TOKEN and not token and not answer.repeats:
        return (), Gap(what, until=until) if full and unseen and not answer.first else None
    return older(answer, what=what, full=full, all_new=unseen, page=page, since=since, until=until)


@poller.answer("repository")
def _repository(answer: Answer[_Cursor]) -> Polled:
    return answer.polled(home=answer.decode(Repository))


@poller.answer("pushes")
def _pushes(answer: Answer[_Cursor]) -> Polled:
    known, pushes = answer.known.push, answer.decode(_Pushes).value or []
    since = int(answer.step.old or known)
    unseen = bool(pushes) and 0 <= since < (pushes[-1].push_id or 0)
    times = [push.date for push in pushes]
    more, gap = _older(answer, "pushes", times, str(since), unseen=unseen)
    # The list does not say the commits.
    query = {"includeCommits": MAX_COMMITS, "includeRefUpdates": "true"}
    asked = [
        _ask(answer.source, _git(answer.source, f"/pushes/{push.push_id}"), Step("push"), query)
        for push in reversed(pushes)
        if 0 <= since < (push.push_id or 0)
    ]
    newest = max([known, 0, *(push.push_id or 0 for push in pushes)])
    return answer.polled(requests=(*asked, *more), gap=gap, push=newest)


@poller.answer("push")
def _push(answer: Answer[_Cursor]) -> Polled:
    push = msgspec.structs.replace(answer.decode(Pushed), repository=answer.known.home)
    place = _home(answer)
    return answer.polled([partial(pushed, one, push, place) for one in push.ref_updates or ()])


@poller.answer("pulls")
def _pulls(answer: Answer[_Cursor]) -> Polled:
    since, home, place = (
        int(answer.step.old or answer.known.merged),
        answer.known.home,
        _home(answer),
    )
    pulls = answer.decode(_Pulls).value or []
    found = [(milliseconds(pull.closed_date), pull) for pull in pulls]
    makers = [
        partial(merged, msgspec.structs.replace(pull, repository=home), "", place)
        for time, pull in reversed(found)
        if 0 < since < time
    ]
    unseen = bool(found) and 0 < since < found[-1][0]
    more, gap = _older(answer, "merges", [time for time, _ in found], str(since), unseen=unseen)
    newest = max([answer.known.merged or 1, *(time for time, _ in found)])
    return answer.polled(makers, more, gap, merged=newest)


@poller.answer("builds")
def _builds(answer: Answer[_Cursor]) -> Polled:
    builds, known = answer.decode(_Builds).value or [], answer.known.builds
    times = [build.queue_time or build.start_time for build in builds]
    unseen = bool(builds) and builds[-1].id not in known
    more, gap = _older(answer, "builds", times, "", unseen=unseen)
    return replace(_built(answer, builds, remembered(known, {})), requests=more, gap=gap)


@poller.answer("build")
def _build(answer: Answer[_Cursor]) -> Polled:
    known = answer.known.builds
    if not answer.ok:
        return answer.polled(builds=without(known, answer.step.of))
    return _built(answer, [answer.decode(Build)], known)


def _built(answer: Answer[_Cursor], bodies: list[Build], kept: Mapping[str, str]) -> Polled:
    """Tell the builds in a new state, the oldest first."""
    source, now, makers = answer.source, dict[str, str](), list[Maker]()
    for body in reversed(bodies):
        ended = f"{body.result} {body.finish_time}"
        under = {"inProgress": "running", "notStarted": "queued"}
        now[body.id] = under.get(body.status or "", ended)
        if answer.known.builds.get(body.id) != now[body.id]:
            organised = organisation([source.url])
            makers.append(partial(built, body, organised, source, answer.received))
    return answer.polled(makers, builds={**kept, **now})


@poller.answer("deployments")
def _deployments(answer: Answer[_Cursor]) -> Polled:
    known, place = answer.known.deployments, _project_place(answer)
    bodies = answer.decode(_Deployments).value or []
    under = {"inProgress": "in_progress"}
    said = [(body.id, body.deployment_status or "") for body in reversed(bodies)]
    now = {key: under.get(state, state) for key, state in said}
    fresh = [body for body in reversed(bodies) if known.get(body.id) != now[body.id]]
    times = [milliseconds(body.last_modified_on) for body in bodies]
    unseen = bool(bodies) and bodies[-1].id not in known
    more, gap = _older(answer, "deployments", times, "", unseen=unseen)
    makers = [partial(_deployed, body, place) for body in fresh]
    return answer.polled(makers, more, gap, deployments=remembered(known, now))


def _deployed(body: Deployment, place: Place) -> Event:
    started = body.deployment_status == "inProgress"
    found = Deployed(deployment=body, release=body.release)
    return deployed(found, place, started=started, at=body.last_modified_on)


@poller.answer("found")
def _found(answer: Answer[_Cursor]) -> Polled:
    items = answer.decode(_Found).work_items or ()
    numbers = [item.id for item in items if item.id]
    more = len(numbers) > MAX_ITEMS
    gap = Gap("changes of work items", since=answer.known.items) if more else None
    # At first contact: what is there by now is no news.
    if not answer.known.items:
        return answer.polled(items=answer.received)
    if not numbers:
        return answer.polled()
    query = {"ids": ",".join(numbers[:MAX_ITEMS]), "fields": _FIELDS}
    asked = _ask(answer.source, "/wit/workitems", Step("items"), query)
    return answer.polled(requests=[asked], gap=gap)


@poller.answer("items")
def _items(answer: Answer[_Cursor]) -> Polled:
    known, place, source = answer.known.items, _project_place(answer), answer.source
    makers: list[Maker] = []
    asked: list[Request] = []
    newest = known
    for item in reversed(answer.decode(_WorkItems).value or []):
        fields = item.fields or Fields()
        created, moved = milliseconds(fields.created), milliseconds(fields.moved)
        if created > known:
            actor = who(fields.created_by)
            makers.append(partial(step, item, "opened", fields.created, actor, place))
        if moved > max(known, created):
            # What it changed from is in its history.
            path, history = f"/wit/workItems/{item.id}/updates", Step("updates", str(known))
            history = msgspec.structs.replace(history, new=_small(item))
            asked.append(_ask(source, path, history, {"$top": 200}))
        newest = max(newest, created, moved)
    return answer.polled(makers, asked, items=newest)


@poller.answer("updates")
def _updates(answer: Answer[_Cursor]) -> Polled:
    item, since = decode(answer.step.new, WorkItem), int(answer.step.of)
    place = _project_place(answer)
    makers = [
        partial(_moved, update, item, place)
        for update in answer.decode(_Updates).value or ()
        if milliseconds(update.at) > since and _is_move(update)
    ]
    return answer.polled(makers)


def _moved(update: Update, item: WorkItem, place: Place) -> Event:
    return step(item, step_of(update), update.at, update.revised_by.plain, place)


def _is_move(update: Update) -> bool:
    return bool(update.fields and update.fields.state and update.fields.state.old_value)


def _small(item: WorkItem) -> str:
    """Write the part of a work item that a line needs."""
    fields = item.fields or Fields()
    kept = Fields(project=fields.project, title=fields.title[:200])
    return msgspec.json.encode(msgspec.structs.replace(item, fields=kept)).decode()


def _home(answer: Answer[_Cursor]) -> Place:
    return answer.known.home.place(answer.source, answer.received)


def _project_place(answer: Answer[_Cursor]) -> Place:
    source = answer.source
    return tracked_at(organisation([source.url]), [_project(source)], source, answer.received)


def _project(source: SourceInfo) -> str:
    return source.text("repository").partition("/")[0]


def _git(source: SourceInfo, path: str = "") -> str:
    name = source.text("repository").partition("/")[2]
    return f"/git/repositories/{quote(name)}{path}"


def _ask(
    source: SourceInfo,
    path: str,
    purpose: Step,
    query: Mapping[str, object] | None = None,
    *,
    missing_ok: bool = False,
) -> Request:
    path = f"/{quote(_project(source))}/_apis{path}"
    wanted = {**(query or {}), "api-version": _VERSION}
    return ask(path, purpose, missing_ok=missing_ok, query=wanted)
