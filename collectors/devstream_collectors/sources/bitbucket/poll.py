"""Bitbucket Cloud's API, asked: the same facts as by webhook, with the same keys.

Each round asks for the repository, its branches, merged pull requests, the builds of the branches'
newest commits (as commit statuses tell them) and issues, one chain each. Source:
https://developer.atlassian.com/cloud/bitbucket/rest/ (version 2.0).
"""

from __future__ import annotations

from collections import Counter
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
from devstream_collectors.kit.decoding import Needed, Part, decode, milliseconds, person, sha
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Older, Poller, Step, again, ask, older
from devstream_collectors.kit.push import Push, push_event
from devstream_collectors.sources.bitbucket.builds import (
    Builds,
    by_rank,
    left_out,
    open_commits,
    told,
)
from devstream_collectors.sources.bitbucket.place import Repository, User, account
from devstream_collectors.sources.bitbucket.push import Branch, Commit, PullRequest, merged
from devstream_collectors.sources.bitbucket.run import Status
from devstream_collectors.sources.bitbucket.ticket import Changes, Issue, step


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
    builds: Builds = {}
    opened: int = 0
    touched: int = 0

    @property
    def branches(self) -> dict[str, str]:
        """The commit of each branch, those that count most first."""
        heads = self.heads or {}
        return by_rank({**(self.listed or {}), **heads}, self.home.default_branch, tuple(heads))


class _Statuses(msgspec.Struct, frozen=True):
    values: Needed[list[Status] | None] = None


class _Branches(msgspec.Struct, frozen=True):
    values: Needed[list[Branch] | None] = None
    next: str | None = ""
    """The address of the next page."""


class _Commits(msgspec.Struct, frozen=True):
    values: Needed[list[Commit] | None] = None


class _Pulls(msgspec.Struct, frozen=True):
    values: Needed[list[PullRequest] | None] = None


class _Issues(msgspec.Struct, frozen=True):
    values: Needed[list[Issue] | None] = None


class _Entry(msgspec.Struct, frozen=True):
    """An entry of an issue's history."""

    changes: Changes | None = None
    user: Part[User] = User()
    created_on: str | None = ""


class _History(msgspec.Struct, frozen=True):
    values: Needed[list[_Entry] | None] = None


MAX_COUNTED = 100
"""Commits of a push that are counted: a page of them."""
_PAGE = 20
poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    patterns = _patterns(known, source)
    # First the repository itself, for its name and main branch.
    yield ask(_path(source), Step("repository"))
    for name in exact(patterns):
        path = _path(source, f"/refs/branches/{quote(name, safe='')}")
        yield ask(path, Step("branch", name), missing_ok=True)
    if globs(patterns):
        yield ask(_path(source, "/refs/branches"), Step("branches"), pagelen=100)
    newest = {"sort": "-updated_on", "pagelen": _PAGE}
    yield ask(_path(source, "/pullrequests"), Step("pulls"), query={"state": "MERGED"} | newest)
    for commit in open_commits(known.branches, known.builds):
        path = _path(source, f"/commit/{commit}/statuses")
        yield ask(path, Step("statuses", commit), missing_ok=True, pagelen=50)
    yield ask(_path(source, "/issues"), Step("issues"), missing_ok=True, query=newest)


def _older(answer: Answer[_Cursor], what: str, times: list[int], since: int, mark: str) -> Older:
    """Ask for the page before one of which all is new."""

    def page(step: Step) -> Request:
        return again(answer, msgspec.structs.replace(step, old=mark), page=step.count)

    return older(
        answer,
        what=what,
        full=len(times) >= _PAGE,
        all_new=bool(times) and 0 < since < times[-1],
        page=page,
        since=since,
        until=times[-1] if times else 0,
    )


@poller.answer("repository")
def _repository(answer: Answer[_Cursor]) -> Polled:
    polled = answer.polled(home=answer.decode(Repository))
    return replace(polled, dropped=left_out(answer.known.branches) + Counter(polled.dropped))


@poller.answer("branch")
def _branch(answer: Answer[_Cursor]) -> Polled:
    heads, name = answer.known.heads or {}, answer.step.of
    head = answer.decode_or(Branch()).target or Commit()
    old, new = heads.get(name), sha(head.hash)
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
    known, body = answer.known, answer.decode(_Branches)
    branches = body.values or ()
    commits = {branch.name: branch.target for branch in branches if branch.name and branch.target}
    here = {name: sha(commit.hash) for name, commit in commits.items()}
    found = {**of_text(answer.step.state), **matching(here, _patterns(known, answer.source))}
    check_fits(found)
    # Branches are compared when all pages are there, or those of the next would look deleted.
    if body.next:
        return answer.polled(requests=[ask(body.next, Step("branches", state=as_text(found)))])
    moves = moved(known.listed, found) if known.listed is not None else []
    return _moved(answer, moves, commits, listed=found)


def _moved(
    answer: Answer[_Cursor],
    moves: list[Moved],
    commits: Mapping[str, Commit],
    **known: object,
) -> Polled:
    """Tell the branches that moved.

    Whether a push was forced, and how many commits it brought, is asked for.
    """
    makers: list[Maker] = []
    asked: list[Request] = []
    for move in moves:
        head = commits.get(move.branch, Commit())
        who = person(account(head.author.user), head.author.raw)
        if move.old and move.new:
            said = msgspec.json.encode((who, head.message[:200])).decode()
            base = Step("base", move.branch, move.old, move.new, said)
            path = _path(answer.source, f"/merge-base/{move.old}..{move.new}")
            asked.append(ask(path, base, missing_ok=True))
        else:
            push = Push(
                branch=move.branch,
                before=move.old,
                after=move.new,
                actor=who,
                title=head.message,
                url=_commit_page(answer, move.new),
            )
            makers.append(partial(push_event, push, _place(answer)))
    return answer.polled(makers, asked, None, **known)


@poller.answer("base")
def _base(answer: Answer[_Cursor]) -> Polled:
    asked = answer.step
    base = answer.decode_or(Commit()).hash or ""
    # The commit that a force-push threw away may be gone: then they have none in common.
    counted = msgspec.structs.replace(asked, name="commits", count=int(base != asked.old))
    query = {"exclude": asked.old, "pagelen": MAX_COUNTED, "fields": "values.hash"}
    path = _path(answer.source, f"/commits/{asked.new}")
    return answer.polled(requests=[ask(path, counted, missing_ok=True, query=query)])


@poller.answer("commits")
def _commits(answer: Answer[_Cursor]) -> Polled:
    asked = answer.step
    found = answer.decode_or(_Commits()).values or []
    who, title = msgspec.json.decode(asked.state, type=tuple[str, str])
    push = Push(
        branch=asked.of,
        before=asked.old,
        after=asked.new,
        forced=bool(asked.count),
        actor=who,
        title=title,
        # There may be more on the next page.
        count=len(found) if 0 < len(found) < MAX_COUNTED else None,
        url=_commit_page(answer, asked.new),
    )
    return answer.polled([partial(push_event, push, _place(answer))])


@poller.answer("pulls")
def _pulls(answer: Answer[_Cursor]) -> Polled:
    since, place = int(answer.step.old or answer.known.merged), _place(answer)
    pulls = answer.decode(_Pulls).values or []
    found = [(milliseconds(pull.updated_on), pull) for pull in pulls]
    makers: list[Maker] = []
    asked: list[Request] = []
    for time, pull in reversed(found):
        if not 0 < since < time:
            continue
        # Twelve digits of its commit; its push has all forty, and both are one row.
        if revision := sha(pull.merge_commit.hash) if pull.merge_commit else "":
            path = _path(answer.source, f"/commit/{quote(revision, safe='')}")
            asked.append(ask(path, Step("merge", new=_small_pull(pull)), missing_ok=True))
        else:
            makers.append(partial(merged, pull, "", place))
    more, gap = _older(answer, "merges", [time for time, _ in found], since, str(since))
    newest = max([answer.known.merged or 1, *(time for time, _ in found)])
    return answer.polled(makers, (*asked, *more), gap, merged=newest)


@poller.answer("merge")
def _merge(answer: Answer[_Cursor]) -> Polled:
    pull = decode(answer.step.new, PullRequest)
    short = sha(pull.merge_commit.hash) if pull.merge_commit else ""
    whole = sha(answer.decode_or(Commit()).hash)
    commit = whole if whole.startswith(short) else ""
    return answer.polled([partial(merged, pull, "", _place(answer), commit)])


@poller.answer("statuses")
def _statuses(answer: Answer[_Cursor]) -> Polled:
    known, statuses = answer.known, answer.decode_or(_Statuses()).values or []
    makers, builds = told(statuses, answer.step.of, known.branches, known.builds, _place(answer))
    return answer.polled(makers, builds=builds)


@poller.answer("issues")
def _issues(answer: Answer[_Cursor]) -> Polled:
    known, place = answer.known, _place(answer)
    # Most repositories have no tracker. One that appears later has nothing new at first sight.
    if not answer.ok:
        return answer.polled()
    bodies = answer.decode(_Issues).values or []
    created = [milliseconds(body.created_on) for body in bodies]
    updated = [milliseconds(body.updated_on) for body in bodies]
    # What was known before the first page.
    marks = msgspec.json.decode(answer.step.old or b"[0,0]", type=tuple[int, int])
    since_opened, since = marks if answer.step.old else (known.opened, known.touched)
    fresh = [body for body in bodies if 0 < since_opened < milliseconds(body.created_on)]
    makers = [
        partial(step, body, "opened", account(body.reporter), place) for body in reversed(fresh)
    ]
    asked = [
        ask(
            _path(answer.source, f"/issues/{body.id}/changes"),
            Step("history", str(since), new=_small(body)),
            sort="-created_on",
            pagelen=20,
        )
        for body, time in zip(bodies, updated, strict=True)
        if 0 < since < time and body not in fresh
    ]
    opened, touched = max([known.opened or 1, *created]), max([known.touched or 1, *updated])
    more, gap = _older(answer, "issues", updated, since, f"[{since_opened},{since}]")
    return answer.polled(makers, (*asked, *more), gap, opened=opened, touched=touched)


@poller.answer("history")
def _history(answer: Answer[_Cursor]) -> Polled:
    place, since = _place(answer), int(answer.step.of)
    body = decode(answer.step.new, Issue)
    makers: list[Maker] = []
    for entry in reversed(answer.decode(_History).values or []):
        state = entry.changes.step if entry.changes else ""
        if state and milliseconds(entry.created_on) > since:
            who, at = account(entry.user), entry.created_on or ""
            makers.append(partial(step, body, state, who, place, at))
    return answer.polled(makers)


def _small_pull(pull: PullRequest) -> str:
    """Write the part of a pull request that a line needs."""
    return msgspec.json.encode(msgspec.structs.replace(pull, title=pull.title[:200])).decode()


def _small(body: Issue) -> str:
    """Write the part of an issue that a line needs."""
    small = msgspec.structs.replace(body, reporter=User(), title=body.title[:200])
    return msgspec.json.encode(small).decode()


def _patterns(known: _Cursor, source: SourceInfo) -> tuple[str, ...]:
    return source.branches or defaults(known.home.default_branch)


def _place(answer: Answer[_Cursor]) -> Place:
    return answer.known.home.place(answer.source, answer.received)


def _commit_page(answer: Answer[_Cursor], revision: str) -> str:
    home = answer.known.home.links.html.href
    return f"{home}/commits/{revision}" if home and revision else ""


def _path(source: SourceInfo, path: str = "") -> str:
    return f"/2.0/repositories/{quote(source.text('repository').strip('/'))}{path}"
