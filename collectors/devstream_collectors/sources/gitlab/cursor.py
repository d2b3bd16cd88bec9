"""The cursor of GitLab's poller, and the way its modules ask."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Request, SourceInfo
from devstream_collectors.kit.executor import Mark
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Query, Step, ask
from devstream_collectors.sources.gitlab import place
from devstream_collectors.sources.gitlab.place import Project


class Cursor(msgspec.Struct, frozen=True):
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


poller = Poller(Cursor)


def place_of(answer: Answer[Cursor]) -> Place:
    """Return the place of the project's facts."""
    return place.place_of((answer.known.home,), answer.source, answer.received)


def ask_of(
    source: SourceInfo,
    path: str,
    purpose: Step,
    query: Query = (),
    *,
    missing_ok: bool = False,
    optional: bool = False,
) -> Request:
    """Ask for something of the project; see `Request` for what may be missing."""
    name = source.text("repository").strip("/")
    path = f"/api/v4/projects/{quote(name, safe='')}{path}"
    return replace(ask(path, purpose, missing_ok=missing_ok, query=query), optional=optional)
