"""The API of Bitbucket Data Center, asked: the same facts as by webhook, and builds.

It has no webhook of builds. Each round asks for the repository, its default branch, its branches,
merged pull requests and the builds of the branches' newest commits. Source:
https://developer.atlassian.com/server/bitbucket/rest/ (version 1.0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.branches import (
    as_text,
    defaults,
    exact,
    fits,
    is_global,
    moved,
    of_text,
)
from devstream_collectors.kit.decoding import Needed, Part, Text, Time, decode, sha
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, again, ask, older
from devstream_collectors.kit.push import Push, push_event
from devstream_collectors.sources.bitbucket.builds import (
    Builds,
    by_rank,
    left_out,
    open_commits,
    told,
)
from devstream_collectors.sources.bitbucket.run import Status
from devstream_collectors.sources.bitbucket.server import (
    Commit,
    Properties,
    PullRequest,
    Reference,
    Repository,
    User,
    merged,
)
from devstream_desktop.stream.text import short_ref


class _Cursor(msgspec.Struct, frozen=True):
    """The position of each endpoint.

    Times are UTC milliseconds; 0 is never asked, so that what was before is no news.
    """

    home: Repository = Repository()
    default: str = ""
    heads: dict[str, str] | None = None
    too_many: bool = False
    """More branches match than are followed: those that are named are."""
    merged: int = 0
    builds: Builds = {}


class _Branches(msgspec.Struct, frozen=True, rename="camel"):
    values: Needed[list[Reference] | None] = None
    is_last_page: bool | None = True
    next_page_start: int | None = None


class _Commits(msgspec.Struct, frozen=True):
    values: Needed[list[Commit] | None] = None


class _Pulls(msgspec.Struct, frozen=True):
    values: Needed[list[PullRequest] | None] = None


class _Activity(msgspec.Struct, frozen=True):
    action: Text = ""
    user: Part[User] = User()
    commit: Commit | None = None


class _Activities(msgspec.Struct, frozen=True):
    values: Needed[list[_Activity] | None] = None


class _Build(msgspec.Struct, frozen=True, rename="camel"):
    state: str | None = ""
    key: Needed[str | None] = ""
    name: str | None = ""
    url: str | None = ""
    description: Text = ""
    date_added: Time = 0


class _Builds(msgspec.Struct, frozen=True):
    values: Needed[list[_Build] | None] = None


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse
MAX_COUNTED = 100
"""Commits of a push that are counted: a page of them."""
_PAGE = 25


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    # First the repository and its default branch.
    yield ask(_path(source), Step("repository"))
    yield ask(_path(source, "/branches/default"), Step("default"), missing_ok=True)
    yield _branches(source, Step("branches"))
    newest = {"state": "MERGED", "order": "NEWEST", "limit": _PAGE}
    yield ask(_path(source, "/pull-requests"), Step("pulls"), query=newest)
    for commit in open_commits(_ranked(known, source), known.builds):
        path = f"/rest/build-status/1.0/commits/{commit}"
        yield ask(path, Step("builds", commit), missing_ok=True, limit=50)


@poller.answer("repository")
def _repository(answer: Answer[_Cursor]) -> Polled:
    polled, branches = answer.polled(home=answer.decode(Repository)), answer.known.heads or {}
    return replace(polled, dropped=left_out(branches) + Counter(polled.dropped))


@poller.answer("default")
def _default(answer: Answer[_Cursor]) -> Polled:
    # An empty repository has none: 204 or 404. So has any while its server is down, and a branch
    # that counted still counts.
    return answer.polled(default=answer.decode_or(Reference()).display_id or answer.known.default)


@poller.answer("branches")
def _listed(answer: Answer[_Cursor]) -> Polled:
    known, source, body = answer.known, answer.source, answer.decode(_Branches)
    patterns = source.branches or defaults(known.default)
    here = [(short_ref(one.id or ""), sha(one.latest_commit)) for one in body.values or ()]
    found = {name: commit for name, commit in here if is_global(name, patterns)}
    found = {**of_text(answer.step.state), **found}
    named, left_out = _named(found, patterns), int(answer.step.old or 0)
    too_many = left_out > 0 or not fits(found)
    if too_many:
        left_out += len(found) - len(named)
        found = named
    # Branches are compared when all pages are there, or those of the next would look deleted.
    if body.is_last_page is False and body.next_page_start:
        following = msgspec.structs.replace(
            answer.step,
            count=body.next_page_start,
            state=as_text(found),
            old=str(left_out),
        )
        return answer.polled(requests=[_branches(source, following)])
    gap, before = None, known.heads
    if too_many and not known.too_many:
        gap = Gap("branches (name fewer with --branch)", left_out)
        before = None if before is None else _named(before, patterns)
    # Where the others were is not known when they fit again.
    compared = named if known.too_many else found
    makers: list[Maker] = []
    asked: list[Request] = []
    for move in moved(before, compared) if before is not None else []:
        # Of a deleted branch there is nothing to ask.
        if not move.new:
            makers.append(partial(push_event, Push(move.branch, move.old, ""), _place(answer)))
            continue
        counted = Step("commits", move.branch, move.old, move.new)
        query: dict[str, object] = {"until": move.new, "limit": MAX_COUNTED if move.old else 1}
        if move.old:
            query["since"] = move.old
        asked.append(ask(_path(source, "/commits"), counted, missing_ok=True, query=query))
    return answer.polled(makers, asked, gap, heads=found, too_many=too_many)


def _named(heads: Mapping[str, str], patterns: tuple[str, ...]) -> dict[str, str]:
    """Keep the branches that the team names without a wildcard."""
    names = exact(patterns)
    return {name: commit for name, commit in heads.items() if name in names}


@poller.answer("commits")
def _commits(answer: Answer[_Cursor]) -> Polled:
    asked = answer.step
    # What a force-push threw away may be gone, and with it what was since.
    commits = answer.decode_or(_Commits()).values or []
    head = commits[0] if commits else Commit()
    push = Push(
        branch=asked.of,
        before=asked.old,
        after=asked.new,
        actor=head.author.plain,
        title=head.message,
        count=len(commits) if asked.old and 0 < len(commits) < MAX_COUNTED else None,
        url=answer.known.home.commit_page(asked.new),
    )
    return answer.polled([partial(push_event, push, _place(answer))])


@poller.answer("pulls")
def _pulls(answer: Answer[_Cursor]) -> Polled:
    since, pulls = int(answer.step.old or answer.known.merged), answer.decode(_Pulls).values or []
    fresh = [pull for pull in pulls if 0 < since < pull.closed]
    # Who merged it, and sometimes the commit, only its activities say.
    asked = [
        ask(
            _path(answer.source, f"/pull-requests/{pull.id}/activities"),
            Step("activities", new=_small(pull)),
            limit=25,
        )
        for pull in reversed(fresh)
    ]
    unseen = bool(pulls) and 0 < since < pulls[-1].closed

    def page(step: Step) -> Request:
        following = msgspec.structs.replace(step, old=str(since))
        return again(answer, following, start=(step.count - 1) * _PAGE)

    full = len(pulls) >= _PAGE
    more, gap = older(
        answer,
        what="merges",
        full=full,
        all_new=unseen,
        page=page,
        since=since,
        until=pulls[-1].closed if pulls else 0,
    )
    newest = max([answer.known.merged or 1, *(pull.closed for pull in pulls)])
    return answer.polled(requests=(*asked, *more), gap=gap, merged=newest)


@poller.answer("activities")
def _activities(answer: Answer[_Cursor]) -> Polled:
    pull = decode(answer.step.new, PullRequest)
    activities = answer.decode(_Activities).values or []
    merge = next((one for one in activities if one.action == "MERGED"), _Activity())
    if merge.commit and not (pull.properties and pull.properties.merge_commit):
        pull = msgspec.structs.replace(pull, properties=Properties(merge.commit))
    return answer.polled([partial(merged, pull, merge.user, _place(answer))])


@poller.answer("builds")
def _builds(answer: Answer[_Cursor]) -> Polled:
    known = answer.known
    statuses = [
        Status(
            key=body.key,
            name=body.name,
            state=body.state,
            description=body.description,
            url=body.url,
            updated_on=body.date_added,
        )
        for body in answer.decode_or(_Builds()).values or ()
    ]
    commit, heads = answer.step.of, _ranked(known, answer.source)
    makers, builds = told(statuses, commit, heads, known.builds, _place(answer))
    return answer.polled(makers, builds=builds)


def _ranked(known: _Cursor, source: SourceInfo) -> dict[str, str]:
    """Return the branches that are followed, those that count most first."""
    return by_rank(known.heads or {}, known.default, exact(source.branches))


def _small(pull: PullRequest) -> str:
    """Write the part of a pull request that a line needs."""
    to = msgspec.structs.replace(pull.to_ref, repository=None) if pull.to_ref else None
    small = msgspec.structs.replace(pull, title=pull.title[:200], to_ref=to)
    return msgspec.json.encode(small).decode()


def _place(answer: Answer[_Cursor]) -> Place:
    known = answer.known
    return known.home.place(answer.source, answer.received, known.default)


def _branches(source: SourceInfo, step: Step) -> Request:
    """Ask for the page of branches that begins at `step.count`."""
    return ask(_path(source, "/branches"), step, start=step.count, limit=100)


def _path(source: SourceInfo, path: str = "") -> str:
    project, _, name = source.text("repository").partition("/")
    return f"/rest/api/1.0/projects/{quote(project)}/repos/{quote(name)}{path}"
