"""The parts of PagerDuty's webhooks and of its API that we read.

From https://developer.pagerduty.com/docs/webhooks-overview and https://developer.pagerduty.com/api-reference (List incidents). V1 and V2
webhooks have been switched off by PagerDuty itself, but relays and imitations still send them.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.kit.decoding import Loose


class Reference(msgspec.Struct, frozen=True):
    """A person, a service or a priority: `summary` in the API and V3, `name` before."""

    id: Loose = ""
    summary: Loose = ""
    name: Loose = ""


class Trigger(msgspec.Struct, frozen=True):
    """What V1 has in place of a title."""

    subject: Loose = ""
    description: Loose = ""


class Incident(msgspec.Struct, frozen=True):
    """An incident: of V3, of the API, of V2 and of V1, which call some things differently."""

    id: Loose = ""
    number: Loose = ""
    incident_number: Loose = ""
    title: Loose = ""
    summary: Loose = ""
    description: Loose = ""
    status: Loose = ""
    urgency: Loose = ""
    html_url: Loose = ""
    created_at: Loose = ""
    created_on: Loose = ""
    resolved_at: Loose = ""
    last_status_change_at: Loose = ""
    last_status_change_on: Loose = ""
    service: Reference | None = None
    priority: Reference | None = None
    last_status_change_by: Reference | None = None
    resolved_by_user: Reference | None = None
    trigger_summary_data: Trigger | None = None


class Event(msgspec.Struct, frozen=True):
    """What V3 posts, under `event`."""

    id: Loose = ""
    event_type: Loose = ""
    resource_type: Loose = ""
    occurred_at: Loose = ""
    agent: Reference | None = None
    data: Incident | None = None


class Entry(msgspec.Struct, frozen=True):
    """A log entry of a V2 message: who did it."""

    agent: Reference | None = None


class Data(msgspec.Struct, frozen=True):
    """Of a V1 message."""

    incident: Incident | None = None


class Message(msgspec.Struct, frozen=True):
    """One of V1 (`type`, `data`) or V2 (`event`, `incident`)."""

    type: Loose = ""
    event: Loose = ""
    created_on: Loose = ""
    data: Data | None = None
    incident: Incident | None = None
    log_entries: list[Entry | None] | None = None


class Payload(msgspec.Struct, frozen=True):
    """What is posted."""

    event: Event | None = None
    messages: list[Message] | None = None
