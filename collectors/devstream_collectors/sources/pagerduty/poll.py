"""PagerDuty's API, asked: open incidents, those that are open no more, and short ones.

Source: https://developer.pagerduty.com/api-reference/9d0b4b12e36f9-list-incidents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from urllib.parse import quote

import msgspec

from devstream_collectors.contract import Gap, Polled, Request, SourceInfo
from devstream_collectors.kit.decoding import Flag, Needed, iso
from devstream_collectors.kit.outcome import Maker
from devstream_collectors.kit.place import Place
from devstream_collectors.kit.polling import (
    MAX_PAGES,
    Answer,
    Older,
    Poller,
    Step,
    again,
    ask,
    check_page,
    following_step,
    older,
)
from devstream_collectors.sources.pagerduty.alert import Incident, incident_event

PAGE = 100
"""Incidents of an answer."""
LOOK_BACK = 15 * 60_000
"""Milliseconds before the last round: an ended incident may have begun in them."""


Query = list[tuple[str, str | int]]


class _Cursor(msgspec.Struct, frozen=True):
    asked: int = 0
    """The time of the last question, UTC milliseconds; 0: never."""
    newest: int = 0
    """The beginning of the newest incident."""
    open: tuple[str, ...] = ()
    page: tuple[str, ...] = ()
    """Of a list of open incidents half read."""
    crowded: bool = False
    """More are open than are read, which has been told."""


class _Incidents(msgspec.Struct, frozen=True):
    incidents: Needed[list[Incident]] = []
    more: Flag = False


class _One(msgspec.Struct, frozen=True):
    incident: Incident | None = None


poller = Poller(_Cursor)
requests, parse = poller.requests, poller.parse


@poller.begin
def _begin(known: _Cursor, source: SourceInfo, now: int) -> Iterable[Request]:
    open_: Query = [
        ("statuses[]", "triggered"),
        ("statuses[]", "acknowledged"),
        ("date_range", "all"),
    ]
    yield _list(source, "open", open_)
    if known.asked:
        since, until = iso(known.asked - LOOK_BACK), iso(now)
        ended: Query = [("statuses[]", "resolved"), ("since", since), ("until", until)]
        yield _list(source, "ended", ended)


@poller.answer("open")
def _open(answer: Answer[_Cursor]) -> Polled:
    # An open incident that is missing here would be reopened when it is listed next time.
    check_page(answer)
    known, place, step = answer.known, answer.place(), answer.step
    said = answer.decode(_Incidents)
    incidents = sorted(said.incidents, key=lambda one: one.began)
    # What was known before the first page.
    newest = int(step.old or known.newest)
    makers: list[Maker] = []
    for incident in incidents:
        if incident.id not in known.open:
            # One that began before the newest that we know, and was not open, is open again.
            reopened = bool(known.asked) and incident.began < newest - LOOK_BACK
            makers.append(_step(incident, "reopened" if reopened else "triggered", place))
    listed = (*(known.page if step.count else ()), *(one.id for one in incidents))
    latest = max([known.newest, *(one.began for one in incidents)])
    # What is open is listed whole, also at first contact, or its rest would be news later.
    if said.more and step.count < MAX_PAGES:
        following = msgspec.structs.replace(following_step(answer, step.count + 1), old=str(newest))
        more = [again(answer, following, offset=following.count * PAGE)]
        return answer.polled(makers, more, page=listed, newest=latest)
    follow = [_one(identity) for identity in known.open if identity not in listed]
    now, crowded = answer.received, said.more and known.asked > 0
    gap = Gap("open incidents") if crowded and not known.crowded else None
    return answer.polled(
        makers,
        follow,
        gap,
        asked=now,
        newest=latest,
        open=listed,
        page=(),
        crowded=crowded,
    )


@poller.answer("ended")
def _ended(answer: Answer[_Cursor]) -> Polled:
    said = answer.decode(_Incidents)
    # One that began and ended between two rounds has both steps; keys absorb what was told.
    makers = [
        _step(incident, action, answer.place())
        for incident in said.incidents
        if incident.status == "resolved"
        for action in ("triggered", "resolved")
    ]
    more, gap = _older(answer, said)
    # The list of what is open may stay as it is for weeks, and then nobody reads it.
    return answer.polled(makers, more, gap, asked=answer.received)


def _older(answer: Answer[_Cursor], said: _Incidents) -> Older:
    """Ask for the page before one of ended incidents."""
    return older(
        answer,
        what="ended incidents",
        full=said.more,
        all_new=True,
        page=lambda step: again(answer, step, offset=(step.count - 1) * PAGE),
        until=said.incidents[-1].began if said.incidents else 0,
    )


@poller.answer("one")
def _followed(answer: Answer[_Cursor]) -> Polled:
    one = answer.decode_or(_One()).incident
    if one is None or one.status != "resolved":
        return answer.polled()
    return answer.polled([_step(one, "resolved", answer.place())])


def _step(incident: Incident, action: str, place: Place) -> Maker:
    at = incident.began if action == "triggered" else 0
    return partial(incident_event, incident, action, place, at=at)


def _list(source: SourceInfo, name: str, query: Query) -> Request:
    services = [("service_ids[]", identity) for identity in source.many("service_id")]
    query = [*query, *services, ("sort_by", "created_at:desc"), ("limit", PAGE)]
    return _accepting(ask("/incidents", Step(name), query=query))


def _one(identity: str) -> Request:
    path = f"/incidents/{quote(identity, safe='')}"
    return _accepting(ask(path, Step("one", identity), missing_ok=True))


def _accepting(request: Request) -> Request:
    return replace(request, accept="application/vnd.pagerduty+json;version=2")
