"""Buildkite's REST API, asked: the builds of an organisation, with the keys of its webhooks, for a collector it cannot reach.

Source: https://buildkite.com/docs/apis/rest-api/builds.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

import msgspec

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
from devstream_collectors.sources.buildkite.events import STATES, UNDER_WAY, build_event
from devstream_collectors.sources.buildkite.payloads import BuildBody, PipelineBody


class _Cursor(msgspec.Struct, frozen=True):
    runs: dict[str, str] = {}
    """`pipeline/number` of the builds last seen, and their state with the time of their end."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with: the newest builds, and those under way that have left that page."""
    del now
    known = _cursor.decode(cursor) if cursor else _Cursor()
    return (_page(source, 1), *(_one(source, key) for key in under_way(known.runs)))


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what Buildkite's API answers.

    """
    known, step = _cursor.decode(cursor) if cursor else _Cursor(), step_of(response)
    if step.name == "build":
        if response.status != 200:
            return polled(_Cursor(without(known.runs, step.of)))
        return _told(
            [msgspec.json.decode(response.body, type=BuildBody)],
            known.runs,
            known,
            source,
            response.received,
        )
    builds = msgspec.json.decode(response.body, type=list[BuildBody])
    following, kept = paged(known.runs, [_key(build) for build in builds], step.count)
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
    now = {_key(build): _mark(build) for build in builds}
    fresh = [build for build in reversed(builds) if known.runs.get(_key(build)) != _mark(build)]
    makers = [
        partial(build_event, build, build.pipeline or PipelineBody(), source, received)
        for build in fresh
    ]
    return polled(_Cursor({**kept, **now}), makers, more)


def _key(build: BuildBody) -> str:
    return f"{(build.pipeline.slug if build.pipeline else '') or ''}/{build.number}"[:120]


def _mark(build: BuildBody) -> str:
    state = STATES.get(build.state or "", build.state or "")
    return state if state in UNDER_WAY else f"{state} {build.finished_at}"[:60]


def _page(source: SourceInfo, number: int) -> Request:
    pipeline = source.text("pipeline")
    path = _organization(source) + (f"/pipelines/{quote(pipeline, safe='')}" if pipeline else "")
    return ask(
        f"{path}/builds",
        Step("builds", count=number),
        exclude_jobs="true",
        per_page=PER_PAGE,
        page=number,
    )


def _one(source: SourceInfo, key: str) -> Request:
    pipeline, _, number = key.rpartition("/")
    path = f"{_organization(source)}/pipelines/{quote(pipeline, safe='')}/builds/{quote(number, safe='')}"
    return ask(path, Step("build", key), missing_ok=True, exclude_jobs="true")


def _organization(source: SourceInfo) -> str:
    return f"/organizations/{quote(source.text('organization'), safe='')}"
