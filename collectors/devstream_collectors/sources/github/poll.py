"""GitHub's API, asked: the same facts as by webhook, with the same keys, for a collector that the internet cannot reach.

Each round asks for the repository, its branches, merged pull requests, workflow runs, deployments and issues, one chain each; with
their ETags, so a round in which nothing happened costs nothing of the rate limit. Sources: https://docs.github.com/en/rest (version
2022-11-28). Its events API is no help: up to six hours late (https://docs.github.com/en/rest/activity/events).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.before.branches import HEADS, is_global
from devstream_collectors.before.place import Place
from devstream_collectors.before.polling import MAX_OPEN, Step, ask, polled, step_of
from devstream_collectors.before.push import Push, push_event
from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.sources.github.events import (
    CONCLUSIONS,
    deployment,
    login,
    merged,
    place_of,
    run,
    ticket,
)
from devstream_collectors.sources.github.payloads import (
    DeploymentBody,
    IssueBody,
    PullRequestBody,
    Repository,
    RunBody,
    StatusBody,
    User,
)
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.text import short_ref

FIRST_DEPLOYMENTS = 3
"""Whose state is asked for at first contact."""
_STARTED = {"queued": "queued", "in_progress": "running"}
_DEPLOY_FINAL = frozenset({"success", "failure", "error", "inactive"})
_NEVER = "0"
"""Before every ISO time, and not empty: it was asked for, and there was none."""
_TICKET_EVENTS = frozenset({"closed", "reopened"})


class _Deployment(msgspec.Struct, frozen=True):
    body: DeploymentBody
    seen: int = 0
    """The id of the newest status that was told."""


class _Cursor(msgspec.Struct, frozen=True):
    """Where each endpoint got to. Times are ISO texts, as GitHub gives and takes them."""

    home: Repository = Repository()
    heads: dict[str, dict[str, str]] = {}
    """By the pattern that was asked for: branch and commit."""
    merged: str = ""
    runs: dict[str, str] = {}
    """Of the runs last seen: id, and attempt with state."""
    deployments: dict[str, _Deployment] = {}
    newest_deployment: int = -1
    """-1: never asked."""
    opened: str = ""
    ticket_event: int = 0


_cursor = msgspec.json.Decoder(_Cursor)


class _Ref(msgspec.Struct, frozen=True):
    class Object(msgspec.Struct, frozen=True):
        sha: str = ""

    ref: str = ""
    object: Object = Object()


class _Comparison(msgspec.Struct, frozen=True):
    status: str = ""
    total_commits: int = 0


class _Commit(msgspec.Struct, frozen=True):
    class Inner(msgspec.Struct, frozen=True):
        class Author(msgspec.Struct, frozen=True):
            name: str | None = ""

        message: str | None = ""
        author: Author | None = None

    sha: str = ""
    html_url: str | None = ""
    commit: Inner = Inner()
    author: User | None = None


class _Runs(msgspec.Struct, frozen=True):
    workflow_runs: list[RunBody] = []


class _IssueEvent(msgspec.Struct, frozen=True):
    id: int = 0
    event: str | None = ""
    created_at: str | None = ""
    actor: User | None = None
    issue: IssueBody | None = None


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with; the repository itself comes first, for its name and default branch."""
    del now
    known = _read(cursor)
    patterns = source.branches or (
        (known.home.default_branch or "",) if known.home.default_branch else ()
    )
    asked = [_ask(source, "", Step("repository"))]
    asked += [_heads(source, pattern) for pattern in patterns]
    asked += [
        _ask(
            source,
            "/pulls",
            Step("pulls"),
            state="closed",
            sort="updated",
            direction="desc",
            per_page=30,
        ),
        _ask(source, "/actions/runs", Step("runs"), per_page=30),
        *(
            _ask(source, f"/actions/runs/{number}", Step("run", number), missing_ok=True)
            for number in _open_runs(known)
        ),
        _ask(source, "/deployments", Step("deployments"), per_page=10),
        *(_statuses(source, number) for number in list(known.deployments)[:MAX_OPEN]),
        _ask(
            source,
            "/issues",
            Step("issues"),
            state="all",
            sort="created",
            direction="desc",
            per_page=30,
        ),
        _ask(source, "/issues/events", Step("ticket-events"), per_page=50),
    ]
    return tuple(asked)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what GitHub's API answers.

    """
    known, step = _read(cursor), step_of(response)
    return _READERS[step.name](step, response, known, source)


def _repository(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    home = msgspec.json.decode(response.body, type=Repository)
    if not home.default_branch or not home.full_name:
        raise ValueError("the repository has no name or no default branch")
    first = not known.home.default_branch and not source.branches
    follow = (_heads(source, home.default_branch),) if first else ()
    return polled(msgspec.structs.replace(known, home=home), requests=follow)


def _branches(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    refs = msgspec.json.decode(response.body, type=list[_Ref])
    new = {short_ref(ref.ref): ref.object.sha for ref in refs if ref.ref.startswith(HEADS)}
    new = {branch: commit for branch, commit in new.items() if is_global(branch, (step.of,), "")}
    old = known.heads.get(step.of)
    place, makers, follow = (
        _place(known, source, response),
        list[Callable[[], Event]](),
        list[Request](),
    )
    if old is None:
        old = new
    for branch in sorted({*new, *old}):
        before, after = old.get(branch, ""), new.get(branch, "")
        if before == after:
            continue
        if not after:
            makers.append(partial(_change, Step("", branch, before, "", "deleted"), None, place))
        elif not before:
            follow.append(_head(source, Step("head", branch, "", after, "created")))
        else:
            # From the second page on a comparison has no files, which can be megabytes.
            compared = Step("compared", branch, before, after)
            follow.append(
                _ask(
                    source,
                    f"/compare/{before}...{after}",
                    compared,
                    missing_ok=True,
                    per_page=1,
                    page=2,
                )
            )
    heads = {**known.heads, step.of: new}
    return polled(msgspec.structs.replace(known, heads=heads), makers, follow)


def _compared(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    found = (
        msgspec.json.decode(response.body, type=_Comparison)
        if response.status == 200
        else _Comparison()
    )
    # The commit that a force-push threw away may be gone: then there is nothing to compare with.
    state = "pushed" if found.status == "ahead" else "force-pushed"
    told = msgspec.structs.replace(
        step, name="head", state=state, count=max(found.total_commits, 0)
    )
    return polled(known, requests=(_head(source, told),))


def _head_of(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    commits = msgspec.json.decode(response.body, type=list[_Commit])
    return polled(
        known,
        [partial(_change, step, commits[0] if commits else None, _place(known, source, response))],
    )


def _pulls(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pulls = [
        pull
        for pull in msgspec.json.decode(response.body, type=list[PullRequestBody])
        if pull.merged_at
    ]
    fresh = [pull for pull in pulls if (pull.merged_at or "") > known.merged]
    newest = max([known.merged or _NEVER, *(pull.merged_at or "" for pull in pulls)])
    # The list does not say who merged and how many commits it were. What was merged before the source was known is no news.
    follow = tuple(
        _ask(source, f"/pulls/{pull.number}", Step("pull"))
        for pull in reversed(fresh[:20])
        if known.merged
    )
    return polled(msgspec.structs.replace(known, merged=newest), requests=follow)


def _pull(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    pull = msgspec.json.decode(response.body, type=PullRequestBody)
    place = _place(known, source, response)
    return polled(known, [partial(merged, pull, place)])


def _runs(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    return _told(
        msgspec.json.decode(response.body, type=_Runs).workflow_runs,
        response,
        known,
        source,
        kept={},
    )


def _run(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    if response.status != 200:
        return polled(
            msgspec.structs.replace(
                known, runs={key: value for key, value in known.runs.items() if key != step.of}
            )
        )
    return _told(
        [msgspec.json.decode(response.body, type=RunBody)], response, known, source, kept=known.runs
    )


def _told(
    runs: list[RunBody],
    response: Response,
    known: _Cursor,
    source: SourceInfo,
    kept: Mapping[str, str],
) -> Polled:
    """The events of runs that are in another state than when last seen; `kept` and those under way stay in the cursor."""
    place, makers, now = (
        _place(known, source, response),
        list[Callable[[], Event]](),
        dict[str, str](),
    )
    for body in runs:
        status = body.status or ""
        state = (
            CONCLUSIONS.get(body.conclusion or "", "done")
            if status == "completed"
            else _STARTED.get(status, "queued")
        )
        now[str(body.id)] = f"{body.run_attempt} {state}"
        if known.runs.get(str(body.id)) != now[str(body.id)] and state != "done":
            makers.append(partial(run, body, state, place))
    under_way = {
        key: value for key, value in known.runs.items() if value.endswith((" queued", " running"))
    }
    seen = {**dict(list(under_way.items())[-MAX_OPEN:]), **kept, **now}
    return polled(msgspec.structs.replace(known, runs=seen), makers[::-1])


def _deployments(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    bodies = msgspec.json.decode(response.body, type=list[DeploymentBody])[
        : FIRST_DEPLOYMENTS if known.newest_deployment < 0 else None
    ]
    fresh = {
        str(body.id): _Deployment(body)
        for body in reversed(bodies)
        if (body.id or 0) > known.newest_deployment
    }
    newest = max([known.newest_deployment, 0, *(body.id or 0 for body in bodies)])
    follow = tuple(_statuses(source, number) for number in fresh)
    kept = dict(list({**known.deployments, **fresh}.items())[-MAX_OPEN:])
    return polled(
        msgspec.structs.replace(known, deployments=kept, newest_deployment=newest), requests=follow
    )


def _status(step: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    told = known.deployments.get(step.of)
    if told is None:
        return polled(known)
    others = {key: value for key, value in known.deployments.items() if key != step.of}
    if response.status != 200:
        return polled(msgspec.structs.replace(known, deployments=others))
    statuses = sorted(
        msgspec.json.decode(response.body, type=list[StatusBody]), key=lambda status: status.id or 0
    )
    place = _place(known, source, response)
    fresh = [status for status in statuses if (status.id or 0) > told.seen]
    makers: list[Callable[[], Event]] = [
        partial(deployment, told.body, status, place) for status in fresh
    ]
    if not statuses or statuses[-1].state not in _DEPLOY_FINAL:
        others[step.of] = _Deployment(told.body, statuses[-1].id or 0 if statuses else 0)
    return polled(msgspec.structs.replace(known, deployments=others), makers)


def _issues(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    issues = [
        issue
        for issue in msgspec.json.decode(response.body, type=list[IssueBody])
        if issue.pull_request is None and issue.created_at
    ]
    place = _place(known, source, response)
    fresh = [issue for issue in issues if (issue.created_at or "") > known.opened]
    makers: list[Callable[[], Event]] = [
        partial(ticket, issue, "opened", issue.created_at or "", login(issue.user), place)
        for issue in reversed(fresh)
    ]
    newest = max([known.opened, *(issue.created_at or "" for issue in issues)])
    return polled(msgspec.structs.replace(known, opened=newest), makers)


def _ticket_events(_: Step, response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    events = msgspec.json.decode(response.body, type=list[_IssueEvent])
    place, makers = _place(known, source, response), list[Callable[[], Event]]()
    for event in sorted(events, key=lambda event: event.id):
        issue = event.issue
        if (
            event.id > known.ticket_event
            and event.event in _TICKET_EVENTS
            and issue is not None
            and issue.pull_request is None
        ):
            makers.append(
                partial(
                    ticket,
                    issue,
                    event.event or "",
                    event.created_at or "",
                    login(event.actor),
                    place,
                )
            )
    return polled(
        msgspec.structs.replace(
            known, ticket_event=max([known.ticket_event, *(event.id for event in events)])
        ),
        makers,
    )


_READERS: dict[str, Callable[[Step, Response, _Cursor, SourceInfo], Polled]] = {
    "repository": _repository,
    "heads": _branches,
    "compared": _compared,
    "head": _head_of,
    "pulls": _pulls,
    "pull": _pull,
    "runs": _runs,
    "run": _run,
    "deployments": _deployments,
    "status": _status,
    "issues": _issues,
    "ticket-events": _ticket_events,
}


def _change(step: Step, head: _Commit | None, place: Place) -> Event:
    author = head.commit.author.name or "" if head and head.commit.author else ""
    push = Push(
        branch=step.of,
        before=step.old,
        after=step.new,
        forced=step.state == "force-pushed",
        actor=login(head.author) or author if head else "",
        title=head.commit.message or "" if head else "",
        count=step.count,
        url=head.html_url or "" if head else "",
    )
    return push_event(push, place)


def _place(known: _Cursor, source: SourceInfo, response: Response) -> Place:
    return place_of(known.home, source, response.received)


def _open_runs(known: _Cursor) -> list[str]:
    return [key for key, value in known.runs.items() if value.endswith((" queued", " running"))][
        -MAX_OPEN:
    ]


def _heads(source: SourceInfo, pattern: str) -> Request:
    """The branches that begin as the pattern does, up to its first wildcard."""
    plain = short_ref(pattern)
    for wildcard in "*?[":
        plain = plain.split(wildcard, 1)[0]
    return _ask(source, f"/git/matching-refs/heads/{quote(plain)}", Step("heads", pattern))


def _head(source: SourceInfo, step: Step) -> Request:
    return _ask(source, "/commits", step, sha=step.new, per_page=1)


def _statuses(source: SourceInfo, number: str) -> Request:
    return _ask(
        source,
        f"/deployments/{number}/statuses",
        Step("status", number),
        missing_ok=True,
        per_page=30,
    )


def _ask(
    source: SourceInfo, path: str, step: Step, *, missing_ok: bool = False, **query: str | int
) -> Request:
    name = quote(source.text("repository").strip("/"))
    return replace(
        ask(f"/repos/{name}{path}", step, missing_ok=missing_ok, **query),
        accept="application/vnd.github+json",
    )


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()
