"""Linear's GraphQL API, asked: the issues changed since the last round, with their history.

Source: https://linear.app/developers/graphql; the schema is in https://github.com/linear/linear.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Many, Part, Text, Time, first, iso
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import Answer, Poller, Step, ask
from devstream_collectors.sources.linear.ticket import (
    SCOPE,
    Issue,
    Person,
    State,
    Team,
    closed,
    opened,
    renumbered,
    reopened,
)

FIRST = 24 * 3_600_000
"""Milliseconds that are looked back at first contact."""
OVERLAP = 5 * 60_000
MAX_PAGES = 100
"""More pages between two rounds are an import, not news."""
_QUERY = """\
query($filter: IssueFilter, $after: String) {
  issues(filter: $filter, after: $after, first: 40, orderBy: updatedAt) {
    nodes {
      id identifier number title url priorityLabel createdAt updatedAt completedAt canceledAt
      previousIdentifiers
      state { name type } team { key name } creator { name displayName }
      history(first: 10) {
        nodes {
          createdAt actor { name displayName } fromState { name type } toState { name type }
          fromTeam { key } toTeam { key }
        }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""


class _Step(msgspec.Struct, frozen=True, rename="camel"):
    created_at: Time = 0
    actor: Part[Person] = Person()
    from_state: Part[State] = State()
    to_state: State | None = None
    from_team: Part[Team] = Team()
    to_team: Part[Team] = Team()


class _History(msgspec.Struct, frozen=True):
    nodes: Many[_Step] = []


class _Issue(Issue, frozen=True, rename="camel"):
    history: Part[_History] = _History()
    updated_at: Time = 0


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool = False
    end_cursor: Text = ""


class _Issues(msgspec.Struct, frozen=True, rename="camel"):
    nodes: Many[_Issue] = []
    page_info: _PageInfo = _PageInfo()


class _Data(msgspec.Struct, frozen=True):
    issues: _Issues | None = None


class _Error(msgspec.Struct, frozen=True):
    message: Text = ""


class _Answer(msgspec.Struct, frozen=True):
    data: _Data | None = None
    errors: Many[_Error] = []


class _Cursor(msgspec.Struct, frozen=True):
    since: int = 0
    """Up to when, UTC milliseconds, all was told; 0: never asked."""


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    since = known.since - OVERLAP if known.since else now - FIRST
    yield _ask(source, Step("page", str(since), count=now), "")


@poller.answer("page")
def _page(answer: Answer[_Cursor]) -> Polled:
    said, step = answer.decode(_Answer), answer.step
    page = said.data.issues if said.data else None
    # GraphQL says its errors under status 200.
    if said.errors or page is None:
        why = first(*(error.message for error in said.errors))
        raise ValueError(why or "the answer has no issues")
    place = answer.place(SCOPE)
    makers = [maker for issue in page.nodes for maker in _steps(issue, int(step.of), place)]
    pages, more = int(step.new or 1), page.page_info.has_next_page and page.page_info.end_cursor
    if more and pages < MAX_PAGES:
        following = msgspec.structs.replace(step, new=str(pages + 1))
        return answer.polled(makers, [_ask(answer.source, following, more)])
    # Linear lists the last changed first, so the oldest changes are not read.
    until = page.nodes[-1].updated_at if page.nodes else 0
    gap = Gap("changes of issues", since=int(step.of), until=until) if more else None
    return answer.polled(makers, (), gap, since=step.count)


def _steps(issue: _Issue, since: int, place: Place) -> Iterable[Maker]:
    """Make the events of an issue's steps after `since`."""
    if issue.created_at > since:
        yield partial(opened, issue, Person(), place)
    steps = sorted(issue.history.nodes, key=lambda step: step.created_at)
    for index, step in enumerate(steps):
        if step.created_at > since:
            yield from _moved(issue, step, steps[index:], place)
        at, was_end = step.created_at, step.from_state.is_end
        if step.to_state is None or at <= since or was_end == step.to_state.is_end:
            continue
        # Back to work; how it was closed does not matter any more.
        if was_end:
            yield partial(reopened, issue, step.actor, at, place)
            continue
        told: Issue = msgspec.structs.replace(issue, state=step.to_state)
        # The issue's own time of its end is that of the last one.
        if abs(max(issue.completed_at, issue.canceled_at) - at) >= OVERLAP:
            told = msgspec.structs.replace(told, completed_at=0, canceled_at=0)
        yield partial(closed, told, step.actor, at, place)
    # The steps are no more than the newest ten, and the issue says its end itself.
    ended = max(issue.completed_at, issue.canceled_at)
    if issue.state.is_end and ended > since and not any(_ends(step, ended) for step in steps):
        yield partial(closed, issue, Person(), ended, place)


def _ends(step: _Step, ended: int) -> bool:
    """Tell whether a step is the one in which an issue ended."""
    to_end = step.to_state is not None and step.to_state.is_end
    return to_end and abs(step.created_at - ended) < OVERLAP


def _moved(issue: _Issue, step: _Step, later: list[_Step], place: Place) -> tuple[Maker, ...]:
    """Make the steps of an issue that was moved to another team; `later` begins with `step`."""
    old, new = (_numbered(issue, team.key) for team in (step.from_team, step.to_team))
    state = next((one.from_state for one in later if one.to_state is not None), issue.state)
    if not old or not new or old == new or state.is_end:
        return ()
    told = msgspec.structs.replace(issue, identifier=new)
    return renumbered(told, old, step.actor, step.created_at, place)


def _numbered(issue: _Issue, team: str) -> str:
    """Return the number of an issue in a team; empty where it had none there."""
    known = (issue.identifier, *issue.previous_identifiers)
    return next((one for one in known if team and one.startswith(f"{team}-")), "")


def _ask(source: SourceInfo, step: Step, after: str) -> Request:
    wanted: dict[str, object] = {"updatedAt": {"gt": iso(int(step.of))}}
    if teams := source.many("team"):
        wanted["team"] = {"key": {"in": list(teams)}}
    body = {"query": _QUERY, "variables": {"filter": wanted, "after": after or None}}
    return replace(ask("/graphql", step), method="POST", body=msgspec.json.encode(body))
