"""Sentry: issues that are new, back or resolved, alert rules and metric alerts, by webhook of an integration or from its API.

Sources: https://docs.sentry.io/organization/integrations/integration-platform/webhooks/ and, for the API,
https://docs.sentry.io/api/events/list-a-projects-issues/.
"""

from __future__ import annotations

import re

import msgspec

from devstream_collectors.contract import Collector, Delivery, Normalised, Option, Poll, SecretPath, SignatureScheme, SourceInfo, Webhook
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import iso, word
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.sources.sentry.events import event_step, issue_step, metric_step, plugin_step
from devstream_collectors.sources.sentry.payloads import Payload
from devstream_collectors.sources.sentry.poll import parse, requests

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in Sentry, Settings, Custom Integrations (Developer Settings), Create New Integration, Internal Integration:
  Webhook URL          the address of your receiver with the path that is printed behind it
  Alert Rule Action    on, to use it in alert rules and metric alerts
  Permissions          Issue & Event: Read
  Webhooks             issue
Sentry then shows the Client Secret: put it into the file that you give with --secret-file. The older webhook plugin of a project has no
secret: leave --secret-file out, and the path itself is the secret.
Polling: --poll --project ORGANISATION/PROJECT with --token-file of a token that may read issues and events (event:read). Self-hosted: add
--url https://SENTRY."""

_RESOURCE = "sentry-hook-resource"
COLLECTOR = Collector(
    title="Sentry's webhooks, or its issues polled",
    setup=_SETUP,
    options=(Option("project", "ORGANISATION/PROJECT, the short names in its address, for polling", needed="poll"),),
    webhook=Webhook(
        auth=(SignatureScheme(header="sentry-hook-signature", form="bare"), SecretPath()),
        headers=(_RESOURCE,),
        delivery_header="request-id",
    ),
    poll=Poll(url="https://sentry.io", needs_token=True),
)
_PROJECT = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9_-]+")


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    payload = msgspec.json.decode(delivery.body, type=Payload)
    return Normalised((alert_event(_step(payload, delivery.headers.get(_RESOURCE, "")), source, delivery.received),))


def check(source: SourceInfo) -> None:
    """What the option `project` holds.

    Raises:
        ValueError: it is not a project's name.

    """
    name = source.text("project")
    if name and not _PROJECT.fullmatch(name):
        raise ValueError("project must be ORGANISATION/PROJECT, such as acme/shop")


def sample(source: SourceInfo, now: int) -> Delivery:
    """A new issue as Sentry posts it."""
    issue = {
        "id": "1",
        "shortId": "DEVSTREAM-1",
        "title": "A test of this source",
        "level": "info",
        "firstSeen": iso(now),
        "lastSeen": iso(now),
        "project": {"slug": source.service or "devstream-test"},
    }
    return Delivery({_RESOURCE: "issue"}, msgspec.json.encode({"action": "created", "data": {"issue": issue}}), now)


def _step(payload: Payload, resource: str) -> Alert:
    data, action = payload.data, word(payload.action)
    if data is None:
        return plugin_step(payload)
    # What it is about says itself; a relay may have lost the header. An activity or a comment has an issue beside it.
    if data.metric_alert is not None:
        return metric_step(data.metric_alert, data, action)
    if data.error is not None:
        raise Dropped("each-occurrence")
    if data.event is not None:
        return event_step(data.event, word(data.triggered_rule))
    if data.issue is not None and resource in ("", "issue"):
        return issue_step(data.issue, action, payload.actor)
    raise Dropped("event-not-mapped", resource or action)
