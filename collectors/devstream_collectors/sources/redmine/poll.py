"""Redmine's API, asked: the issues that were changed since the last round, and the journals of those that are not new.

Source: https://www.redmine.org/projects/redmine/wiki/Rest_Issues.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import quote, urlencode

import msgspec

from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.kit.decoding import Loose, iso, when, whole, word
from devstream_collectors.kit.ticket import Ticket, tickets
from devstream_collectors.sources.redmine.events import Issue, Journal, Status, is_end, status_change, step

FIRST = 24 * 3_600_000
"""Milliseconds that are looked back at first contact."""
OVERLAP = 2 * 60_000
SKEW = 3_600_000
"""How far Redmine's clock may be from ours; what is told twice for it is absorbed by its key."""
PAGE = 40
"""One small request more for each of them, all in one chain."""
_AGAIN = 5
"""Issues that are asked for twice when there are more than a page: one that is changed meanwhile moves to the end."""


class _Cursor(msgspec.Struct, frozen=True):
    since: int = 0
    """The newest change that was seen, UTC milliseconds by Redmine's clock; 0: never asked."""
    base: int = 0
    offset: int = 0
    """Where the next page begins of what was changed since `base`; 0: all was seen."""
    seen: dict[str, int] = {}
    """Of the issues that were asked for last: when each was changed, so that the overlap asks for none again."""
    ends: tuple[str, ...] | None = None
    """The ids of the statuses that close an issue."""


class _Page(msgspec.Struct, frozen=True):
    issues: list[Issue | None] = []
    offset: Loose = 0
    total_count: Loose = 0


class _One(msgspec.Struct, frozen=True):
    issue: Issue | None = None


class _Statuses(msgspec.Struct, frozen=True):
    issue_statuses: list[Status] = []


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with: at first contact which statuses are an end, then what was changed."""
    known = _read(cursor)
    since = known.base if known.offset else known.since - OVERLAP if known.since else now - FIRST
    if known.ends is None:
        return (Request("/issue_statuses.json", tag=f"statuses {since}"),)
    return (_list(source, since, known.offset),)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known = _read(cursor)
    name, _, tail = response.request.tag.partition(" ")
    since = int(tail)
    if name == "statuses":
        statuses = msgspec.json.decode(response.body, type=_Statuses).issue_statuses
        ends = tuple(word(status.id) for status in statuses if is_end(status))
        return Polled(cursor=_write(msgspec.structs.replace(known, ends=ends)), requests=(_list(source, since, 0),))
    if name == "one":
        one = msgspec.json.decode(response.body, type=_One).issue if response.status == 200 else None
        events, dropped = tickets(_changes(one, since - SKEW, known, source) if one else [], source, response.received)
        return Polled(events, _write(known), dropped=dropped)
    return _listed(response, since, known, source)


def _listed(response: Response, since: int, known: _Cursor, source: SourceInfo) -> Polled:
    page = msgspec.json.decode(response.body, type=_Page)
    issues = [issue for issue in page.issues if issue is not None]
    makers: list[Callable[[], Ticket]] = []
    follow: list[Request] = []
    for issue in issues:
        created, updated, number = when(issue.created_on), when(issue.updated_on), word(issue.id)
        if created >= since - SKEW:
            makers.append(partial(step, issue, "opened", "", issue.author, created, source))
        if updated > created and known.seen.get(number) != updated:
            path = f"/issues/{quote(number, safe='')}.json?include=journals"
            follow.append(Request(path, tag=f"one {since}", missing_ok=True))
    events, dropped = tickets(makers, source, response.received)
    newest = max([known.since, since, *(when(issue.updated_on) for issue in issues)])
    seen = {**known.seen, **{word(issue.id): when(issue.updated_on) for issue in issues}}
    recent = {number: at for number, at in seen.items() if at >= newest - OVERLAP}
    kept = dict(list(recent.items())[-10 * PAGE :])
    end = whole(page.offset) + len(issues)
    offset = max(end - _AGAIN, 1) if len(issues) > _AGAIN and end < whole(page.total_count) else 0
    walked = msgspec.structs.replace(known, since=newest, seen=kept, base=since, offset=offset)
    return Polled(events, _write(walked), tuple(follow), dropped)


def _changes(issue: Issue, since: int, known: _Cursor, source: SourceInfo) -> list[Callable[[], Ticket]]:
    """The journals of an issue that closed or reopened it after `since`."""
    makers: list[Callable[[], Ticket]] = []
    for journal in issue.journals or ():
        change = status_change(journal)
        if journal is None or change is None or when(journal.created_on) < since:
            continue
        was_end, end = (word(status) in (known.ends or ()) for status in (change.old_value, change.new_value))
        if was_end != end:
            makers.append(partial(_told, issue, journal, "closed" if end else "reopened", source))
    return makers


def _told(issue: Issue, journal: Journal, state: str, source: SourceInfo) -> Ticket:
    name = word(issue.status.name) if issue.status and state == "closed" and is_end(issue.status) else ""
    return step(issue, state, word(journal.id), journal.user, when(journal.created_on), source, sort=name)


def _list(source: SourceInfo, since: int, offset: int) -> Request:
    query = {"status_id": "*", "sort": "updated_on", "updated_on": f">={iso(since)[:19]}Z", "limit": str(PAGE), "offset": str(offset)}
    if source.text("project"):
        query["project_id"] = source.text("project")
    return Request(f"/issues.json?{urlencode(query)}", tag=f"list {since}")


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()


def _write(cursor: _Cursor) -> bytes:
    return msgspec.json.encode(cursor)
