"""TeamCity's REST API, asked: the builds of a server or project, with the keys of its webhooks, for a collector it cannot reach.

Source: https://www.jetbrains.com/help/teamcity/rest/get-build-details.html and
https://www.jetbrains.com/help/teamcity/rest/buildlocator.html.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from devstream_collectors.before.outcome import Dropped
from devstream_collectors.before.polling import (
    PER_PAGE,
    Step,
    ask,
    paged,
    polled,
    step_of,
    under_way,
    without,
)
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.teamcity.events import build_event, state_of
from devstream_collectors.sources.teamcity.payloads import BuildBody
from devstream_desktop.stream.event import Event

_FIELDS = (
    "id,buildTypeId,number,status,state,statusText,branchName,defaultBranch,personal,failedToStart,webUrl,queuedDate,startDate,finishDate,"
    "buildType(id,name,projectName),triggered(type,user(username,name)),canceledInfo(user(username,name),text),"
    "lastChanges(change(version,username)),revisions(revision(version,vcsBranchName)),testOccurrences(count,failed)"
)
"""Not `href`: with chosen fields a missing `defaultBranch` must not count as false."""


class _Cursor(msgspec.Struct, frozen=True):
    runs: dict[str, str] = {}
    """Of the builds last seen: id and state."""


class _Builds(msgspec.Struct, frozen=True):
    build: list[BuildBody] | None = None


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with: the newest builds, and those under way that have left that page."""
    del now
    known = _cursor.decode(cursor) if cursor else _Cursor()
    return (_page(source, 1), *(_one(number) for number in under_way(known.runs)))


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what TeamCity's API answers.

    """
    known, step = _cursor.decode(cursor) if cursor else _Cursor(), step_of(response)
    if step.name == "build":
        if response.status != 200:
            return polled(_Cursor(without(known.runs, step.of)))
        return _told(
            [msgspec.json.decode(response.body, type=BuildBody, strict=False)],
            known.runs,
            known,
            source,
            response.received,
        )
    builds = msgspec.json.decode(response.body, type=_Builds, strict=False).build or []
    following, kept = paged(known.runs, [str(build.id) for build in builds], step.count)
    return _told(
        builds,
        kept,
        known,
        source,
        response.received,
        (_page(source, following),) if following else (),
    )


def _told(
    builds: list[BuildBody],
    kept: dict[str, str],
    known: _Cursor,
    source: SourceInfo,
    received: int,
    more: tuple[Request, ...] = (),
) -> Polled:
    """The events of builds that are in another state than when last seen, the oldest first."""
    now, makers = dict[str, str](), list[Callable[[], Event]]()
    for build in reversed(builds):
        try:
            state = state_of(build)
        except Dropped:
            state = "unknown"
        now[str(build.id)] = state
        if known.runs.get(str(build.id)) != state:
            makers.append(partial(_event, build, source, received))
    return polled(_Cursor({**kept, **now}), makers, more)


def _event(build: BuildBody, source: SourceInfo, received: int) -> Event:
    return build_event(build, state_of(build), source, received)


def _page(source: SourceInfo, number: int) -> Request:
    # Without branches TeamCity itself knows which is the default one.
    parts = [
        "defaultFilter:false",
        "running:any",
        "personal:false",
        f"branch:(default:{'any' if source.branches else 'true'})",
    ]
    only = {"affectedProject": source.text("project"), "buildType": source.text("build_type")}
    parts += [f"{dimension}:(id:{name})" for dimension, name in only.items() if name]
    parts += [f"start:{(number - 1) * PER_PAGE}", f"count:{PER_PAGE}"]
    return ask(
        "/app/rest/builds",
        Step("builds", count=number),
        locator=",".join(parts),
        fields=f"build({_FIELDS})",
    )


def _one(number: str) -> Request:
    return ask(
        f"/app/rest/builds/id:{number}", Step("build", number), missing_ok=True, fields=_FIELDS
    )
