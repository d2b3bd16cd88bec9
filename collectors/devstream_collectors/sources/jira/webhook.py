"""Jira's webhooks."""

from __future__ import annotations

from functools import partial

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Part, Text, Time, decode, iso
from devstream_collectors.kit.outcome import Dropped, Maker, together, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.jira.ticket import (
    Change,
    Issue,
    Transition,
    User,
    changed,
    deleted,
    moved,
    opened,
    renumbered,
    secured,
)
from devstream_desktop.stream.event import Event


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    webhook_event: Text = ""
    issue_event_type_name: Text = msgspec.field(default="", name="issue_event_type_name")
    """Of an `issue_updated`, what sort of update."""
    timestamp: Time = 0
    user: Part[User] = User()
    issue: Issue | None = None
    changelog: Change | None = None
    transition: Transition | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event | tuple[Event, ...]:
    """Make the events of one delivery."""
    payload = decode(delivery.body, _Payload)
    place = Place(source, delivery.received)
    name, issue, user = payload.webhook_event, payload.issue, payload.user
    at = payload.timestamp or delivery.received
    # A webhook that is a workflow's step has no event's name.
    if payload.transition is not None and issue is not None:
        return moved(issue, payload.transition, user, at, place)
    update = payload.issue_event_type_name
    if name.startswith("comment_") or update.startswith("issue_comment"):
        raise Dropped("comment")
    if issue is None or not name.startswith("jira:issue_"):
        raise Dropped("event-not-mapped", name)
    if name == "jira:issue_created":
        return opened(issue, user, place)
    if name == "jira:issue_deleted":
        return deleted(issue, user, at, place)
    if name != "jira:issue_updated" or payload.changelog is None:
        raise Dropped("ticket-not-news", name)
    change, done = payload.changelog, issue.fields.status.is_end
    makers: list[Maker] = [
        *secured(issue, change, user, at, place, done=done),
        *renumbered(issue, change, user, at, place, done=done),
    ]
    makers.append(partial(changed, issue, change, user, at, place, now=True))
    # A change of project need not be one of status.
    return together(makers, nothing="ticket-not-news")


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a new issue as Jira posts it."""
    fields = {
        "summary": "A test of this source",
        "project": {"name": "devstream-test"},
        "created": iso(now),
        "issuetype": {"name": "Task"},
    }
    address = "https://devstream.example.org/rest/api/2/issue/1"
    body = {
        "webhookEvent": "jira:issue_created",
        "timestamp": now,
        "user": {"displayName": "devstream"},
        "issue": {"id": "1", "key": "TEST-1", "self": address, "fields": fields},
    }
    return Delivery({}, msgspec.json.encode(body), now)
