"""The API of Gitea and Forgejo, asked: the same facts as by webhook, with the same keys.

Each round asks for the repository, its branches, merged pull requests, runs of Actions and issues,
one chain each. Source: https://docs.gitea.com/api/ (version 1; Forgejo's is the same as far as we
go, Gogs has the branches and issues of it).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.branches import (
    Moved,
    as_text,
    check_fits,
    defaults,
    exact,
    globs,
    matching,
    moved,
    of_text,
)
from devstream_collectors.kit.decoding import (
    Many,
    Needed,
    Part,
    Text,
    Whole,
    decode,
    milliseconds,
    sha,
)
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import (
    Answer,
    Older,
    Poller,
    Step,
    ask,
    check_page,
    following_step,
    next_page,
    older,
    remembered,
    size_said,
    sized,
    under_way,
    unread,
    without,
)
from devstream_collectors.kit.push import Push, push_event
from devstream_collectors.kit.run import UNDER_WAY
from devstream_collectors.sources.gitea.place import Repository, User, account
from devstream_collectors.sources.gitea.push import Commit, PullRequest, merged
from devstream_collectors.sources.gitea.run import STATES, ActionRun, run
from devstream_collectors.sources.gitea.ticket import Issue, step
from devstream_desktop.stream.event import Event

_STEPS = {"close": "closed", "reopen": "reopened"}


class _Cursor(msgspec.Struct, frozen=True):
    """The position of each endpoint.

    Times are UTC milliseconds; 0 is never asked, so that what was before is no news.
    """

    home: Repository = Repository()
    heads: dict[str, str] | None = None
    """The commit of each branch that was asked for by name; empty for none."""
    listed: dict[str, str] | None = None
    """The same of those that match a glob."""
    merged: int = 0
    closed: int = 0
    """The newest change of a pull request, merged or not."""
    runs: dict[str, str] = {}
    opened: int = 0
    updated: str = ""
    """As the forge writes times."""
    sizes: dict[str, int] = {}
    """The number of items of each list."""


class _Branch(msgspec.Struct, frozen=True):
    name: str | None = ""
    commit: Commit | None = None


class _Comparison(msgspec.Struct, frozen=True):
    total_commits: Whole = 0


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: Needed[list[ActionRun] | None] = None


class _Entry(msgspec.Struct, frozen=True):
    """A thing that happened to an issue; `type` may be `close` or `reopen`."""

    type: Text = ""
    user: Part[User] = User()
    created_at: str | None = ""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    patterns = _patterns(known, source)
    # First the repository itself, for its address and default branch.
    yield ask(_path(source), Step("repository"))
    for name in exact(patterns):
        path = _path(source, f"/branches/{quote(name)}")
        yield ask(path, Step("branch", name), missing_ok=True)
    if globs(patterns):
        yield _branches(source, Step("branches", count=1))
    yield _list(source, Step("pulls"))
    # What goes on elsewhere cannot push the runs of a branch that counts off its page.
    for branch in exact(patterns) if patterns and not globs(patterns) else ("",):
        yield _list(source, Step("runs", branch))
    for number in under_way(known.runs):
        path = _path(source, f"/actions/runs/{number}")
        yield ask(path, Step("run", number), missing_ok=True)
    yield _list(source, Step("issues", new=known.updated))


@poller.answer("repository")
def _repository(answer: Answer[_Cursor]) -> Polled:
    return answer.polled(home=msgspec.structs.replace(answer.decode(Repository), updated_at=""))


@poller.answer("branch")
def _branch(answer: Answer[_Cursor]) -> Polled:
    heads, name = answer.known.heads or {}, answer.step.of
    head = answer.decode_or(_Branch()).commit or Commit()
    old, new = heads.get(name), sha(head.id)
    # A proxy whose service is down may answer 404 to everything.
    if not new and old != "":
        return answer.polled(requests=[ask(_path(answer.source), Step("gone", name))])
    moves = [] if old is None or old == new else [Moved(name, old, new)]
    return _moved(answer, moves, {name: head}, heads={**heads, name: new})


@poller.answer("gone")
def _gone(answer: Answer[_Cursor]) -> Polled:
    """Believe that a branch is missing: its repository is there."""
    answer.decode(Repository)
    heads, name = answer.known.heads or {}, answer.step.of
    old = heads.get(name)
    return _moved(answer, [Moved(name, old, "")] if old else [], {}, heads={**heads, name: ""})


@poller.answer("branches")
def _listed(answer: Answer[_Cursor]) -> Polled:
    check_page(answer)
    known, page = answer.known, answer.step.count
    bodies = answer.decode(list[_Branch])
    commits = {body.name: body.commit for body in bodies if body.name and body.commit}
    here = {name: sha(commit.id) for name, commit in commits.items()}
    found = matching(here, _patterns(known, answer.source))
    found = {**of_text(answer.step.state), **found}
    check_fits(found)
    # Branches are compared when all pages are there, or those of the next would look deleted.
    if next_page(answer.response.headers.get("link", "")):
        step = msgspec.structs.replace(following_step(answer, page + 1), state=as_text(found))
        return answer.polled(requests=[_branches(answer.source, step)])
    moves = moved(known.listed, found) if known.listed is not None else []
    return _moved(answer, moves, commits, listed=found)


def _moved(
    answer: Answer[_Cursor],
    moves: list[Moved],
    commits: Mapping[str, Commit],
    **known: object,
) -> Polled:
    """Tell the branches that moved; how many commits a push brought is asked for."""
    makers: list[Maker] = []
    asked: list[Request] = []
    for move in moves:
        head = commits.get(move.branch, Commit())
        author, title = account(head.author), head.message
        if move.old and move.new:
            said = msgspec.json.encode((author, title[:200])).decode()
            compared = Step("compared", move.branch, move.old, move.new, said)
            path = _path(answer.source, f"/compare/{move.old}...{move.new}")
            asked.append(ask(path, compared, missing_ok=True))
        else:
            makers.append(partial(_pushed, answer, move, author if move.new else "", title, 0))
    return answer.polled(makers, asked, None, **known)


@poller.answer("compared")
def _compared(answer: Answer[_Cursor]) -> Polled:
    found, asked = answer.decode_or(_Comparison()), answer.step
    author, title = msgspec.json.decode(asked.state, type=tuple[str, str])
    move = Moved(asked.of, asked.old, asked.new)
    return answer.polled([partial(_pushed, answer, move, author, title, found.total_commits)])


def _pushed(answer: Answer[_Cursor], move: Moved, author: str, title: str, count: int) -> Event:
    web = (answer.known.home.html_url or "").rstrip("/")
    path = f"compare/{move.old}...{move.new}" if move.old else f"commit/{move.new}"
    push = Push(
        branch=move.branch,
        before=move.old,
        after=move.new,
        actor=author,
        title=title if move.new else "",
        count=count or None,
        url=f"{web}/{path}" if web and move.new else "",
    )
    return push_event(push, _place(answer))


@poller.answer("pulls")
def _pulls(answer: Answer[_Cursor]) -> Polled:
    since, place = int(answer.step.old or answer.known.merged), _place(answer)
    bodies = answer.decode(list[PullRequest])
    found = [(milliseconds(pull.merged_at), pull) for pull in bodies]
    makers = [
        partial(merged, pull, User(), place) for time, pull in reversed(found) if 0 < since < time
    ]
    times = [milliseconds(pull.updated_at) for pull in bodies]
    seen = int(answer.step.state or answer.known.closed or answer.known.merged)
    unseen = bool(times) and 0 < seen < times[-1]
    fresh = sum(time > since for time, _ in found)
    marked = replace(answer, step=msgspec.structs.replace(answer.step, state=str(seen)))
    more, gap = _older(marked, "merges", times, since, fresh, unseen=unseen)
    newest = max([answer.known.merged or 1, *(time for time, _ in found)])
    closed = max([answer.known.closed or 1, *times])
    sizes = _sizes(answer)
    return answer.polled(makers, more, gap, merged=newest, closed=closed, sizes=sizes)


@poller.answer("runs")
def _runs(answer: Answer[_Cursor]) -> Polled:
    # Gogs and old servers have no Actions.
    bodies, known = answer.decode_or(_Runs()).workflow_runs or [], answer.known.runs
    what = f"runs of {answer.step.of}" if answer.step.of else "runs"
    unseen = bool(bodies) and bodies[-1].id not in known
    times = [body.started_at or body.started for body in bodies]
    fresh = sum(body.id not in known for body in bodies)
    more, gap = _older(answer, what, times, 0, fresh, unseen=unseen)
    polled = _ran(answer, bodies, remembered(known, {}), sizes=_sizes(answer))
    return replace(polled, requests=more, gap=gap)


@poller.answer("run")
def _run(answer: Answer[_Cursor]) -> Polled:
    if not answer.ok:
        return answer.polled(runs=without(answer.known.runs, answer.step.of))
    return _ran(answer, [answer.decode(ActionRun)], answer.known.runs)


def _ran(
    answer: Answer[_Cursor], bodies: list[ActionRun], kept: Mapping[str, str], **more: object
) -> Polled:
    known, place = answer.known.runs, _place(answer)
    now: dict[str, str] = {}
    makers: list[Maker] = []
    for body in reversed(bodies):
        said = (body.conclusion if body.status == "completed" else body.status) or ""
        state = STATES.get(said, "")
        # One that began again is under way under the same id.
        again = f"{state or said} {body.run_attempt or 1}"
        now[body.id] = state if state in UNDER_WAY else again
        if known.get(body.id) != now[body.id] and state:
            makers.append(partial(run, body, state, place))
    return answer.polled(makers, (), None, runs={**kept, **now}, **more)


@poller.answer("issues")
def _issues(answer: Answer[_Cursor]) -> Polled:
    known, place = answer.known, _place(answer)
    # Where they are switched off, or nothing answers, it is not known what there is.
    if not answer.ok:
        return answer.polled()
    found = answer.decode(list[Issue])
    bodies = [body for body in found if body.pull_request is None]
    # What was known before the first page.
    before = answer.step.new
    since = milliseconds(before)
    since_opened = int(answer.step.old or known.opened)
    makers = [
        partial(step, body, "opened", account(body.user), place)
        for body in reversed(bodies)
        if 0 < since_opened < milliseconds(body.created_at)
    ]
    # Only its timeline says whether it was closed or reopened, and by whom.
    asked = [
        ask(
            _path(answer.source, f"/issues/{body.number}/timeline"),
            Step("timeline", old=before, new=_small(body)),
            since=before,
        )
        for body in bodies
        if since and milliseconds(body.updated_at) > since
    ]
    created = [milliseconds(body.created_at) for body in bodies]
    updated = [body.updated_at or "" for body in bodies]
    # The service leaves out what is not newer.
    times = [0] * len(found)
    more, gap = _older(answer, "issues", times, since_opened, 0, unseen=since > 0)
    return answer.polled(
        makers,
        (*asked, *more),
        gap,
        opened=max([known.opened or 1, *created]),
        updated=max([known.updated, *updated], key=milliseconds),
    )


@poller.answer("timeline")
def _timeline(answer: Answer[_Cursor]) -> Polled:
    place, since = _place(answer), milliseconds(answer.step.old)
    body = decode(answer.step.new, Issue)
    entries = [
        entry
        for entry in answer.decode(Many[_Entry])
        if entry.type in _STEPS and milliseconds(entry.created_at) > since
    ]
    makers: list[Maker] = []
    for entry in entries:
        # When it closed last is in the issue, as the webhook says it; of what was before, the
        # timeline knows.
        told = body if entry is entries[-1] else msgspec.structs.replace(body, closed_at="")
        who, at = account(entry.user), entry.created_at or ""
        makers.append(partial(step, told, _STEPS[entry.type], who, place, at))
    return answer.polled(makers)


def _small(body: Issue) -> str:
    """Write the part of an issue that a line needs."""
    small = msgspec.structs.replace(body, user=User(), title=body.title[:200])
    return msgspec.json.encode(small).decode()


_LISTS: dict[str, tuple[str, dict[str, object]]] = {
    "pulls": ("/pulls", {"state": "closed", "sort": "recentupdate"}),
    "runs": ("/actions/runs", {}),
    "issues": ("/issues", {"type": "issues", "state": "all"}),
}
"""The lists that have pages, the newest first: path and query by the name of the answer."""
_SIZE = 30


def _list(source: SourceInfo, step: Step) -> Request:
    """Ask for a page of a list.

    `step.count` is its number, `step.of` a branch, `step.new` the time since when.
    """
    path, query = _LISTS[step.name]
    more = {
        name: value
        for name, value in (("branch", step.of), ("since", step.new), ("page", step.count))
        if value
    }
    # Gogs and old servers have no Actions, and no issues where they are switched off.
    missing_ok = step.name != "pulls"
    query = {**query, "limit": _SIZE, **more}
    return ask(_path(source, path), step, missing_ok=missing_ok, query=query)


def _older(
    answer: Answer[_Cursor], what: str, times: list[int], since: int, fresh: int, *, unseen: bool
) -> Older:
    """Ask for the page before one that is all new.

    Args:
        answer: the page.
        what: the things that are listed.
        times: those of its items, the newest first.
        since: the newest time known before the first page.
        fresh: its items that came since.
        unseen: its last item did.

    """

    def page(step: Step) -> Request:
        mark = str(since) if since else ""
        return _list(answer.source, msgspec.structs.replace(step, old=mark))

    return older(
        answer,
        what=what,
        full=len(times) >= _SIZE,
        all_new=unseen,
        page=page,
        since=since,
        until=times[-1] if times else 0,
        unread=unread(answer, answer.known.sizes, _size(answer), fresh),
    )


def _size(answer: Answer[_Cursor]) -> int:
    # Of issues it would be the size of what was changed since, whatever was changed.
    known = answer.step.name != "issues"
    return size_said(answer.response.headers.get("x-total-count")) if known else -1


def _sizes(answer: Answer[_Cursor]) -> dict[str, int]:
    return sized(answer, answer.known.sizes, _size(answer))


def _patterns(known: _Cursor, source: SourceInfo) -> tuple[str, ...]:
    return source.branches or defaults(known.home.default_branch)


def _place(answer: Answer[_Cursor]) -> Place:
    return answer.known.home.place(answer.source, answer.received)


def _branches(source: SourceInfo, step: Step) -> Request:
    return ask(_path(source, "/branches"), step, page=step.count, limit=50)


def _path(source: SourceInfo, path: str = "") -> str:
    return f"/api/v1/repos/{quote(source.text('repository').strip('/'))}{path}"
