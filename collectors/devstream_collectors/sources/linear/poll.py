"""Linear's GraphQL API, asked: the issues that were changed since the last round, with their newest changes of state.

Source: https://linear.app/developers/graphql; what is asked for is in the schema of https://github.com/linear/linear.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import msgspec

from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.kit.decoding import Loose, first, iso, when, word
from devstream_collectors.kit.ticket import Ticket, tickets
from devstream_collectors.sources.linear.events import Issue, Person, State, closed, is_end, opened, reopened

FIRST = 24 * 3_600_000
"""Milliseconds that are looked back at first contact."""
OVERLAP = 5 * 60_000
_QUERY = """\
query($filter: IssueFilter, $after: String) {
  issues(filter: $filter, after: $after, first: 40, orderBy: updatedAt) {
    nodes {
      id identifier number title url priorityLabel createdAt updatedAt completedAt canceledAt
      state { name type } team { key name } creator { name displayName }
      history(last: 10) { nodes { createdAt actor { name displayName } fromState { name type } toState { name type } } }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""
_KEY = re.compile(r"[A-Za-z0-9_-]{1,16}")


class _Step(msgspec.Struct, frozen=True, rename="camel"):
    created_at: Loose = ""
    actor: Person | None = None
    from_state: State | None = None
    to_state: State | None = None


class _History(msgspec.Struct, frozen=True):
    nodes: list[_Step | None] = []


class _Issue(Issue, frozen=True, rename="camel"):
    history: _History | None = None


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool = False
    end_cursor: Loose = ""


class _Issues(msgspec.Struct, frozen=True, rename="camel"):
    nodes: list[_Issue | None] = []
    page_info: _PageInfo = _PageInfo()


class _Data(msgspec.Struct, frozen=True):
    issues: _Issues | None = None


class _Error(msgspec.Struct, frozen=True):
    message: Loose = ""


class _Answer(msgspec.Struct, frozen=True):
    data: _Data | None = None
    errors: list[_Error] | None = None


class _Cursor(msgspec.Struct, frozen=True):
    since: int = 0
    """Up to when, UTC milliseconds, all was told; 0: never asked."""


_cursor = msgspec.json.Decoder(_Cursor)


def check(source: SourceInfo) -> None:
    """What the option `team` holds.

    Raises:
        ValueError: it is not a team's key.

    """
    if any(not _KEY.fullmatch(key) for key in source.many("team")):
        raise ValueError("team must be the key in front of its issues' numbers, such as SHOP")


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with."""
    known = _read(cursor)
    return (_ask(source, known.since - OVERLAP if known.since else now - FIRST, now, ""),)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers, or says an error.

    """
    known, answer = _read(cursor), msgspec.json.decode(response.body, type=_Answer)
    page = answer.data.issues if answer.data else None
    if answer.errors or page is None:
        raise ValueError(first(*(error.message for error in answer.errors or ())) or "the answer has no issues")
    since, begun = (int(text) for text in response.request.tag.split())
    makers = [maker for issue in page.nodes if issue is not None for maker in _steps(issue, since)]
    events, dropped = tickets(makers, source, response.received)
    if page.page_info.has_next_page and word(page.page_info.end_cursor):
        follow = _ask(source, since, begun, word(page.page_info.end_cursor))
        return Polled(events, msgspec.json.encode(known), (follow,), dropped)
    return Polled(events, msgspec.json.encode(_Cursor(begun)), dropped=dropped)


def _steps(issue: _Issue, since: int) -> list[Callable[[], Ticket]]:
    """What happened to an issue after `since`."""
    makers: list[Callable[[], Ticket]] = []
    if when(issue.created_at) > since:
        makers.append(partial(opened, issue, None))
    steps = [step for step in (issue.history.nodes if issue.history else []) if step is not None and step.to_state is not None]
    for step in sorted(steps, key=lambda step: when(step.created_at)):
        at, was_end = when(step.created_at), is_end(step.from_state)
        if at <= since or was_end == is_end(step.to_state):
            continue
        if was_end:
            makers.append(partial(reopened, issue, step.actor, at))
        else:
            # The issue's own time of its end is that of the last one.
            ended = max(when(issue.completed_at), when(issue.canceled_at))
            told = issue if abs(ended - at) < OVERLAP else msgspec.structs.replace(issue, completed_at="", canceled_at="")
            makers.append(partial(closed, msgspec.structs.replace(told, state=step.to_state), step.actor, at))
    return makers


def _ask(source: SourceInfo, since: int, begun: int, after: str) -> Request:
    wanted: dict[str, object] = {"updatedAt": {"gt": iso(since)}}
    if source.many("team"):
        wanted["team"] = {"key": {"in": list(source.many("team"))}}
    body = {"query": _QUERY, "variables": {"filter": wanted, "after": after or None}}
    return Request("/graphql", tag=f"{since} {begun}", method="POST", body=msgspec.json.encode(body))


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()
