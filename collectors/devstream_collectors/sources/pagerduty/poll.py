"""PagerDuty's API, asked: what is open, what was open and is not any more, and what began and ended between two rounds.

Source: https://developer.pagerduty.com/api-reference/9d0b4b12e36f9-list-incidents.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import quote, urlencode

import msgspec

from devstream_collectors.contract import Polled, Request, Response, SourceInfo
from devstream_collectors.kit.alert import Alert, alerts
from devstream_collectors.kit.decoding import first, iso, when, word
from devstream_collectors.sources.pagerduty.events import step
from devstream_collectors.sources.pagerduty.payloads import Incident

MAX_OPEN = 100
"""Open incidents that are followed, a page of them."""
LOOK_BACK = 15 * 60_000
"""Milliseconds before the last round in which an incident that has ended already may have begun."""
_ACCEPT = "application/vnd.pagerduty+json;version=2"


class _Cursor(msgspec.Struct, frozen=True):
    asked: int = 0
    """When, UTC milliseconds; 0: never."""
    newest: int = 0
    """When the newest incident began."""
    open: tuple[str, ...] = ()


class _Incidents(msgspec.Struct, frozen=True):
    incidents: list[Incident] = []


class _One(msgspec.Struct, frozen=True):
    incident: Incident | None = None


_cursor = msgspec.json.Decoder(_Cursor)


def requests(cursor: bytes, source: SourceInfo, now: int) -> tuple[Request, ...]:
    """What a round begins with."""
    known = _read(cursor)
    asked = [_list(source, "open", statuses=("triggered", "acknowledged"), date_range="all")]
    if known.asked:
        since, until = iso(known.asked - LOOK_BACK), iso(now)
        asked.append(_list(source, "ended", statuses=("resolved",), since=since, until=until))
    return tuple(asked)


def parse(response: Response, cursor: bytes, source: SourceInfo) -> Polled:
    """What an answer comes to.

    Raises:
        ValueError: it is not what the API answers.

    """
    known, tag = _read(cursor), response.request.tag
    if tag == "open":
        return _opened(response, known, source)
    if tag == "ended":
        told = msgspec.json.decode(response.body, type=_Incidents).incidents
        # The list of what is open may stay as it is for weeks, and then nobody reads it.
        known = msgspec.structs.replace(known, asked=response.received)
        steps = [_step(incident, action) for incident in told if _resolved(incident) for action in ("triggered", "resolved")]
    else:
        one = msgspec.json.decode(response.body, type=_One).incident if response.status == 200 else None
        steps = [_step(one, "resolved")] if one is not None and _resolved(one) else []
    events, dropped = alerts(steps, source, response.received)
    return Polled(events, msgspec.json.encode(known), dropped=dropped)


def _opened(response: Response, known: _Cursor, source: SourceInfo) -> Polled:
    incidents = sorted(msgspec.json.decode(response.body, type=_Incidents).incidents, key=_began)
    steps = []
    for incident in incidents:
        if word(incident.id) not in known.open:
            # One that began before the newest that we know, and was not open, is open again.
            again = bool(known.asked) and _began(incident) < known.newest - LOOK_BACK
            steps.append(_step(incident, "reopened" if again else "triggered"))
    listed = tuple(word(incident.id) for incident in incidents)
    follow = [
        Request(f"/incidents/{quote(identity, safe='')}", tag="one", accept=_ACCEPT, missing_ok=True)
        for identity in known.open
        if identity not in listed
    ]
    newest = max([known.newest, *map(_began, incidents)])
    events, dropped = alerts(steps, source, response.received)
    now = _Cursor(response.received, newest, listed[-MAX_OPEN:])
    return Polled(events, msgspec.json.encode(now), tuple(follow), dropped)


def _step(incident: Incident, action: str) -> Callable[[], Alert]:
    return partial(step, incident, action, at=_began(incident) if action == "triggered" else 0)


def _list(source: SourceInfo, tag: str, *, statuses: tuple[str, ...], **query: str) -> Request:
    parts = [("statuses[]", status) for status in statuses] + [("service_ids[]", name) for name in source.many("service_id")]
    parts += [*query.items(), ("sort_by", "created_at:desc"), ("limit", str(MAX_OPEN))]
    return Request(f"/incidents?{urlencode(parts)}", tag=tag, accept=_ACCEPT)


def _resolved(incident: Incident) -> bool:
    return word(incident.status) == "resolved"


def _began(incident: Incident) -> int:
    return when(first(incident.created_at, incident.created_on))


def _read(cursor: bytes) -> _Cursor:
    return _cursor.decode(cursor) if cursor else _Cursor()
