"""TeamCity's REST API, asked: the builds of a server or project, with the keys of its webhooks.

Source: https://www.jetbrains.com/help/teamcity/rest/get-build-details.html and
https://www.jetbrains.com/help/teamcity/rest/buildlocator.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Needed
from devstream_collectors.kit.outcome import Dropped, Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import (
    PER_PAGE,
    Answer,
    Poller,
    Step,
    ask,
    older,
    remembered,
    under_way,
    without,
)
from devstream_collectors.sources.teamcity.run import Build, build_event, state_of
from devstream_desktop.stream.event import Event

_FIELDS = (
    "id,buildTypeId,number,status,state,statusText,branchName,defaultBranch,personal,"
    "failedToStart,webUrl,queuedDate,startDate,finishDate,buildType(id,name,projectName),"
    "triggered(type,user(username,name)),canceledInfo(user(username,name),text),"
    "lastChanges(change(version,username)),revisions(revision(version,vcsBranchName)),"
    "testOccurrences(count,failed)"
)
"""Not `href`: with chosen fields a missing `defaultBranch` must not count as false."""


class _Cursor(msgspec.Struct, frozen=True):
    runs: dict[str, str] = {}
    """Of the builds last seen: id and state."""


class _Builds(msgspec.Struct, frozen=True):
    build: Needed[list[Build] | None] = None


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    yield _page(source, Step("builds", count=1))
    # Those under way that have left that page.
    for number in under_way(known.runs):
        path = f"/app/rest/builds/id:{number}"
        yield ask(path, Step("build", number), missing_ok=True, fields=_FIELDS)


@poller.answer("builds")
def _builds(answer: Answer[_Cursor]) -> Polled:
    builds = answer.decode(_Builds, strict=False).build or []
    known = answer.known.runs
    more, gap = older(
        answer,
        what="builds",
        full=len(builds) >= PER_PAGE,
        all_new=bool(builds) and str(builds[-1].id) not in known,
        page=lambda step: _page(answer.source, step),
        until=builds[-1].queued_date if builds else 0,
    )
    return replace(_told(answer, builds, remembered(known, {})), requests=more, gap=gap)


@poller.answer("build")
def _build(answer: Answer[_Cursor]) -> Polled:
    known = answer.known.runs
    if not answer.ok:
        return answer.polled(runs=without(known, answer.step.of))
    return _told(answer, [answer.decode(Build, strict=False)], known)


def _told(
    answer: Answer[_Cursor],
    builds: list[Build],
    kept: Mapping[str, str],
) -> Polled:
    """Tell the builds in a new state, the oldest first."""
    now: dict[str, str] = {}
    makers: list[Maker] = []
    for build in reversed(builds):
        key = str(build.id)
        try:
            now[key] = state_of(build)
        except Dropped:
            # Remembered too, or it would be counted as dropped in each round.
            now[key] = "unknown"
        if answer.known.runs.get(key) != now[key]:
            makers.append(partial(_event, build, answer.place()))
    return answer.polled(makers, runs={**kept, **now})


def _event(build: Build, place: Place) -> Event:
    return build_event(build, state_of(build), place)


def _page(source: SourceInfo, step: Step) -> Request:
    """Ask for a page of builds: `step.count` is its number."""
    # Without branches TeamCity itself knows which is the default one.
    branch = "any" if source.branches else "true"
    parts = ["defaultFilter:false", "running:any", "personal:false", f"branch:(default:{branch})"]
    only = {"affectedProject": source.text("project"), "buildType": source.text("build_type")}
    parts += [f"{dimension}:(id:{name})" for dimension, name in only.items() if name]
    parts += [f"start:{(step.count - 1) * PER_PAGE}", f"count:{PER_PAGE}"]
    query = {"locator": ",".join(parts), "fields": f"build({_FIELDS})"}
    return ask("/app/rest/builds", step, query=query)
