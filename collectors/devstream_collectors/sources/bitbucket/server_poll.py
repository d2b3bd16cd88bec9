"""The API of Bitbucket Data Center, asked: the same facts as by webhook, with the same keys, and builds, of which it has no webhook.

Each round asks for the repository, its default branch, its branches, merged pull requests and the builds of the branches' newest commits.
Source: https://developer.atlassian.com/server/bitbucket/rest/ (version 1.0).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.before.branches import USUAL_BRANCHES, is_global, moved
from devstream_collectors.before.decoding import sha
from devstream_collectors.before.place import Place
from devstream_collectors.before.polling import Step, ask, polled, step_of
from devstream_collectors.before.push import Push, push_event
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.bitbucket.events import status
from devstream_collectors.sources.bitbucket.payloads import StatusBody
from devstream_collectors.sources.bitbucket.server import (
    Commit,
    Properties,
    Pull,
    Reference,
    Repository,
    User,
    account,
    first,
    merged,
    place_of,
)
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

MAX_BUILDS = 10
"""Commits whose builds are asked for in a round: those that branches point at, and older ones whose builds are not over."""


class _Cursor(msgspec.Struct, frozen=True):
    """Where each endpoint got to. Times are UTC milliseconds; 0 is never asked, so that what was before is no news."""

    home: Repository = Repository()
    default: str = ""
    heads: dict[str, str] | None = None
    page: dict[str, str] = {}
    """Of a list of branches that is not yet read to its end."""
    merged: int = 0
    builds: dict[str, dict[str, str]] = {}
    """By commit: the states of its builds."""


class _Branches(msgspec.Struct, frozen=True, rename="camel"):
    values: list[Reference] | None = None
    is_last_page: bool | None = True
    next_page_start: int | None = None


class _Commits(msgspec.Struct, frozen=True):
    values: list[Commit] | None = None


class _Pulls(msgspec.Struct, frozen=True):
    values: list[Pull] | None = None


class _Activity(msgspec.Struct, frozen=True):
    action: str | None = ""
    user: User | None = None
    commit: Commit | None = None


class _Activities(msgspec.Struct, frozen=True):
    values: list[_Activity] | None = None


class _Build(msgspec.Struct, frozen=True, rename="camel"):
    state: str | None = ""
    key: str | None = ""
    name: str | None = ""
    url: str | None = ""
    description: str | None = ""
    date_added: int | None = 0


class _Builds(msgspec.Struct, frozen=True):
    values: list[_Build] | None = None


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with; the repository and its default branch come first."""
    del now
    known = _read(cursor)
    return (
        ask(_path(source), Step("repository")),
        ask(_path(source, "/branches/default"), Step("default"), missing_ok=True),
        _branches(source, 0),
        ask(
            _path(source, "/pull-requests"), Step("pulls"), state="MERGED", order="NEWEST", limit=25
        ),
        *(
            ask(
                f"/rest/build-status/1.0/commits/{commit}",
                Step("builds", commit),
                missing_ok=True,
                limit=50,
            )
            for commit in _building(known)
        ),
    )


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known, step = _read(cursor), step_of(response)
    return _READERS[step.name](step, response, known, source)


def _repository(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    del source
    return polled(
        msgspec.structs.replace(known, home=msgspec.json.decode(response.body, type=Repository))
    )


def _default(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    del source
    # An empty repository has none: 204 or 404.
    body = (
        msgspec.json.decode(response.body, type=Reference)
        if response.status == 200
        else Reference()
    )
    return polled(msgspec.structs.replace(known, default=body.display_id or ""))


def _list(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    body = msgspec.json.decode(response.body, type=_Branches)
    patterns = source.branches or ((known.default,) if known.default else USUAL_BRANCHES)
    here = {short_ref(branch.id or ""): sha(branch.latest_commit) for branch in body.values or ()}
    found = {
        **(known.page if step.count else {}),
        **{name: commit for name, commit in here.items() if is_global(name, patterns, "")},
    }
    if body.is_last_page is False and body.next_page_start:
        return polled(
            msgspec.structs.replace(known, page=found),
            requests=[_branches(source, body.next_page_start)],
        )
    after = msgspec.structs.replace(known, heads=found, page={})
    makers: list[Callable[[], Event]] = []
    asked: list[Request] = []
    for move in moved(known.heads, found) if known.heads is not None else []:
        if not move.new:
            makers.append(
                partial(
                    push_event, Push(move.branch, move.old, ""), _place(after, source, response)
                )
            )
            continue
        counted = Step("commits", move.branch, move.old, move.new)
        since = {"since": move.old} if move.old else {}
        asked.append(
            ask(
                _path(source, "/commits"),
                counted,
                missing_ok=True,
                until=move.new,
                limit=100 if move.old else 1,
                **since,
            )
        )
    return polled(after, makers, asked)


def _commits(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    # What a force-push threw away may be gone, and with it what was since.
    commits = (
        msgspec.json.decode(response.body, type=_Commits).values or []
        if response.status == 200
        else []
    )
    head = commits[0] if commits else Commit()
    home = first(known.home.links.self).removesuffix("/browse") if known.home.links else ""
    push = Push(
        branch=step.of,
        before=step.old,
        after=step.new,
        actor=account(head.author),
        title=head.message or "",
        count=len(commits) if step.old else 0,
        url=f"{home}/commits/{step.new}" if home else "",
    )
    return polled(known, [partial(push_event, push, _place(known, source, response))])


def _pulls(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pulls = msgspec.json.decode(response.body, type=_Pulls).values or []
    fresh = [pull for pull in pulls if 0 < known.merged < _closed(pull)]
    # Who merged it, and sometimes the commit, only its activities say.
    asked = [
        ask(
            _path(source, f"/pull-requests/{pull.id}/activities"),
            Step("activities", new=_small(pull)),
            limit=25,
        )
        for pull in reversed(fresh)
    ]
    return polled(
        msgspec.structs.replace(known, merged=max([known.merged or 1, *map(_closed, pulls)])),
        requests=asked,
    )


def _activities(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pull = msgspec.json.decode(step.new, type=Pull)
    activities = msgspec.json.decode(response.body, type=_Activities).values or []
    merge = next((activity for activity in activities if activity.action == "MERGED"), _Activity())
    if merge.commit and not (pull.properties and pull.properties.merge_commit):
        pull = msgspec.structs.replace(pull, properties=Properties(merge.commit))
    return polled(
        known, [partial(merged, pull, account(merge.user), _place(known, source, response))]
    )


def _builds(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = (
        msgspec.json.decode(response.body, type=_Builds).values or []
        if response.status == 200
        else []
    )
    heads = known.heads or {}
    branch = next((name for name, commit in heads.items() if commit == step.of), "")
    before, now, makers = (
        known.builds.get(step.of, {}),
        dict[str, str](),
        list[Callable[[], Event]](),
    )
    for body in bodies:
        key = f"{body.key} {body.url}"[:200]
        now[key] = body.state or ""
        if before.get(key) != now[key]:
            made = StatusBody(
                body.key,
                body.name,
                body.state,
                body.description,
                "",
                body.url,
                "",
                _iso(body.date_added or 0),
            )
            makers.append(
                partial(
                    status,
                    made,
                    "",
                    _place(known, source, response),
                    branch=branch,
                    revision=step.of,
                )
            )
    builds = {
        commit: states
        for commit, states in {**known.builds, step.of: now}.items()
        if commit in heads.values() or _open(states)
    }
    return polled(
        msgspec.structs.replace(known, builds=dict(list(builds.items())[-MAX_BUILDS:])), makers
    )


_READERS: dict[str, Callable[[Step, Response, _Cursor, SourceInfo], Polled]] = {
    "repository": _repository,
    "default": _default,
    "branches": _list,
    "commits": _commits,
    "pulls": _pulls,
    "activities": _activities,
    "builds": _builds,
}


def _small(pull: Pull) -> str:
    """What a line needs of a pull request."""
    to = msgspec.structs.replace(pull.to_ref, repository=None) if pull.to_ref else None
    return msgspec.json.encode(
        msgspec.structs.replace(pull, title=(pull.title or "")[:200], to_ref=to)
    ).decode()


def _closed(pull: Pull) -> int:
    return pull.closed_date or pull.updated_date or 0


def _building(known: _Cursor) -> list[str]:
    heads = [commit for commit in (known.heads or {}).values() if commit][:MAX_BUILDS]
    return list(
        dict.fromkeys(
            [*heads, *(commit for commit, states in known.builds.items() if _open(states))]
        )
    )


def _open(states: dict[str, str]) -> bool:
    return any(state.upper() == "INPROGRESS" for state in states.values())


def _iso(moment: int) -> str:
    try:
        return datetime.fromtimestamp(moment / 1000, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return ""


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()


def _place(known: _Cursor, source: SourceInfo, response: Response) -> Place:
    return place_of(known.home, source, response.received, known.default)


def _branches(source: SourceInfo, start: int) -> Request:
    return ask(_path(source, "/branches"), Step("branches", count=start), start=start, limit=100)


def _path(source: SourceInfo, path: str = "") -> str:
    project, _, name = source.text("repository").partition("/")
    return f"/rest/api/1.0/projects/{quote(project)}/repos/{quote(name)}{path}"
