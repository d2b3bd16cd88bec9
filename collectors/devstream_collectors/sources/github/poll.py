"""GitHub's API, asked: the same facts as by webhook, with the same keys.

Each round asks for the repository, its branches, merged pull requests, workflow runs, deployments
and issues, one chain each; with their ETags, so a round in which nothing happened costs nothing of
the rate limit. Sources: https://docs.github.com/en/rest (version 2022-11-28). Its events API is no
help: up to six hours late (https://docs.github.com/en/rest/activity/events).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.branches import (
    HEADS,
    as_text,
    check_fits,
    exact,
    globs,
    is_global,
    moved,
    of_text,
)
from devstream_collectors.kit.decoding import Needed, Part, Text, Whole, milliseconds
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import (
    MAX_OPEN,
    MAX_OVER,
    Answer,
    Step,
    check_page,
    following_step,
    next_page,
    sized,
    unread,
)
from devstream_collectors.kit.push import Push, push_event
from devstream_collectors.sources.github import alert_poll, check_poll, deploy_poll, ticket_poll
from devstream_collectors.sources.github.cursor import Cursor, ask_of, place_of, poller
from devstream_collectors.sources.github.lists import ask_list, ask_older
from devstream_collectors.sources.github.place import Repository, User
from devstream_collectors.sources.github.push import PullRequest, merged
from devstream_collectors.sources.github.run import WorkflowRun, run, state_of
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

_STARTED = {"queued": "queued", "in_progress": "running"}
_NEVER = "0"
"""Before every ISO time, and not empty: it was asked for, and there was none."""
_UNDER_WAY = (" queued", " running")
_MAX_HEADS = 30_000
"""Bytes of branches: deployments and checks have as much again."""


class _Ref(msgspec.Struct, frozen=True):
    class Object(msgspec.Struct, frozen=True):
        sha: Needed[str] = ""

    ref: Needed[str] = ""
    object: Object = Object()


class _Comparison(msgspec.Struct, frozen=True):
    status: str = ""
    total_commits: int = 0


class _Commit(msgspec.Struct, frozen=True):
    class Inner(msgspec.Struct, frozen=True):
        class Author(msgspec.Struct, frozen=True):
            name: Text = ""

        message: Text = ""
        author: Part[Author] = Author()

    html_url: Text = ""
    commit: Part[Inner] = Inner()
    author: Part[User] = User()


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: Needed[list[WorkflowRun]] = []
    total_count: Whole = 0


requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    home = known.home.default_branch
    # First the repository itself, for its name and default branch.
    yield ask_of(source, "", Step("repository"))
    for pattern in source.branches or ((home,) if home else ()):
        yield _heads(source, Step("heads", pattern))
    yield ask_list(source, Step("pulls"))
    # What goes on elsewhere cannot push the runs of a branch that counts off its page.
    branches = source.branches or ((home,) if home else ())
    for branch in exact(branches) if branches and not globs(branches) else ("",):
        yield ask_list(source, Step("runs", branch))
    open_runs = [key for key, value in known.runs.items() if value.endswith(_UNDER_WAY)]
    for number in open_runs[-MAX_OPEN:]:
        yield ask_of(source, f"/actions/runs/{number}", Step("run", number), missing_ok=True)
    yield from deploy_poll.asked(known, source)
    yield from ticket_poll.asked(source)
    yield from check_poll.asked(known, source, now)
    yield from alert_poll.asked(known, source, now)


@poller.answer("repository")
def _repository(answer: Answer[Cursor]) -> Polled:
    home, source = answer.decode(Repository), answer.source
    if not home.default_branch or not home.full_name:
        raise ValueError("the repository has no name or no default branch")
    # At first contact the default branch was not known when the round began.
    first = not answer.known.home.default_branch and not source.branches
    follow = (_heads(source, Step("heads", home.default_branch)),) if first else ()
    return answer.polled(requests=follow, home=home)


@poller.answer("heads")
def _branches(answer: Answer[Cursor]) -> Polled:
    check_page(answer)
    known, pattern, source = answer.known, answer.step.of, answer.source
    refs = [ref for ref in answer.decode(list[_Ref]) if ref.ref.startswith(HEADS)]
    new = {short_ref(ref.ref): ref.object.sha for ref in refs}
    new = {branch: commit for branch, commit in new.items() if is_global(branch, (pattern,))}
    new = {**of_text(answer.step.state), **new}
    patterns = source.branches or (pattern,)
    # Those of a pattern that the team named before are forgotten.
    others = {one: heads for one, heads in known.heads.items() if one in patterns}
    beside = {
        name: head
        for one, heads in others.items()
        if one != pattern
        for name, head in heads.items()
    }
    if globs((pattern,)):
        check_fits({**beside, **new}, _MAX_HEADS)
    # Branches are compared when all are there, or those of the next page would look deleted.
    if next_page(answer.response.headers.get("link", "")):
        following = following_step(answer, max(1, answer.step.count) + 1)
        following = msgspec.structs.replace(following, state=as_text(new))
        return answer.polled(requests=[_heads(source, following)])
    makers: list[Maker] = []
    follow: list[Request] = []
    for move in moved(known.heads.get(pattern, new), new):
        if not move.new:
            gone = Step("", move.branch, move.old, "", "deleted")
            makers.append(partial(_change, gone, _Commit(), place_of(answer)))
        elif not move.old:
            follow.append(_head(source, Step("head", move.branch, "", move.new, "created")))
        else:
            # From the second page on a comparison has no files, which can be megabytes.
            path, query = f"/compare/{move.old}...{move.new}", {"per_page": 1, "page": 2}
            compared = Step("compared", move.branch, move.old, move.new)
            follow.append(ask_of(source, path, compared, query, missing_ok=True))
    return answer.polled(makers, follow, None, heads={**others, pattern: new})


@poller.answer("compared")
def _compared(answer: Answer[Cursor]) -> Polled:
    found = answer.decode_or(_Comparison())
    # The commit that a force-push threw away may be gone: then there is nothing to compare with.
    state = {"ahead": "pushed", "behind": "reset"}.get(found.status or "", "force-pushed")
    count = max(found.total_commits, 0)
    told = msgspec.structs.replace(answer.step, name="head", state=state, count=count)
    return answer.polled(requests=(_head(answer.source, told),))


@poller.answer("head")
def _head_of(answer: Answer[Cursor]) -> Polled:
    commits = answer.decode(list[_Commit])
    head = commits[0] if commits else _Commit()
    return answer.polled([partial(_change, answer.step, head, place_of(answer))])


@poller.answer("pulls")
def _pulls(answer: Answer[Cursor]) -> Polled:
    before = answer.step.old or answer.known.merged
    bodies = answer.decode(list[PullRequest])
    pulls = [pull for pull in bodies if pull.merged_at]
    fresh = [pull for pull in pulls if (pull.merged_at or "") > before]
    newest = max([answer.known.merged or _NEVER, *(pull.merged_at or "" for pull in pulls)])
    # Most of them were changed later than they were merged, if they were.
    changed = [pull.updated_at or "" for pull in bodies]
    seen = answer.step.new or answer.known.closed or before
    closed = max([answer.known.closed or _NEVER, *changed])
    marked = replace(answer, step=msgspec.structs.replace(answer.step, new=seen))
    times = [milliseconds(time) for time in changed]
    unseen = bool(seen) and all(time > seen for time in changed)
    more, gap = ask_older(marked, "merged pull requests", times, before, all_new=unseen)
    # The list does not say who merged and how many commits it were. What was merged before the
    # source was known is no news.
    told = reversed(fresh) if before else ()
    follow = [ask_of(answer.source, f"/pulls/{pull.number}", Step("pull")) for pull in told]
    return answer.polled(requests=(*follow, *more), gap=gap, merged=newest, closed=closed)


@poller.answer("pull")
def _pull(answer: Answer[Cursor]) -> Polled:
    return answer.polled([partial(merged, answer.decode(PullRequest), place_of(answer), User())])


@poller.answer("runs")
def _runs(answer: Answer[Cursor]) -> Polled:
    page, branch = answer.decode(_Runs), answer.step.of
    bodies = page.workflow_runs
    # One that came since the page before moved the others along: the last one decides.
    unseen = bool(bodies) and str(bodies[-1].id) not in answer.known.runs
    what = f"runs of {branch}" if branch else "runs"
    known, size = answer.known.sizes, page.total_count or -1
    fresh = sum(str(body.id) not in answer.known.runs for body in bodies)
    times = [body.run_started_at or body.updated_at for body in bodies]
    left = unread(answer, known, size, fresh)
    more, gap = ask_older(answer, what, times, "", all_new=unseen, left=left)
    polled = _ran(answer, bodies, answer.known.runs, sizes=sized(answer, known, size))
    return replace(polled, requests=more, gap=gap)


@poller.answer("run")
def _run(answer: Answer[Cursor]) -> Polled:
    runs = answer.known.runs
    if not answer.ok:
        gone = answer.step.of
        return answer.polled(runs={key: value for key, value in runs.items() if key != gone})
    return _ran(answer, [answer.decode(WorkflowRun)], kept=runs)


def _ran(
    answer: Answer[Cursor], runs: list[WorkflowRun], kept: Mapping[str, str], **more: object
) -> Polled:
    """Tell the runs that are in another state than when last seen.

    `kept` and those under way stay in the cursor.
    """
    known = answer.known.runs
    makers: list[Maker] = []
    now: dict[str, str] = {}
    for body in runs:
        status = body.status or ""
        state = _STARTED.get(status, "queued")
        if status == "completed":
            state = state_of(body.conclusion or "") or "done"
        now[str(body.id)] = f"{body.run_attempt} {state}"
        if known.get(str(body.id)) != now[str(body.id)] and state != "done":
            makers.append(partial(run, body, state, place_of(answer)))
    # The pages of all branches that are asked for, and what is under way.
    open_ = [(key, value) for key, value in known.items() if value.endswith(_UNDER_WAY)]
    over = [one for one in kept.items() if not one[1].endswith(_UNDER_WAY) and one[0] not in now]
    states = {**dict(over[-MAX_OVER:]), **dict(open_[-MAX_OPEN:]), **now}
    return answer.polled(makers[::-1], (), None, runs=states, **more)


def _change(found: Step, head: _Commit, place: Place) -> Event:
    push = Push(
        branch=found.of,
        before=found.old,
        after=found.new,
        forced=found.state == "force-pushed",
        actor=head.author.login or head.commit.author.name,
        title=head.commit.message,
        count=0 if found.state == "reset" else found.count or None,
        url=head.html_url,
    )
    return push_event(push, place)


def _heads(source: SourceInfo, step: Step) -> Request:
    """Ask for the branches that begin like `step.of`, before its wildcard."""
    plain, page = short_ref(step.of), step.count
    for wildcard in "*?[":
        plain = plain.split(wildcard, 1)[0]
    path, query = f"/git/matching-refs/heads/{quote(plain)}", {"page": page} if page > 1 else {}
    return ask_of(source, path, step, query)


def _head(source: SourceInfo, found: Step) -> Request:
    return ask_of(source, "/commits", found, {"sha": found.new, "per_page": 1})
