"""Jira's API, asked: the issues that were changed since the last round, with their histories.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/ and, for Data Center,
https://docs.atlassian.com/software/jira/docs/api/REST/latest/#api/2/search.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode, urlsplit

import msgspec

from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.kit.decoding import Loose, when, whole, word
from devstream_collectors.kit.ticket import Ticket, tickets
from devstream_collectors.sources.jira.events import changed, opened
from devstream_collectors.sources.jira.payloads import Issue

PAGE = 50
FIRST = 24 * 60
"""Minutes that are looked back at first contact."""
_MINUTE = 60_000
_OVERLAP = 3
"""Minutes that are asked for twice: Jira's search is told of changes a little late."""
_SKEW = 60 * _MINUTE
"""How far Jira's clock may be from ours; what is told twice for it is absorbed by its key."""
_FIELDS = "summary,issuetype,priority,project,status,resolution,creator,reporter,created,updated"
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)


class _Cursor(msgspec.Struct, frozen=True):
    since: int = 0
    """Up to when, UTC milliseconds, all was told; 0: never asked."""


class _Page(msgspec.Struct, frozen=True, rename="camel"):
    issues: list[Issue | None] = []
    total: Loose = 0
    start_at: Loose = 0
    next_page_token: Loose = ""
    """Cloud's; Data Center counts."""


_cursor = msgspec.json.Decoder(_Cursor)


def check(source: SourceInfo) -> None:
    """What the option `jql` holds.

    Raises:
        ValueError: it has an order of its own.

    """
    if _ORDER.search(source.text("jql")):
        raise ValueError("jql must have no ORDER BY: it is put behind it")


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with."""
    known = _read(cursor)
    back = FIRST if not known.since else max(0, now - known.since) // _MINUTE + 1 + _OVERLAP
    # Of minutes, because a time of the clock would be in the time zone of the token's owner.
    wanted = source.text("jql").strip()
    jql = f"{f'({wanted}) AND ' if wanted else ''}updated >= -{back}m ORDER BY updated ASC"
    return (_ask(source, jql, now, {}),)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known, page = _read(cursor), msgspec.json.decode(response.body, type=_Page)
    jql, _, begun = response.request.tag.rpartition("\n")
    since = (known.since - _SKEW) if known.since else response.received - FIRST * _MINUTE
    makers = [maker for issue in page.issues if issue is not None for maker in _steps(issue, since)]
    events, dropped = tickets(makers, source, response.received)
    token, end = word(page.next_page_token), whole(page.start_at) + len(page.issues)
    if page.issues and token:
        return Polled(events, _write(known), (_ask(source, jql, int(begun), {"nextPageToken": token}),), dropped)
    if page.issues and end < whole(page.total):
        return Polled(events, _write(known), (_ask(source, jql, int(begun), {"startAt": str(end)}),), dropped)
    # Only when all pages were good is the time of the round's begin the new one.
    return Polled(events, _write(_Cursor(int(begun))), dropped=dropped)


def _steps(issue: Issue, since: int) -> list[Callable[[], Ticket]]:
    """What happened to an issue after `since`."""
    makers: list[Callable[[], Ticket]] = []
    if issue.fields is not None and when(issue.fields.created) > since:
        makers.append(partial(opened, issue, None))
    histories = issue.changelog.histories if issue.changelog else None
    changes = sorted((change for change in histories or () if change is not None), key=lambda change: when(change.created))
    of_status = [change for change in changes if any(item and word(item.field) == "status" for item in change.items or ())]
    for change in changes:
        at = when(change.created)
        if at > since:
            makers.append(partial(changed, issue, change, change.author, at, now=not of_status or change is of_status[-1]))
    return makers


def _ask(source: SourceInfo, jql: str, begun: int, page: dict[str, str]) -> Request:
    cloud = (urlsplit(source.url).hostname or "").endswith(".atlassian.net")
    path = "/rest/api/3/search/jql" if cloud else "/rest/api/2/search"
    query = {"jql": jql, "maxResults": str(PAGE), "fields": _FIELDS, "expand": "changelog"}
    return Request(f"{path}?{urlencode(query | page)}", tag=f"{jql}\n{begun}")


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()


def _write(cursor: _Cursor) -> bytes:
    return msgspec.json.encode(cursor)
