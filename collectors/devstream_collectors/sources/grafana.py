"""Grafana's alerts: those of its unified alerting (also asked through its API) and of the older kind that one dashboard panel had.

Sources: https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
and, for the older one, https://grafana.com/docs/grafana/v8.5/alerting/old-alerting/notifications/#webhook.
"""

from __future__ import annotations

import hashlib
from functools import partial

import msgspec

from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    Poll,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit import alert_list as alertmanager_poll
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Loose, first, word
from devstream_collectors.kit.labelled import STATES, Labelled, alert_of, sample_alert
from devstream_collectors.kit.outcome import Dropped, tolerant

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in Grafana, Alerting, Contact points, Add, Integration Webhook:
  URL                              the address of your receiver with the path that is printed behind it
  Optional settings, HMAC          the text in the file that you give with --secret-file; Header X-Grafana-Alerting-Signature, and as
                                   Timestamp Header nothing or X-Grafana-Alerting-Timestamp
  or Authorization Header          Scheme Bearer and that text, where your Grafana has no HMAC
Without a secret file the path itself is the secret. Then send alerts there with a notification policy.
Polling: --poll --url https://GRAFANA with --token-file of a service account that may read alerts (role Viewer)."""

_HEADER = "x-grafana-alerting-signature"
COLLECTOR = Collector(
    title="Grafana's alert notifications, or its alerts polled",
    setup=_SETUP,
    webhook=Webhook(
        auth=(
            SignatureScheme(header=_HEADER, form="bare"),
            SignatureScheme(header=_HEADER, form="bare", timestamp_header="x-grafana-alerting-timestamp", signed="{timestamp}:{body}"),
            Token(),
            Basic(),
            SecretPath(),
        ),
    ),
    poll=Poll(auth=(Token(), Basic()), needs_token=True),
)
SCOPE = "grafana"
_MINUTE = 60_000


class _Alert(Labelled, frozen=True, rename="camel"):
    status: Loose = ""
    dashboard_url: Loose = msgspec.field(default="", name="dashboardURL")
    panel_url: Loose = msgspec.field(default="", name="panelURL")
    value_string: Loose = ""


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    """Of either alerting: the newer has `alerts`, the older `ruleId` and `ruleName`."""

    status: Loose = ""
    state: Loose = ""
    alerts: list[_Alert | None] | None = None
    common_labels: dict[str, Loose] | None = None
    message: Loose = ""
    title: Loose = ""
    org_id: Loose = ""
    rule_id: Loose = ""
    rule_name: Loose = ""
    rule_url: Loose = ""
    tags: dict[str, Loose] | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one notification, an alert each, or the name of why there are none."""
    said = msgspec.json.decode(delivery.body, type=_Notification)
    if said.alerts is None:
        return Normalised((alert_event(_older(said, delivery), source, delivery.received),))
    events = []
    for body in said.alerts:
        state = STATES.get((word(body.status) or word(said.status)).lower(), "") if body else ""
        if body and state:
            url = first(body.panel_url, body.dashboard_url, body.generator_url)
            alert = alert_of(body, state, SCOPE, common=said.common_labels, url=url, reason=word(body.value_string))
            events.append(alert_event(alert, source, delivery.received))
    if not events:
        raise Dropped("no-alerts", word(said.status))
    return Normalised(tuple(events))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A notification of one alert, as Grafana posts it."""
    del source
    return Delivery({}, msgspec.json.encode({"version": "1", "status": "firing", "alerts": [sample_alert(now)]}), now)


def _older(said: _Notification, delivery: Delivery) -> Alert:
    """An alert of a dashboard's panel. It says no time, so the same words within a minute are the same fact."""
    rule = first(said.rule_id, said.rule_name)
    said_state = word(said.state).lower()
    # A rule without data is told only when its owner wants that to alert.
    state = "firing" if said_state == "no_data" else STATES.get(said_state, "")
    if not rule:
        raise Dropped("no-alerts", word(said.title))
    if not state:
        raise Dropped("alert-not-news", word(said.state))
    tags = said.tags or {}
    return Alert(
        scope=f"{SCOPE}/{word(said.org_id)}",
        identity=f"rule-{rule}",
        state=state,
        name=first(said.rule_name, said.title),
        service=first(tags.get("service"), tags.get("app")),
        environment=first(tags.get("environment"), tags.get("env")),
        severity=word(tags.get("severity")),
        number=rule,
        once=f"{hashlib.sha256(delivery.body).hexdigest()}/{delivery.received // _MINUTE}",
        reason=first(said.message, "no data" if said_state == "no_data" else ""),
        url=word(said.rule_url),
    )


_API = alertmanager_poll.Api(SCOPE, "/api/alertmanager/grafana/api/v2/alerts")
requests = partial(alertmanager_poll.requests, api=_API)
parse = partial(alertmanager_poll.parse, api=_API)
