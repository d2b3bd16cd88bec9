"""PagerDuty: incidents that are triggered, resolved or opened again, by webhook (V3, and the older V2 and V1) or from its API.

Sources: https://developer.pagerduty.com/docs/webhooks-overview and, for the signature,
https://developer.pagerduty.com/docs/verifying-webhook-signatures.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import (
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import iso, word
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.sources.pagerduty.events import step_of_event, step_of_message
from devstream_collectors.sources.pagerduty.payloads import Payload
from devstream_collectors.sources.pagerduty.poll import parse, requests

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in PagerDuty, Integrations, Generic Webhooks (v3), New Webhook:
  Webhook URL          the address of your receiver with the path that is printed behind it
  Scope                the services or the team that you want to hear of
  Event Subscription   incident.triggered, incident.resolved, incident.reopened
PagerDuty then shows the signing secret once: put it into the file that you give with --secret-file.
Polling: --poll with --token-file, a read-only API key (Integrations, API Access Keys). --service-id ID follows one service; more than one
may be given. In the EU add --url https://api.eu.pagerduty.com."""

COLLECTOR = Collector(
    title="PagerDuty's incidents, by webhook or polled",
    setup=_SETUP,
    options=(Option("service_id", "id of a PagerDuty service to follow when polling, such as PA2P440; otherwise all", kind="list"),),
    webhook=Webhook(auth=(SignatureScheme(header="x-pagerduty-signature", form="pairs", label="v1"), SecretPath())),
    poll=Poll(url="https://api.pagerduty.com", auth=(Token(prefix="Token token="),), needs_token=True),
)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; V1 and V2 may tell of several incidents at once."""
    payload = msgspec.json.decode(delivery.body, type=Payload)
    steps: list[Alert] = []
    if payload.event is not None:
        steps.append(step_of_event(payload.event))
    refused: Dropped | None = None
    for message in payload.messages or ():
        try:
            steps.append(step_of_message(message))
        except Dropped as drop:
            refused = refused or drop
    if not steps:
        raise refused or Dropped("event-not-mapped")
    return Normalised(tuple(alert_event(step, source, delivery.received) for step in steps))


def sample(source: SourceInfo, now: int) -> Delivery:
    """An incident as PagerDuty posts it."""
    incident = {
        "id": "PDEVSTREAM",
        "number": 1,
        "title": "A test of this source",
        "created_at": iso(now),
        "html_url": "https://devstream.pagerduty.com/incidents/PDEVSTREAM",
        "service": {"summary": word(source.service) or "devstream-test"},
        "urgency": "low",
    }
    event = {"event_type": "incident.triggered", "resource_type": "incident", "occurred_at": iso(now), "data": incident}
    return Delivery({}, msgspec.json.encode({"event": event}), now)
