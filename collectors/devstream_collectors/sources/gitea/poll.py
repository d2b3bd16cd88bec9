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
    exact,
    globs,
    matching,
    moved,
    of_text,
)
from devstream_collectors.kit.decoding import Whole, milliseconds, sha
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Step, check_page, following_step, next_page
from devstream_collectors.kit.push import Push, push_event
from devstream_collectors.sources.gitea import run_poll, ticket_poll
from devstream_collectors.sources.gitea.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.gitea.lists import ask_list, ask_older, sizes_of
from devstream_collectors.sources.gitea.place import Repository, User, account
from devstream_collectors.sources.gitea.push import Commit, PullRequest, merged
from devstream_desktop.stream.event import Event


class _Branch(msgspec.Struct, frozen=True):
    name: str | None = ""
    commit: Commit | None = None


class _Comparison(msgspec.Struct, frozen=True):
    total_commits: Whole = 0


requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    patterns = known.patterns(source)
    # First the repository itself, for its address and default branch.
    yield ask_of(source, "", Step("repository"))
    for name in exact(patterns):
        yield ask_of(source, f"/branches/{quote(name)}", Step("branch", name), missing_ok=True)
    if globs(patterns):
        yield _branches(source, Step("branches", count=1))
    yield ask_list(source, Step("pulls"))
    yield from run_poll.asked(known, source)
    yield from ticket_poll.asked(known, source)


@poller.answer("repository")
def _repository(answer: Answer[Cursor]) -> Polled:
    return answer.polled(home=msgspec.structs.replace(answer.decode(Repository), updated_at=""))


@poller.answer("branch")
def _branch(answer: Answer[Cursor]) -> Polled:
    heads, name = answer.known.heads or {}, answer.step.of
    head = answer.decode_or(_Branch()).commit or Commit()
    old, new = heads.get(name), sha(head.id)
    # A proxy whose service is down may answer 404 to everything.
    if not new and old != "":
        return answer.polled(requests=[ask_of(answer.source, "", Step("gone", name))])
    moves = [] if old is None or old == new else [Moved(name, old, new)]
    return _moved(answer, moves, {name: head}, heads={**heads, name: new})


@poller.answer("gone")
def _gone(answer: Answer[Cursor]) -> Polled:
    """Believe that a branch is missing: its repository is there."""
    answer.decode(Repository)
    heads, name = answer.known.heads or {}, answer.step.of
    old = heads.get(name)
    return _moved(answer, [Moved(name, old, "")] if old else [], {}, heads={**heads, name: ""})


@poller.answer("branches")
def _listed(answer: Answer[Cursor]) -> Polled:
    check_page(answer)
    known, page = answer.known, answer.step.count
    bodies = answer.decode(list[_Branch])
    commits = {body.name: body.commit for body in bodies if body.name and body.commit}
    here = {name: sha(commit.id) for name, commit in commits.items()}
    found = matching(here, known.patterns(answer.source))
    found = {**of_text(answer.step.state), **found}
    check_fits(found)
    # Branches are compared when all pages are there, or those of the next would look deleted.
    if next_page(answer.response.headers.get("link", "")):
        step = msgspec.structs.replace(following_step(answer, page + 1), state=as_text(found))
        return answer.polled(requests=[_branches(answer.source, step)])
    moves = moved(known.listed, found) if known.listed is not None else []
    return _moved(answer, moves, commits, listed=found)


def _moved(
    answer: Answer[Cursor],
    moves: list[Moved],
    commits: Mapping[str, Commit],
    **known: object,
) -> Polled:
    """Tell the branches that moved; how many commits a push brought is asked for."""
    makers: list[Maker] = []
    follow: list[Request] = []
    for move in moves:
        head = commits.get(move.branch, Commit())
        author, title = account(head.author), head.message
        if move.old and move.new:
            said = msgspec.json.encode((author, title[:200])).decode()
            compared = Step("compared", move.branch, move.old, move.new, said)
            path = f"/compare/{move.old}...{move.new}"
            follow.append(ask_of(answer.source, path, compared, missing_ok=True))
        else:
            makers.append(partial(_pushed, answer, move, author if move.new else "", title, 0))
    return answer.polled(makers, follow, None, **known)


@poller.answer("compared")
def _compared(answer: Answer[Cursor]) -> Polled:
    found, asked = answer.decode_or(_Comparison()), answer.step
    author, title = msgspec.json.decode(asked.state, type=tuple[str, str])
    move = Moved(asked.of, asked.old, asked.new)
    return answer.polled([partial(_pushed, answer, move, author, title, found.total_commits)])


def _pushed(answer: Answer[Cursor], move: Moved, author: str, title: str, count: int) -> Event:
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
    return push_event(push, place_of(answer))


@poller.answer("pulls")
def _pulls(answer: Answer[Cursor]) -> Polled:
    since, place = int(answer.step.old or answer.known.merged), place_of(answer)
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
    more, gap = ask_older(marked, "merges", times, since, fresh, unseen=unseen)
    newest = max([answer.known.merged or 1, *(time for time, _ in found)])
    closed = max([answer.known.closed or 1, *times])
    sizes = sizes_of(answer)
    return answer.polled(makers, more, gap, merged=newest, closed=closed, sizes=sizes)


def _branches(source: SourceInfo, step: Step) -> Request:
    return ask_of(source, "/branches", step, {"page": step.count, "limit": 50})
