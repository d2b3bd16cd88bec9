"""The webhooks of Sentry's integrations, and of the older plugin."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Part, Text, decode, iso
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.sentry.alert import (
    SCOPE,
    Actor,
    Data,
    PluginPayload,
    issue_event,
    metric_event,
    occurrence_event,
    plugin_event,
)
from devstream_desktop.stream.event import Event

RESOURCE = "sentry-hook-resource"


class _Payload(PluginPayload, frozen=True):
    action: Text = ""
    actor: Part[Actor] = Actor()
    data: Data | None = None
    """Of an integration; without it, it is the plugin's."""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    payload = decode(delivery.body, _Payload)
    place = Place(source, delivery.received, SCOPE)
    data, action = payload.data, payload.action
    if data is None:
        return plugin_event(payload, place)
    # What it is about says itself; a relay may have lost the header. An activity or a comment has
    # an issue beside it.
    if data.metric_alert is not None:
        return metric_event(data.metric_alert, data, action, place)
    if data.error is not None:
        raise Dropped("each-occurrence")
    if data.event is not None:
        return occurrence_event(data.event, data.triggered_rule, place)
    resource = delivery.headers.get(RESOURCE, "")
    if data.issue is not None and resource in ("", "issue"):
        return issue_event(data.issue, action, payload.actor, place)
    raise Dropped("event-not-mapped", resource or action)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the new issue that a test of the source sends."""
    issue = {
        "id": "1",
        "shortId": "DEVSTREAM-1",
        "title": "A test of this source",
        "level": "info",
        "firstSeen": iso(now),
        "lastSeen": iso(now),
        "project": {"slug": source.service or "devstream-test"},
    }
    body = {"action": "created", "data": {"issue": issue}}
    return Delivery({RESOURCE: "issue"}, msgspec.json.encode(body), now)
