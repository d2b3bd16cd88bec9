"""Prometheus Alertmanager: each alert that begins to fire or resolves becomes a row, from its notifications or from its API.

A notification is a group of alerts, sent again every `repeat_interval`; the alerts' own identity makes one row of each. Source:
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config.
"""

from __future__ import annotations

from functools import partial

import msgspec

from devstream_collectors.contract import Basic, Collector, Delivery, Normalised, Option, Poll, SecretPath, SourceInfo, Token, Webhook
from devstream_collectors.kit import alert_list as alertmanager_poll
from devstream_collectors.kit.alert import alert_event
from devstream_collectors.kit.decoding import Loose, word
from devstream_collectors.kit.labelled import STATES, Labelled, alert_of, sample_alert
from devstream_collectors.kit.outcome import Dropped, tolerant

__all__ = ["COLLECTOR", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in alertmanager.yml, and a route to it:
  receivers:
    - name: devstream
      webhook_configs:
        - url: the address of your receiver with the path that is printed behind it
          send_resolved: true
          http_config: {authorization: {credentials_file: the file that you give with --secret-file}}
Without a secret file the path itself is the secret, and `url_file:` keeps it out of alertmanager.yml. `basic_auth:` works too; then the
secret file holds user:password.
Polling: --poll --url http://HOST:9093, with --token-file where a proxy in front asks for one. --receiver NAME follows only what would be
sent to that receiver. Silenced and inhibited alerts make no line."""

COLLECTOR = Collector(
    title="Prometheus Alertmanager's notifications, or its API polled",
    setup=_SETUP,
    options=(Option("receiver", "regular expression of receivers' names, for polling; otherwise all alerts"),),
    webhook=Webhook(auth=(Token(), Basic(), SecretPath())),
    poll=Poll(auth=(Token(), Basic())),
)
SCOPE = "alertmanager"
"""A fingerprint is of the labels themselves, so it is the same fact whichever member of a cluster says it."""


class _Alert(Labelled, frozen=True, rename="camel"):
    status: Loose = ""


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    status: Loose = ""
    alerts: list[_Alert | None] | None = None
    common_labels: dict[str, Loose] | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one notification, an alert each, or the name of why there are none."""
    group = msgspec.json.decode(delivery.body, type=_Notification)
    events = []
    for body in group.alerts or ():
        state = STATES.get((word(body.status) or word(group.status)).lower(), "") if body else ""
        if body and state:
            events.append(alert_event(alert_of(body, state, SCOPE, common=group.common_labels), source, delivery.received))
    if not events:
        raise Dropped("no-alerts", word(group.status))
    return Normalised(tuple(events))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A notification of one alert, as Alertmanager posts it."""
    del source
    return Delivery({}, msgspec.json.encode({"version": "4", "status": "firing", "alerts": [sample_alert(now)]}), now)


_API = alertmanager_poll.Api(SCOPE, "/api/v2/alerts", "/api/v2/status")
requests = partial(alertmanager_poll.requests, api=_API)
parse = partial(alertmanager_poll.parse, api=_API)
