"""Grafana's alerts: of its unified alerting, which can be polled, and of old dashboard panels.

Sources:
https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
and, for the older ones,
https://grafana.com/docs/grafana/v8.5/alerting/old-alerting/notifications/#webhook.
"""

from __future__ import annotations

import hashlib

import msgspec

from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Poll,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.alert_list import alert_list
from devstream_collectors.kit.decoding import Text, Texts, decode
from devstream_collectors.kit.labelled import (
    STATES,
    Labelled,
    alert_of,
    labelled_event,
    sample_alert,
)
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

_HEADER = "x-grafana-alerting-signature"
_SETUP = """\
Webhook: in Grafana, Alerting, Contact points, Add, Integration Webhook:
  URL                              the address of your receiver with the path that is printed \
behind it
  Optional settings, HMAC          the text in the file that you give with --secret-file; Header \
X-Grafana-Alerting-Signature, and as Timestamp Header nothing or X-Grafana-Alerting-Timestamp
  or Authorization Header          Scheme Bearer and that text, where your Grafana has no HMAC
Without a secret file the path itself is the secret. Then send alerts there with a notification \
policy.
Polling: --poll --url https://GRAFANA with --token-file of a service account that may read alerts \
(role Viewer)."""

COLLECTOR = Collector(
    title="Grafana's alert notifications, or its alerts polled",
    setup=_SETUP,
    kinds=(Kind.INCIDENT,),
    webhook=Webhook(
        auth=(
            SignatureScheme(header=_HEADER, form="bare"),
            SignatureScheme(
                header=_HEADER,
                form="bare",
                timestamp_header="x-grafana-alerting-timestamp",
                signed="{timestamp}:{body}",
            ),
            Token(),
            Basic(),
            SecretPath(),
        ),
    ),
    poll=Poll(auth=(Token(), Basic()), needs_token=True),
)
SCOPE = "grafana"
_MINUTE = 60_000
_POLLER = alert_list(SCOPE, "/api/alertmanager/grafana/api/v2/alerts")
requests, parse = _POLLER.requests, _POLLER.parse


class _Alert(Labelled, frozen=True, rename="camel"):
    status: Text = ""
    dashboard_url: Text = msgspec.field(default="", name="dashboardURL")
    panel_url: Text = msgspec.field(default="", name="panelURL")
    value_string: Text = ""


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    """Of either alerting: the newer has `alerts`, the older `ruleId` and `ruleName`."""

    status: Text = ""
    state: Text = ""
    alerts: list[_Alert | None] | None = None
    common_labels: Texts = {}
    message: Text = ""
    title: Text = ""
    org_id: Text = ""
    rule_id: Text = ""
    rule_name: Text = ""
    rule_url: Text = ""
    tags: Texts = {}


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> tuple[Event, ...]:
    """Make an event of each alert of a notification."""
    said = decode(delivery.body, _Notification)
    place = Place(source, delivery.received, SCOPE)
    # The old alerting tells one panel at a time.
    if said.alerts is None:
        return (alert_event(_panel(said, delivery), place.at(f"{SCOPE}/{said.org_id}")),)
    events = []
    for body in said.alerts:
        state = STATES.get((body.status or said.status).lower()) if body else None
        if body and state:
            url = body.panel_url or body.dashboard_url
            labels = said.common_labels
            alert = alert_of(body, state, common=labels, url=url, reason=body.value_string)
            events.append(labelled_event(alert, place))
    if not events:
        raise Dropped("no-alerts", said.status)
    return tuple(events)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a notification of one alert, as Grafana posts it."""
    body = {"version": "1", "status": "firing", "alerts": [sample_alert(now)]}
    return Delivery({}, msgspec.json.encode(body), now)


def _panel(said: _Notification, delivery: Delivery) -> Alert:
    """Make the alert of a panel. It has no time: the same words in a minute are one fact."""
    rule, tags = said.rule_id or said.rule_name, said.tags
    if not rule:
        raise Dropped("no-alerts", said.title)
    # A rule without data is told only when its owner wants that to alert.
    no_data = said.state.lower() == "no_data"
    state = "firing" if no_data else STATES.get(said.state.lower(), "")
    if not state:
        raise Dropped("alert-not-news", said.state)
    return Alert(
        identity=f"rule-{rule}",
        state=state,
        name=said.rule_name or said.title,
        service=tags.get("service", "") or tags.get("app", ""),
        environment=tags.get("environment", "") or tags.get("env", ""),
        severity=tags.get("severity", ""),
        number=rule,
        once=f"{hashlib.sha256(delivery.body).hexdigest()}/{delivery.received // _MINUTE}",
        reason=said.message or ("no data" if no_data else ""),
        url=said.rule_url,
    )
