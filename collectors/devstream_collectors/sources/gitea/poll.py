"""The API of Gitea and Forgejo, asked: the same facts as by webhook, with the same keys, for a collector that they cannot reach.

Each round asks for the repository, its branches, merged pull requests, runs of Actions and issues, one chain each. Source:
https://docs.gitea.com/api/ (version 1; Forgejo's is the same as far as we go, Gogs has the branches and issues of it).
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
from devstream_collectors.before.decoding import milliseconds, sha
from devstream_collectors.before.place import Place
from devstream_collectors.before.polling import (
    Step,
    ask,
    followed,
    next_page,
    polled,
    step_of,
    under_way,
    without,
)
from devstream_collectors.before.push import Push, push_event
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.gitea.events import (
    RUN_STATES,
    account,
    issue,
    merged,
    place_of,
    run,
)
from devstream_collectors.sources.gitea.payloads import (
    BranchBody,
    Comparison,
    Head,
    IssueBody,
    PullBody,
    Repository,
    RunBody,
    Runs,
    TimelineEntry,
)
from devstream_desktop.stream.event import Event

_STEPS = {"close": "closed", "reopen": "reopened"}


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
    runs: dict[str, str] = {}
    opened: int = 0
    updated: str = ""
    """As the forge writes times."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with; the repository itself comes first, for its address and default branch."""
    del now
    known = _read(cursor)
    patterns = _patterns(known, source)
    since = {"since": known.updated} if known.updated else {}
    return (
        ask(_path(source), Step("repository")),
        *(
            ask(_path(source, f"/branches/{quote(name)}"), Step("branch", name), missing_ok=True)
            for name in exact(patterns)
        ),
        *((_branches(source, 1),) if globs(patterns) else ()),
        ask(_path(source, "/pulls"), Step("pulls"), state="closed", sort="recentupdate", limit=30),
        ask(_path(source, "/actions/runs"), Step("runs"), missing_ok=True, limit=30),
        *(
            ask(_path(source, f"/actions/runs/{number}"), Step("run", number), missing_ok=True)
            for number in under_way(known.runs)
        ),
        ask(
            _path(source, "/issues"),
            Step("issues"),
            missing_ok=True,
            type="issues",
            state="all",
            limit=30,
            **since,
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
    home = msgspec.structs.replace(
        msgspec.json.decode(response.body, type=Repository), updated_at=""
    )
    return polled(msgspec.structs.replace(known, home=home))


def _branch(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    heads = known.heads or {}
    body = (
        msgspec.json.decode(response.body, type=BranchBody)
        if response.status == 200
        else BranchBody()
    )
    now = sha(body.commit.id) if body.commit else ""
    old = heads.get(step.of)
    after = msgspec.structs.replace(known, heads={**heads, step.of: now})
    if old is None or old == now:
        return polled(after)
    return _told(
        [Moved(step.of, old, now)], {step.of: body.commit or Head()}, after, response, source
    )


def _list(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=list[BranchBody])
    here = {body.name: sha(body.commit.id) for body in bodies if body.name and body.commit}
    found = {**(known.page if step.count > 1 else {}), **matching(here, _patterns(known, source))}
    if next_page(response.headers.get("link", "")):
        return polled(
            msgspec.structs.replace(known, page=found), requests=[_branches(source, step.count + 1)]
        )
    after = msgspec.structs.replace(known, listed=found, page={})
    commits = {body.name: body.commit for body in bodies if body.name and body.commit}
    return _told(
        moved(known.listed, found) if known.listed is not None else [],
        commits,
        after,
        response,
        source,
    )


def _told(
    moves: list[Moved],
    commits: dict[str, Head],
    known: _Cursor,
    response: Response,
    source: SourceInfo,
) -> Polled:
    """What moved; how many commits a push brought is asked for."""
    makers: list[Callable[[], Event]] = []
    asked: list[Request] = []
    for move in moves:
        head = commits.get(move.branch, Head())
        author, title = account(head.author), head.message or ""
        if move.old and move.new:
            step = Step(
                "compared",
                move.branch,
                move.old,
                move.new,
                msgspec.json.encode((author, title[:200])).decode(),
            )
            asked.append(
                ask(_path(source, f"/compare/{move.old}...{move.new}"), step, missing_ok=True)
            )
        else:
            makers.append(
                partial(
                    _pushed,
                    move,
                    author if move.new else "",
                    title,
                    0,
                    known,
                    _place(known, source, response),
                )
            )
    return polled(known, makers, asked)


def _compared(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    found = (
        msgspec.json.decode(response.body, type=Comparison)
        if response.status == 200
        else Comparison()
    )
    author, title = msgspec.json.decode(step.state, type=tuple[str, str])
    move, place = Moved(step.of, step.old, step.new), _place(known, source, response)
    return polled(
        known, [partial(_pushed, move, author, title, found.total_commits or 0, known, place)]
    )


def _pushed(
    move: Moved, author: str, title: str, count: int, known: _Cursor, place: Place
) -> Event:
    web = (known.home.html_url or "").rstrip("/")
    path = f"compare/{move.old}...{move.new}" if move.old else f"commit/{move.new}"
    url = f"{web}/{path}" if web and move.new else ""
    return push_event(
        Push(
            move.branch,
            move.old,
            move.new,
            actor=author,
            title=title if move.new else "",
            count=count,
            url=url,
        ),
        place,
    )


def _pulls(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pulls = msgspec.json.decode(response.body, type=list[PullBody])
    at = [milliseconds(pull.merged_at) for pull in pulls]
    place = _place(known, source, response)
    fresh = [pull for pull, time in zip(pulls, at, strict=True) if 0 < known.merged < time]
    makers = [partial(merged, pull, None, "", place) for pull in reversed(fresh)]
    return polled(msgspec.structs.replace(known, merged=max([known.merged or 1, *at])), makers)


def _runs(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    # Gogs and old servers have no Actions.
    bodies = (
        msgspec.json.decode(response.body, type=Runs).workflow_runs or []
        if response.status == 200
        else []
    )
    return _ran(bodies, followed(known.runs, {}), response, known, source)


def _run(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    if response.status != 200:
        return polled(msgspec.structs.replace(known, runs=without(known.runs, step.of)))
    return _ran(
        [msgspec.json.decode(response.body, type=RunBody)], known.runs, response, known, source
    )


def _ran(
    bodies: list[RunBody],
    kept: dict[str, str],
    response: Response,
    known: _Cursor,
    source: SourceInfo,
) -> Polled:
    place, now, makers = (
        _place(known, source, response),
        dict[str, str](),
        list[Callable[[], Event]](),
    )
    for body in reversed(bodies):
        said = (body.conclusion if body.status == "completed" else body.status) or ""
        state = RUN_STATES.get(said, "")
        # One that began again is under way under the same id.
        key, seen = (
            str(body.id),
            state if state in ("queued", "running") else f"{state or said} {body.run_attempt or 1}",
        )
        now[key] = seen
        if known.runs.get(key) != seen and state:
            makers.append(partial(run, body, state, "", "", place))
    return polled(msgspec.structs.replace(known, runs={**kept, **now}), makers)


def _issues(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = (
        msgspec.json.decode(response.body, type=list[IssueBody]) if response.status == 200 else []
    )
    bodies = [body for body in bodies if body.pull_request is None]
    place = _place(known, source, response)
    since = milliseconds(known.updated)
    fresh = [body for body in bodies if 0 < known.opened < milliseconds(body.created_at)]
    makers = [
        partial(issue, body, None, "opened", account(body.user), place) for body in reversed(fresh)
    ]
    # Only its timeline says whether it was closed or reopened, and by whom.
    asked = [
        ask(
            _path(source, f"/issues/{body.number}/timeline"),
            Step("timeline", old=known.updated, new=_small(body)),
            since=known.updated,
        )
        for body in bodies
        if since and milliseconds(body.updated_at) > since
    ]
    opened = max([known.opened or 1, *(milliseconds(body.created_at) for body in bodies)])
    updated = max([known.updated, *(body.updated_at or "" for body in bodies)], key=milliseconds)
    return polled(msgspec.structs.replace(known, opened=opened, updated=updated), makers, asked)


def _timeline(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    entries = msgspec.json.decode(response.body, type=list[TimelineEntry] | None) or []
    body, since = msgspec.json.decode(step.new, type=IssueBody), milliseconds(step.old)
    steps = [
        entry
        for entry in entries
        if entry.type in _STEPS and milliseconds(entry.created_at) > since
    ]
    makers: list[Callable[[], Event]] = []
    for entry in steps:
        # When it closed last is in the issue, as the webhook says it; of what was before, the timeline knows.
        told = body if entry is steps[-1] else msgspec.structs.replace(body, closed_at="")
        state = _STEPS[entry.type or ""]
        makers.append(
            partial(
                issue,
                told,
                None,
                state,
                account(entry.user),
                _place(known, source, response),
                entry.created_at or "",
            )
        )
    return polled(known, makers)


def _small(body: IssueBody) -> str:
    """What a line needs of an issue."""
    return msgspec.json.encode(
        msgspec.structs.replace(body, user=None, title=(body.title or "")[:200])
    ).decode()


_READERS: dict[str, Callable[[Step, Response, _Cursor, SourceInfo], Polled]] = {
    "repository": _repository,
    "branch": _branch,
    "branches": _list,
    "compared": _compared,
    "pulls": _pulls,
    "runs": _runs,
    "run": _run,
    "issues": _issues,
    "timeline": _timeline,
}


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()


def _patterns(known: _Cursor, source: SourceInfo) -> tuple[str, ...]:
    if source.branches:
        return source.branches
    return (known.home.default_branch,) if known.home.default_branch else USUAL_BRANCHES


def _place(known: _Cursor, source: SourceInfo, response: Response) -> Place:
    return place_of(known.home, source, response.received)


def _branches(source: SourceInfo, page: int) -> Request:
    return ask(_path(source, "/branches"), Step("branches", count=page), page=page, limit=50)


def _path(source: SourceInfo, path: str = "") -> str:
    return f"/api/v1/repos/{quote(source.text('repository').strip('/'))}{path}"
