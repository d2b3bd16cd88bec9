"""Jira's API, asked: the issues that were changed since the last round, with their histories.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/ and,
for Data Center, https://docs.atlassian.com/software/jira/docs/api/REST/latest/#api/2/search.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Many, Text, Whole
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_collectors.kit.ticket import is_done
from devstream_collectors.sources.jira.ticket import (
    Change,
    Issue,
    User,
    changed,
    is_cloud,
    opened,
    renumbered,
    secured,
)

PAGE = 50
MAX_PAGES = 100
"""More pages between two rounds are an import, not news."""
FIRST = 24 * 60
"""Minutes that are looked back at first contact."""
_MINUTE = 60_000
_OVERLAP = 3
"""Minutes that are asked for twice: Jira's search is told of changes a little late."""
_AGAIN = 5
"""Issues that two pages of Data Center have in common.

One that is changed meanwhile moves to the end, and all behind it move up.
"""
_SKEW = 60 * _MINUTE
"""The most that Jira's clock may differ from ours; a fact told twice has one key."""
_FIELDS = (
    "summary,issuetype,priority,project,status,resolution,creator,reporter,created,updated,security"
)


class _Cursor(msgspec.Struct, frozen=True):
    since: int = 0
    """Up to when, UTC milliseconds, all was told; 0: never asked."""


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    issues: Many[Issue] = []
    total: Whole = 0
    start_at: Whole = 0
    next_page_token: Text = ""
    """Cloud's; Data Center counts."""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    back = FIRST
    if known.since:
        back = max(0, now - known.since) // _MINUTE + 1 + _OVERLAP
    # Of minutes, because a time of the clock would be in the time zone of the token's owner.
    wanted = source.text("jql").strip()
    jql = f"{f'({wanted}) AND ' if wanted else ''}updated >= -{back}m ORDER BY updated ASC"
    yield _ask(source, Step("page", jql, count=now))


@poller.answer("page")
def _page(answer: Answer[_Cursor]) -> Polled:
    page, step, source = answer.decode(_Page), answer.step, answer.source
    since = answer.received - FIRST * _MINUTE
    if answer.known.since:
        since = answer.known.since - _SKEW
    place = answer.place()
    makers = [maker for issue in page.issues for maker in _steps(issue, since, place)]
    end = page.start_at + len(page.issues)
    # Cloud counts by a token, Data Center by a number.
    following: dict[str, str | int] = {}
    if page.issues and page.next_page_token:
        following = {"nextPageToken": page.next_page_token}
    elif page.issues and end < page.total:
        following = {"startAt": end - _AGAIN if len(page.issues) > _AGAIN else end}
    pages = int(step.new or 1)
    if following and pages < MAX_PAGES:
        more = _ask(source, msgspec.structs.replace(step, new=str(pages + 1)), **following)
        return answer.polled(makers, [more])
    gap = None
    # The search goes by the last change, so the newest are not read.
    if following:
        read = page.issues[-1].fields.updated
        gap = Gap("changes of issues", max(0, page.total - end), read, answer.received)
    # Only when all pages were good is the time of the round's begin the new one.
    return answer.polled(makers, (), gap, since=step.count)


def _steps(issue: Issue, since: int, place: Place) -> Iterable[Maker]:
    """Make the events of an issue's steps after `since`."""
    if issue.fields.created > since:
        yield partial(opened, issue, User(), place)
    changes = sorted(issue.changelog.histories, key=lambda change: change.created)
    of_status = [one for one in changes if any(item.field == "status" for item in one.items)]
    for change in changes:
        if change.created > since:
            # The issue's status is what its last change of status made.
            now = not of_status or change is of_status[-1]
            said = (issue, change, change.author, change.created, place)
            done = _is_done(issue, change, of_status)
            yield from secured(*said, done=done)
            yield from renumbered(*said, done=done)
            yield partial(changed, *said, now=now)


def _is_done(issue: Issue, change: Change, of_status: list[Change]) -> bool:
    """Tell whether an issue was closed after a change."""
    later = next((one for one in of_status if one.created > change.created), None)
    if later is None:
        return issue.fields.status.is_end
    return any(item.field == "status" and is_done(item.from_string) for item in later.items)


def _ask(source: SourceInfo, step: Step, **page: str | int) -> Request:
    path = "/rest/api/3/search/jql" if is_cloud(source.url) else "/rest/api/2/search"
    query: dict[str, object] = {"jql": step.of, "fields": _FIELDS, "expand": "changelog"}
    return ask(path, step, query=query | page, maxResults=PAGE)
