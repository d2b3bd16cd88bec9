"""Sentry's API, asked: the newest unresolved issues of a project, and those resolved since.

Source: https://docs.sentry.io/api/events/list-a-projects-issues/.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Polled, Request, SourceInfo
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.polling import (
    Answer,
    Poller,
    Step,
    again,
    ask,
    cursor_after,
    older,
)
from devstream_collectors.sources.sentry.alert import (
    SCOPE,
    Actor,
    Issue,
    Project,
    issue_event,
)

MAX_FOLLOWED = 600
"""Issues whose state is remembered, the last seen; a cursor has to stay small."""
OVERLAP = 10 * 60_000
"""Milliseconds: an error may be taken in later than one that happened after it."""
MAX_ABSENT = 10
"""Issues of a round that are asked for by themselves."""
_OPEN, _RESOLVED = "open", "resolved"
_ENDS = {_RESOLVED: "resolved", "ignored": "archived", "archived": "archived"}
"""Actions by the status that they lead to."""
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
    seen: int = 0
    """The last sight of any open issue."""
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
    # What was known before the first page.
    newest = int(answer.step.old or known.newest)
    seen = int(answer.step.new or known.seen)
    issues = sorted(answer.decode(list[Issue]), key=lambda issue: issue.first_seen)
    states, makers = dict(known.states), list[Maker]()
    for issue in issues:
        for action in _actions(issue, states.get(issue.id, ""), listed, newest):
            url = answer.source.url
            makers.append(partial(issue_event, issue, action, Actor(), place, url))
        states.pop(issue.id, None)
        states[issue.id] = _RESOLVED if listed == _RESOLVED else _OPEN
    first = [issue.first_seen for issue in issues] if listed == "new" else []
    last = [issue.last_seen for issue in issues] if listed != _RESOLVED else []
    cursor = cursor_after(answer.response.headers.get("link", ""))
    marked = msgspec.structs.replace(answer.step, old=str(newest), new=str(seen))
    more, gap = older(
        replace(answer, step=marked),
        what={"new": "new issues", "seen": "issues seen again"}.get(listed, "resolved issues"),
        full=bool(cursor),
        all_new=_is_new(issues, makers, listed, newest, seen),
        page=lambda step: again(answer, step, cursor=cursor),
        since=max(newest, 0),
        until=min(first or last, default=0),
    )
    asked = _absent(answer, issues) if listed == "seen" and not cursor else []
    return answer.polled(
        makers,
        (*more, *asked),
        gap,
        newest=max([known.newest, 0, *first]),
        seen=max([known.seen, *last]),
        states=dict(list(states.items())[-MAX_FOLLOWED:]),
    )


def _absent(answer: Answer[_Cursor], issues: list[Issue]) -> list[Request]:
    """Ask for open issues that the whole list of open ones lacks.

    One that was resolved stands where it was seen last, which may be far down in its list.
    """
    listed = {issue.id for issue in issues}
    known = answer.known.states.items()
    gone = [key for key, state in known if state == _OPEN and key not in listed]
    organisation = quote(answer.source.text("project").partition("/")[0])
    path = f"/api/0/organizations/{organisation}/issues"
    return [
        ask(f"{path}/{quote(key, safe='')}/", Step("issue", key), missing_ok=True)
        for key in gone[-MAX_ABSENT:]
    ]


@poller.answer("issue")
def _issue(answer: Answer[_Cursor]) -> Polled:
    issue, key = answer.decode_or(Issue()), answer.step.of
    states = {name: state for name, state in answer.known.states.items() if name != key}
    action = _ENDS.get(issue.status, "") if answer.ok else "deleted"
    # It is open, but was not seen for long.
    if not action:
        return answer.polled(states=states)
    if action == "deleted":
        project = answer.source.text("project").rpartition("/")[2]
        issue = Issue(id=key, title=f"issue {key}", project=Project(slug=project))
    else:
        # It may be open again one day.
        states[key] = _RESOLVED
    place, url = answer.place(SCOPE), answer.source.url
    return answer.polled([partial(issue_event, issue, action, Actor(), place, url)], states=states)


def _is_new(issues: list[Issue], makers: list[Maker], listed: str, newest: int, seen: int) -> bool:
    """Tell whether the page before may have news."""
    if listed == "new":
        return newest >= 0 and all(issue.first_seen > newest - OVERLAP for issue in issues)
    if listed == "seen":
        return seen > 0 and all(issue.last_seen > seen - OVERLAP for issue in issues)
    # Nothing says when one was resolved: there may be more where there was one.
    return bool(makers)


def _actions(issue: Issue, before: str, listed: str, newest: int) -> Iterable[str]:
    """Tell the news of an issue, after what was known of it."""
    new = issue.first_seen > newest - OVERLAP
    if listed == _RESOLVED:
        if before == _OPEN:
            return ("resolved",)
        # It came and went between two rounds. Any other that was never open is history.
        return ("created", "resolved") if not before and newest >= 0 and new else ()
    if before:
        return ("unresolved",) if before == _RESOLVED else ()
    if new:
        return ("created",)
    return ("unresolved",) if issue.substatus == "regressed" else ()
