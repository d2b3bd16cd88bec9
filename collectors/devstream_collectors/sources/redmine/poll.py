"""Redmine's API, asked: the issues changed since the last round, and the journals of old ones.

Source: https://www.redmine.org/projects/redmine/wiki/Rest_Issues.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Many, Needed, Whole, iso
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_collectors.sources.redmine.ticket import (
    SCOPE,
    Issue,
    Journal,
    Named,
    Status,
    hidden,
    step,
)
from devstream_desktop.stream.event import Event

FIRST = 24 * 3_600_000
"""Milliseconds that are looked back at first contact."""
OVERLAP = 2 * 60_000
SKEW = 3_600_000
"""The most that Redmine's clock may differ from ours; a fact told twice has one key."""
PAGE = 40
"""One small request more for each of them, all in one chain."""
_AGAIN = 5
"""The number of issues that two pages have in common.

One that is changed meanwhile moves to the end.
"""


class _Cursor(msgspec.Struct, frozen=True):
    since: int = 0
    """The newest change that was seen, UTC milliseconds by Redmine's clock; 0: never asked."""
    base: int = 0
    offset: int = 0
    """The begin of the next page of changes since `base`; 0: all was seen."""
    once: dict[str, int] = {}
    """The times of change of the issues asked for since then.

    Redmine tells seconds, and an issue may change again in the second of its last change. So each
    is asked for in two rounds.
    """
    seen: dict[str, int] = {}
    """The same of those asked for twice. The overlap asks for none of them again."""
    ends: tuple[str, ...] | None = None
    """The ids of the statuses that close an issue."""


class _Page(msgspec.Struct, frozen=True):
    issues: Many[Issue] = []
    offset: Whole = 0
    total_count: Whole = 0


class _One(msgspec.Struct, frozen=True):
    issue: Issue | None = None


class _Statuses(msgspec.Struct, frozen=True):
    issue_statuses: Needed[list[Status]] = []


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    since = known.since - OVERLAP if known.since else now - FIRST
    if known.offset:
        since = known.base
    # The first round asks which statuses are ends.
    if known.ends is None:
        yield ask("/issue_statuses.json", Step("statuses", count=since))
    else:
        yield _list(source, since, known.offset)


@poller.answer("statuses")
def _statuses(answer: Answer[_Cursor]) -> Polled:
    statuses = answer.decode(_Statuses).issue_statuses
    ends = tuple(status.id for status in statuses if status.is_end)
    return answer.polled(requests=[_list(answer.source, answer.step.count, 0)], ends=ends)


@poller.answer("list")
def _listed(answer: Answer[_Cursor]) -> Polled:
    known, since, page = answer.known, answer.step.count, answer.decode(_Page)
    place = answer.place(SCOPE)
    makers: list[Maker] = []
    follow: list[Request] = []
    for issue in page.issues:
        created, updated = issue.created_on, issue.updated_on
        if created >= since - SKEW:
            makers.append(partial(step, issue, "opened", "", issue.author, created, place))
        if known.seen.get(issue.id) != updated and (updated > created or issue.status.is_end):
            path = f"/issues/{quote(issue.id, safe='')}.json?include=journals"
            follow.append(ask(path, Step("one", count=since), missing_ok=True))
    newest = max([known.since, since, *(issue.updated_on for issue in page.issues)])
    listed = {issue.id: issue.updated_on for issue in page.issues}
    twice = {number: at for number, at in listed.items() if known.once.get(number) == at}
    end, more = page.offset + len(page.issues), len(page.issues) > _AGAIN
    return answer.polled(
        makers,
        follow,
        since=newest,
        once=_recent({**known.once, **listed}, newest),
        seen=_recent({**known.seen, **twice}, newest),
        base=since,
        offset=max(end - _AGAIN, 1) if more and end < page.total_count else 0,
    )


def _recent(times: dict[str, int], newest: int) -> dict[str, int]:
    """Keep the times that the overlap of the next round reaches."""
    found = [(number, at) for number, at in times.items() if at >= newest - OVERLAP]
    return dict(found[-10 * PAGE :])


@poller.answer("one")
def _one(answer: Answer[_Cursor]) -> Polled:
    issue = answer.decode_or(_One()).issue
    since, ends = answer.step.count - SKEW, answer.known.ends or ()
    return answer.polled(_changes(issue, since, ends, answer.place(SCOPE)) if issue else ())


def _changes(issue: Issue, since: int, ends: tuple[str, ...], place: Place) -> Iterable[Maker]:
    """Return the journals after `since` that change what the team knows."""
    is_end = issue.status.id in ends or issue.status.is_end
    for journal in issue.journals:
        if journal.created_on < since:
            continue
        change, actor = journal.status, journal.user or Named()
        said = (journal.id, actor, journal.created_on, place)
        if journal.privacy == "hidden" and issue.is_hidden:
            if not is_end or change is not None:
                yield partial(hidden, issue, *said)
            continue
        if journal.privacy == "shown" and not is_end:
            yield partial(step, issue, "opened", *said)
            continue
        if change is None:
            continue
        was_end, end = change.old_value in ends, change.new_value in ends
        if was_end != end:
            yield partial(_changed, issue, journal, "closed" if end else "reopened", place)


def _changed(issue: Issue, journal: Journal, state: str, place: Place) -> Event:
    # Where the issue has gone on to another status, nothing says the name of this one.
    is_now = journal.status is not None and journal.status.new_value == issue.status.id
    name = issue.status.name if state == "closed" and is_now else ""
    actor = journal.user or Named()
    return step(issue, state, journal.id, actor, journal.created_on, place, sort=name)


def _list(source: SourceInfo, since: int, offset: int) -> Request:
    query = {
        "status_id": "*",
        "sort": "updated_on",
        "updated_on": f">={iso(since)[:19]}Z",
        "limit": str(PAGE),
        "offset": str(offset),
    }
    if project := source.text("project"):
        query["project_id"] = project
    return ask("/issues.json", Step("list", count=since), query=query)
