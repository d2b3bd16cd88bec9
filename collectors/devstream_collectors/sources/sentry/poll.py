"""Sentry's API, asked: the newest unresolved issues of a project, and those resolved since.

Source: https://docs.sentry.io/api/events/list-a-projects-issues/.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_collectors.sources.sentry.alert import SCOPE, Actor, Issue, issue_event

MAX_FOLLOWED = 600
"""Issues whose state is remembered, the last seen; a cursor has to stay small."""
OVERLAP = 10 * 60_000
"""Milliseconds: an error may be taken in later than one that happened after it."""
_OPEN, _RESOLVED = "open", "resolved"
_LISTS = {
    # By when they were first seen, so that old issues that are seen again and again do not hide a
    # new one.
    "new": ("is:unresolved", "new"),
    "seen": ("is:unresolved", "date"),
    _RESOLVED: ("is:resolved", "date"),
}


class _Cursor(msgspec.Struct, frozen=True):
    newest: int = -1
    """The first sight of the newest issue, UTC milliseconds; -1: never asked."""
    states: dict[str, str] = {}
    """Of the issues last seen: id, and whether it is open or resolved."""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    organisation, _, project = source.text("project").partition("/")
    path = f"/api/0/organizations/{quote(organisation)}/issues/"
    for name, (query, sort) in _LISTS.items():
        wanted = {"query": f"project:{project} {query}", "sort": sort}
        yield ask(path, Step(name), query=wanted, limit=100, statsPeriod="14d")


@poller.answer(*_LISTS)
def _listed(answer: Answer[_Cursor]) -> Polled:
    known, listed, place = answer.known, answer.step.name, answer.place(SCOPE)
    issues = sorted(answer.decode(list[Issue]), key=lambda issue: issue.first_seen)
    states, makers = dict(known.states), list[Maker]()
    for issue in issues:
        action = _action(issue, states.get(issue.id, ""), listed, known.newest)
        if action:
            url = answer.source.url
            makers.append(partial(issue_event, issue, action, Actor(), place, url))
        states.pop(issue.id, None)
        states[issue.id] = _RESOLVED if listed == _RESOLVED else _OPEN
    seen = [issue.first_seen for issue in issues] if listed == "new" else []
    kept = dict(list(states.items())[-MAX_FOLLOWED:])
    return answer.polled(makers, newest=max([known.newest, 0, *seen]), states=kept)


def _action(issue: Issue, before: str, listed: str, newest: int) -> str:
    """Tell the news of an issue, after what was known of it."""
    if listed == _RESOLVED:
        # One that was never seen open is history.
        return "resolved" if before == _OPEN else ""
    if before:
        return "unresolved" if before == _RESOLVED else ""
    if issue.first_seen > newest - OVERLAP:
        return "created"
    return "unresolved" if issue.substatus == "regressed" else ""
