"""Linear's webhooks."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Part, Text, Time, decode, iso
from devstream_collectors.kit.outcome import Dropped, together, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.linear.ticket import (
    SCOPE,
    Issue,
    Person,
    closed,
    deleted,
    opened,
    renumbered,
    reopened,
)
from devstream_desktop.stream.event import Event


class _Before(msgspec.Struct, frozen=True, rename="camel"):
    """The values before an update; only what it changed is there."""

    state_id: Text = ""
    team_id: Text = ""
    number: Text = ""
    completed_at: Text = ""
    canceled_at: Text = ""


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    action: Text = ""
    type: Text = ""
    created_at: Time = 0
    url: Text = ""
    actor: Part[Person] = Person()
    data: msgspec.Raw = msgspec.Raw()
    """An issue when `type` says so."""
    updated_from: Part[_Before] = _Before()


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event | tuple[Event, ...]:
    """Make the events of one delivery."""
    payload = decode(delivery.body, _Payload)
    if payload.type != "Issue" or not bytes(payload.data).startswith(b"{"):
        raise Dropped("event-not-mapped", payload.type)
    issue, actor, before = decode(payload.data, Issue), payload.actor, payload.updated_from
    place = Place(source, delivery.received, SCOPE)
    action, at, url = payload.action, payload.created_at or delivery.received, payload.url
    if action == "create":
        return opened(issue, actor, place, url)
    if action == "remove":
        return deleted(issue, actor, at, place, url)
    if action == "update" and (old := _old_number(issue, before)) and not issue.state.is_end:
        return together(renumbered(issue, old, actor, at, place, url), nothing="ticket-not-news")
    # An update names what it replaced: without a state it changed something else.
    if action != "update" or not before.state_id:
        raise Dropped("ticket-not-news", action)
    was_end = bool(before.completed_at or before.canceled_at)
    if issue.state.is_end and not was_end:
        return closed(issue, actor, at, place, url)
    if was_end and not issue.state.is_end:
        return reopened(issue, actor, at, place, url)
    raise Dropped("status-not-news", issue.state.name)


def _old_number(issue: Issue, before: _Before) -> str:
    """Return the number before a move to another team; empty for no move."""
    if not before.team_id or not before.number:
        return ""
    known = (one for one in issue.previous_identifiers if one != issue.identifier)
    return next((one for one in known if one.rpartition("-")[2] == before.number), "")


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a new issue as Linear posts it."""
    issue = {
        "id": "devstream-test",
        "identifier": "TEST-1",
        "title": "A test of this source",
        "createdAt": iso(now),
        "team": {"key": "TEST", "name": "devstream-test"},
        "state": {"name": "Todo", "type": "unstarted"},
    }
    body = {
        "action": "create",
        "type": "Issue",
        "createdAt": iso(now),
        "data": issue,
        "webhookTimestamp": now,
    }
    return Delivery({}, msgspec.json.encode(body), now)
