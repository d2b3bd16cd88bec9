"""PagerDuty's webhooks: V3, and V2 and V1.

PagerDuty itself has switched V2 and V1 off, but relays and imitations still send them.
"""

from __future__ import annotations

from functools import partial

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Many, Part, Text, Time, decode, iso
from devstream_collectors.kit.outcome import Dropped, Maker, together, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.pagerduty.alert import Incident, Reference, incident_event
from devstream_desktop.stream.event import Event as Line


class _Event(msgspec.Struct, frozen=True):
    """The event of V3."""

    event_type: Text = ""
    occurred_at: Time = 0
    agent: Part[Reference] = Reference()
    data: Incident | None = None


class _Entry(msgspec.Struct, frozen=True):
    """A log entry of a V2 message: who did it."""

    agent: Part[Reference] = Reference()


class _Data(msgspec.Struct, frozen=True):
    """The incident of a V1 message."""

    incident: Incident | None = None


class _Message(msgspec.Struct, frozen=True):
    """A message of V1 (`type`, `data`) or V2 (`event`, `incident`)."""

    type: Text = ""
    event: Text = ""
    created_on: Time = 0
    data: Part[_Data] = _Data()
    incident: Incident | None = None
    log_entries: Many[_Entry] = []


class _Payload(msgspec.Struct, frozen=True):
    event: _Event | None = None
    messages: list[_Message] | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> tuple[Line, ...]:
    """Read the events of one delivery; V1 and V2 may tell of several incidents at once."""
    payload, place = decode(delivery.body, _Payload), Place(source, delivery.received)
    makers: list[Maker] = []
    if payload.event is not None:
        makers.append(partial(_event, payload.event, place))
    makers += [partial(_message, message, place) for message in payload.messages or ()]
    return together(makers, nothing="event-not-mapped")


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the incident that a test of the source sends."""
    incident = {
        "id": "PDEVSTREAM",
        "number": 1,
        "title": "A test of this source",
        "created_at": iso(now),
        "html_url": "https://devstream.pagerduty.com/incidents/PDEVSTREAM",
        "service": {"summary": source.service or "devstream-test"},
        "urgency": "low",
    }
    event = {
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": iso(now),
        "data": incident,
    }
    return Delivery({}, msgspec.json.encode({"event": event}), now)


def _event(event: _Event, place: Place) -> Line:
    resource, _, action = event.event_type.partition(".")
    if resource == "pagey":
        raise Dropped("ping")
    if resource != "incident" or event.data is None:
        raise Dropped("event-not-mapped", event.event_type)
    return incident_event(event.data, action, place, at=event.occurred_at, by=event.agent.plain)


def _message(message: _Message, place: Place) -> Line:
    incident = message.incident or message.data.incident
    name = message.event or message.type
    resource, _, action = name.partition(".")
    if resource != "incident" or incident is None:
        raise Dropped("event-not-mapped", name)
    agents = [entry.agent for entry in message.log_entries if entry.agent != Reference()]
    by = agents[0].plain if agents else ""
    return incident_event(incident, action, place, at=message.created_on, by=by)
