"""Bitbucket Cloud's API, asked: the same facts as by webhook, with the same keys, for a collector that it cannot reach.

Each round asks for the repository, its branches, merged pull requests, the builds of the branches' newest commits (as commit statuses
tell them) and issues, one chain each. Source: https://developer.atlassian.com/cloud/bitbucket/rest/ (version 2.0).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.before.branches import (
    USUAL_BRANCHES,
    Moved,
    exact,
    globs,
    matching,
    moved,
)
from devstream_collectors.before.decoding import milliseconds, person, sha
from devstream_collectors.before.place import Place
from devstream_collectors.before.polling import Step, ask, polled
from devstream_collectors.before.polling import step_of as asked_for
from devstream_collectors.before.push import Push, push_event
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.bitbucket.events import (
    account,
    issue,
    merged,
    page,
    place_of,
    status,
    step_of,
)
from devstream_collectors.sources.bitbucket.payloads import (
    Branch,
    Branches,
    Commit,
    Commits,
    History,
    IssueBody,
    Issues,
    Pulls,
    Repository,
    Statuses,
)
from devstream_desktop.stream.event import Event

MAX_BUILDS = 10
"""Commits whose builds are asked for in a round: those that branches point at, and older ones whose builds are not over."""


class _Cursor(msgspec.Struct, frozen=True):
    """Where each endpoint got to. Times are UTC milliseconds; 0 is never asked, so that what was before is no news."""

    home: Repository = Repository()
    heads: dict[str, str] | None = None
    """What each branch that was asked for by name points at; empty for none."""
    listed: dict[str, str] | None = None
    """The same of those that match a glob."""
    page: dict[str, str] = {}
    """Of a list that is not yet read to its end."""
    merged: int = 0
    builds: dict[str, dict[str, str]] = {}
    """By commit: the states of its builds."""
    opened: int = 0
    touched: int = 0


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with; the repository itself comes first, for its name and main branch."""
    del now
    known = _read(cursor)
    patterns = _patterns(known, source)
    named = [
        ask(
            _path(source, f"/refs/branches/{quote(name, safe='')}"),
            Step("branch", name),
            missing_ok=True,
        )
        for name in exact(patterns)
    ]
    listed = (
        [ask(_path(source, "/refs/branches"), Step("branches"), pagelen=100)]
        if globs(patterns)
        else []
    )
    return (
        ask(_path(source), Step("repository")),
        *named,
        *listed,
        ask(
            _path(source, "/pullrequests"),
            Step("pulls"),
            state="MERGED",
            sort="-updated_on",
            pagelen=20,
        ),
        *(
            ask(
                _path(source, f"/commit/{commit}/statuses"),
                Step("statuses", commit),
                missing_ok=True,
                pagelen=50,
            )
            for commit in _building(known)
        ),
        ask(
            _path(source, "/issues"),
            Step("issues"),
            missing_ok=True,
            sort="-updated_on",
            pagelen=20,
        ),
    )


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what Bitbucket's API answers.

    """
    known, step = _read(cursor), asked_for(response)
    return _READERS[step.name](step, response, known, source)


def _repository(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    del source
    return polled(
        msgspec.structs.replace(known, home=msgspec.json.decode(response.body, type=Repository))
    )


def _branch(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    heads = known.heads or {}
    body = msgspec.json.decode(response.body, type=Branch) if response.status == 200 else Branch()
    now, old = sha(body.target.hash) if body.target else "", heads.get(step.of)
    after = msgspec.structs.replace(known, heads={**heads, step.of: now})
    if old is None or old == now:
        return polled(after)
    return _told(
        [Moved(step.of, old, now)], {step.of: body.target or Commit()}, after, response, source
    )


def _list(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    body = msgspec.json.decode(response.body, type=Branches)
    commits = {
        branch.name: branch.target for branch in body.values or () if branch.name and branch.target
    }
    found = {
        **known.page,
        **matching(
            {name: sha(commit.hash) for name, commit in commits.items()}, _patterns(known, source)
        ),
    }
    if body.next:
        return polled(
            msgspec.structs.replace(known, page=found), requests=[ask(body.next, Step("branches"))]
        )
    after = msgspec.structs.replace(known, listed=found, page={})
    return _told(
        moved(known.listed, found) if known.listed is not None else [],
        commits,
        after,
        response,
        source,
    )


def _told(
    moves: list[Moved],
    commits: dict[str, Commit],
    known: _Cursor,
    response: Response,
    source: SourceInfo,
) -> Polled:
    """What moved; whether a push was forced, and how many commits it brought, is asked for."""
    makers: list[Callable[[], Event]] = []
    asked: list[Request] = []
    for move in moves:
        head = commits.get(move.branch, Commit())
        who = person(account(head.author.user), head.author.raw) if head.author else ""
        if move.old and move.new:
            said = msgspec.json.encode((who, (head.message or "")[:200])).decode()
            step = Step("base", move.branch, move.old, move.new, said)
            asked.append(
                ask(_path(source, f"/merge-base/{move.old}..{move.new}"), step, missing_ok=True)
            )
        else:
            push = Push(
                move.branch,
                move.old,
                move.new,
                actor=who,
                title=head.message or "",
                url=_commit_page(known, move.new),
            )
            makers.append(partial(push_event, push, _place(known, source, response)))
    return polled(known, makers, asked)


def _base(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    base = msgspec.json.decode(response.body, type=Commit).hash if response.status == 200 else ""
    # The commit that a force-push threw away may be gone: then they have none in common.
    counted = Step("commits", step.of, step.old, step.new, step.state, count=int(base != step.old))
    path = _path(source, f"/commits/{step.new}")
    return polled(
        known,
        requests=[
            ask(path, counted, missing_ok=True, exclude=step.old, pagelen=100, fields="values.hash")
        ],
    )


def _commits(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    found = (
        msgspec.json.decode(response.body, type=Commits).values or []
        if response.status == 200
        else []
    )
    who, title = msgspec.json.decode(step.state, type=tuple[str, str])
    push = Push(
        step.of,
        step.old,
        step.new,
        bool(step.count),
        actor=who,
        title=title,
        count=len(found),
        url=_commit_page(known, step.new),
    )
    return polled(known, [partial(push_event, push, _place(known, source, response))])


def _pulls(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pulls = msgspec.json.decode(response.body, type=Pulls).values or []
    at = [milliseconds(pull.updated_on) for pull in pulls]
    place = _place(known, source, response)
    fresh = [pull for pull, time in zip(pulls, at, strict=True) if 0 < known.merged < time]
    makers = [partial(merged, pull, "", place) for pull in reversed(fresh)]
    return polled(msgspec.structs.replace(known, merged=max([known.merged or 1, *at])), makers)


def _statuses(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = (
        msgspec.json.decode(response.body, type=Statuses).values or []
        if response.status == 200
        else []
    )
    heads = {**(known.listed or {}), **(known.heads or {})}
    branch = next((name for name, commit in heads.items() if commit == step.of), "")
    before, now, makers = (
        known.builds.get(step.of, {}),
        dict[str, str](),
        list[Callable[[], Event]](),
    )
    for body in bodies:
        state = body.state or ""
        now[f"{body.key} {body.url}"[:200]] = state
        if before.get(f"{body.key} {body.url}"[:200]) != state:
            # It does not say who began it.
            makers.append(
                partial(
                    status,
                    body,
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


def _issues(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    # Most repositories have no tracker.
    bodies = (
        msgspec.json.decode(response.body, type=Issues).values or []
        if response.status == 200
        else []
    )
    place = _place(known, source, response)
    fresh = [body for body in bodies if 0 < known.opened < milliseconds(body.created_on)]
    makers = [
        partial(issue, body, "opened", account(body.reporter), place) for body in reversed(fresh)
    ]
    asked = [
        ask(
            _path(source, f"/issues/{body.id}/changes"),
            Step("history", str(known.touched), new=_small(body)),
            sort="-created_on",
            pagelen=20,
        )
        for body in bodies
        if 0 < known.touched < milliseconds(body.updated_on) and body not in fresh
    ]
    opened = max([known.opened or 1, *(milliseconds(body.created_on) for body in bodies)])
    touched = max([known.touched or 1, *(milliseconds(body.updated_on) for body in bodies)])
    return polled(msgspec.structs.replace(known, opened=opened, touched=touched), makers, asked)


def _history(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    entries = msgspec.json.decode(response.body, type=History).values or []
    body, since = msgspec.json.decode(step.new, type=IssueBody), int(step.of)
    makers: list[Callable[[], Event]] = []
    for entry in reversed(entries):
        state = step_of(entry.changes)
        if state and milliseconds(entry.created_on) > since:
            place = _place(known, source, response)
            makers.append(
                partial(issue, body, state, account(entry.user), place, entry.created_on or "")
            )
    return polled(known, makers)


_READERS: dict[str, Callable[[Step, Response, _Cursor, SourceInfo], Polled]] = {
    "repository": _repository,
    "branch": _branch,
    "branches": _list,
    "base": _base,
    "commits": _commits,
    "pulls": _pulls,
    "statuses": _statuses,
    "issues": _issues,
    "history": _history,
}


def _small(body: IssueBody) -> str:
    """What a line needs of an issue."""
    return msgspec.json.encode(
        msgspec.structs.replace(body, reporter=None, title=(body.title or "")[:200])
    ).decode()


def _building(known: _Cursor) -> list[str]:
    heads = [
        commit for commit in {**(known.listed or {}), **(known.heads or {})}.values() if commit
    ]
    return list(
        dict.fromkeys(
            [
                *heads[:MAX_BUILDS],
                *(commit for commit, states in known.builds.items() if _open(states)),
            ]
        )
    )


def _open(states: dict[str, str]) -> bool:
    return any(state.upper().replace("_", "") == "INPROGRESS" for state in states.values())


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()


def _patterns(known: _Cursor, source: SourceInfo) -> tuple[str, ...]:
    if source.branches:
        return source.branches
    main = known.home.mainbranch.name if known.home.mainbranch else ""
    return (main,) if main else USUAL_BRANCHES


def _place(known: _Cursor, source: SourceInfo, response: Response) -> Place:
    return place_of(known.home, source, response.received)


def _commit_page(known: _Cursor, revision: str) -> str:
    home = page(known.home.links)
    return f"{home}/commits/{revision}" if home and revision else ""


def _path(source: SourceInfo, path: str = "") -> str:
    return f"/2.0/repositories/{quote(source.text('repository').strip('/'))}{path}"
