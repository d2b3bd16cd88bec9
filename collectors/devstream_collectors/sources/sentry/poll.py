"""Sentry's API, asked: the newest unresolved issues of a project, and of those that were told, which are resolved since.

Source: https://docs.sentry.io/api/events/list-a-projects-issues/.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import quote, urlencode

import msgspec

from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.kit.alert import Alert, alerts
from devstream_collectors.kit.decoding import when, word
from devstream_collectors.sources.sentry.events import issue_step
from devstream_collectors.sources.sentry.payloads import Issue

MAX_FOLLOWED = 600
"""Issues whose state is remembered, the last seen; a cursor has to stay small."""
OVERLAP = 10 * 60_000
"""Milliseconds: an error may be taken in later than one that happened after it."""
_OPEN, _RESOLVED = "open", "resolved"
_LISTS = {
    # By when they were first seen, so that old issues that are seen again and again do not hide a new one.
    "new": ("is:unresolved", "new"),
    "seen": ("is:unresolved", "date"),
    _RESOLVED: ("is:resolved", "date"),
}


class _Cursor(msgspec.Struct, frozen=True):
    newest: int = -1
    """When the newest issue was first seen, UTC milliseconds; -1: never asked."""
    states: dict[str, str] = {}
    """Of the issues last seen: id, and whether it is open or resolved."""


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with: one page of each list."""
    del cursor, now
    organisation, _, project = source.text("project").partition("/")
    asked = []
    for name, (query, sort) in _LISTS.items():
        text = urlencode({"query": f"project:{project} {query}", "sort": sort, "limit": 100, "statsPeriod": "14d"})
        asked.append(Request(f"/api/0/organizations/{quote(organisation)}/issues/?{text}", tag=name))
    return tuple(asked)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known, listed = _cursor.decode(cursor) if cursor else _Cursor(), response.request.tag
    issues = sorted(msgspec.json.decode(response.body, type=list[Issue]), key=lambda issue: when(issue.first_seen))
    states, told = dict(known.states), list[Callable[[], Alert]]()
    for issue in issues:
        identity = word(issue.id)
        action = _action(issue, states.get(identity, ""), listed, known.newest)
        if action:
            told.append(partial(issue_step, issue, action, url=source.url))
        states.pop(identity, None)
        states[identity] = _RESOLVED if listed == _RESOLVED else _OPEN
    newest = max([known.newest, 0, *(when(issue.first_seen) for issue in issues if listed == "new")])
    kept = dict(list(states.items())[-MAX_FOLLOWED:])
    events, dropped = alerts(told, source, response.received)
    return Polled(events, msgspec.json.encode(_Cursor(newest, kept)), dropped=dropped)


def _action(issue: Issue, before: str, listed: str, newest: int) -> str:
    """What of an issue is news, after what was known of it."""
    if listed == _RESOLVED:
        # One that was never seen open is history.
        return "resolved" if before == _OPEN else ""
    if before:
        return "unresolved" if before == _RESOLVED else ""
    if when(issue.first_seen) > newest - OVERLAP:
        return "created"
    return "unresolved" if word(issue.substatus) == "regressed" else ""
