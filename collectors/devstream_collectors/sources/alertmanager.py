"""Prometheus Alertmanager: a row for each alert, from its notifications or from its API.

A notification is a group of alerts, sent again every `repeat_interval`; the alerts' own identity
makes one row of each. Source:
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Option,
    Poll,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.kit.alert_list import alert_list
from devstream_collectors.kit.decoding import Many, Needed, Text, Texts, decode
from devstream_collectors.kit.labelled import (
    NEVER_BROKEN,
    STATES,
    Labelled,
    alert_of,
    fires_by_design,
    labelled_event,
    sample_alert,
)
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

_SETUP = """\
Webhook: in alertmanager.yml, and a route to it:
  receivers:
    - name: devstream
      webhook_configs:
        - url: URL
          send_resolved: true
          http_config: {authorization: {credentials_file: FILE}}
with the address of your receiver and the path that is printed behind it as URL, and as FILE the \
file that you give with --secret-file. Without a secret file the path itself is the secret, and \
`url_file:` keeps it out of alertmanager.yml. `basic_auth:` works too; then the secret file holds \
user:password.
Polling: --poll --url http://HOST:9093, with --token-file where a proxy in front asks for one. \
--receiver NAME follows only what would be sent to that receiver. Silenced and inhibited alerts \
make no line.
An alert of severity `none` makes no line when it fires: it does so by design, as kube-prometheus' \
Watchdog."""

COLLECTOR = Collector(
    title="Prometheus Alertmanager's notifications, or its API polled",
    setup=_SETUP,
    kinds=(Kind.INCIDENT,),
    options=(
        Option(
            "receiver", "regular expression of receivers' names, for polling; otherwise all alerts"
        ),
    ),
    webhook=Webhook(auth=(Token(), Basic(), SecretPath())),
    poll=Poll(auth=(Token(), Basic())),
)
SCOPE = "alertmanager"
"""A fingerprint is of the labels themselves: the same fact from each member of a cluster."""
_POLLER = alert_list(SCOPE, "/api/v2/alerts", "/api/v2/status", by_design=True)
requests, parse = _POLLER.requests, _POLLER.parse


class _Alert(Labelled, frozen=True, rename="camel"):
    status: Needed[str | None] = ""


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    status: Text = ""
    alerts: Many[_Alert] = []
    common_labels: Texts = {}


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> tuple[Event, ...]:
    """Make an event of each alert of a notification."""
    group = decode(delivery.body, _Notification)
    place = Place(source, delivery.received, SCOPE)
    events, by_design = [], ""
    for body in group.alerts:
        # An alert without a status of its own has its group's.
        state = STATES.get((body.status or group.status).lower())
        if state is None:
            continue
        alert = alert_of(body, state, common=group.common_labels)
        if fires_by_design(alert):
            by_design = alert.name
        else:
            events.append(labelled_event(alert, place))
    if not events and by_design:
        raise Dropped(NEVER_BROKEN, by_design)
    if not events:
        raise Dropped("no-alerts", group.status)
    return tuple(events)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a notification of one alert, as Alertmanager posts it."""
    body = {"version": "4", "status": "firing", "alerts": [sample_alert(now)]}
    return Delivery({}, msgspec.json.encode(body), now)
