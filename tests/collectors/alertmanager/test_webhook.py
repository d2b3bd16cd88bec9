"""Alertmanager's notifications and its API: the same alerts, with the same identity."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.labelled import fingerprint
from devstream_collectors.sources import alertmanager
from devstream_desktop.stream.line import render

AM = SourceInfo("am")
LABELS = {
    "alertname": "HighErrorRate",
    "env": "prod",
    "instance": "web1:9100",
    "job": "shop-api",
    "severity": "page",
}


def events(body: bytes, source: SourceInfo = AM):
    result = alertmanager.normalise(Delivery({}, body, RECEIVED), source)
    assert not result.dropped, result
    return result.events


def test_each_alert_of_a_group_is_a_row(samples):
    one, two = events(samples("alertmanager")["firing"])
    assert_event(
        one,
        kind="incident",
        state="firing",
        service="shop-api",
        environment="prod",
        severity="critical",
    )
    assert_event(
        one,
        subject="incident/shop-api/b0dbfc3b3a7a9a1a",
        number="1799998920123",
        time=1_799_998_920_123,
    )
    assert (one.title, one.reason) == ("HighErrorRate (web1:9100)", "5xx 7 % > 2 %")
    assert one.url == "https://prometheus.example.org/graph?g0.expr=up"
    assert two.subject != one.subject


def test_a_repeated_group_says_nothing_new_and_one_that_resolved_says_how_long_it_was(samples):
    fired, mixed = (
        events(samples("alertmanager")["firing"]),
        events(samples("alertmanager")["mixed"]),
    )
    assert mixed[1].key == fired[1].key
    assert_event(mixed[0], state="resolved", number=fired[0].number, duration=1_079_878)
    assert events(samples("alertmanager")["resolved"])[0].key == mixed[0].key
    assert render(mixed[0]) == "shop-api  resolved: HighErrorRate (web1:9100) after 17m59s on prod"


def test_an_alert_without_a_fingerprint_has_that_of_its_labels(samples):
    (one,) = events(samples("alertmanager")["no_fingerprint"])
    assert one.subject == f"incident/shop-api/{fingerprint(LABELS)}"
    # FNV-1a's own offset: the fingerprint of no labels, https://github.com/prometheus/common/blob/main/model/labelset_test.go.
    assert fingerprint({}) == "cbf29ce484222325"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"alerts": []},
        {"alerts": None},
        {"alerts": [None]},
        {"status": "odd", "alerts": [{"labels": LABELS}]},
    ],
)
def test_a_notification_without_alerts_is_dropped_by_name(body):
    assert (
        alertmanager.normalise(Delivery({}, json.dumps(body).encode(), RECEIVED), AM).dropped
        == "no-alerts"
    )


def test_an_alert_that_fires_by_design_makes_no_line(samples):
    group = json.loads(samples("alertmanager")["firing"])
    for alert in group["alerts"]:
        alert["labels"]["severity"] = "none"
    result = alertmanager.normalise(Delivery({}, json.dumps(group).encode(), RECEIVED), AM)
    assert (result.events, result.dropped) == ((), "severity-none")
    group["alerts"][0]["status"] = "resolved"
    (over,) = events(json.dumps(group).encode())
    assert over.state == "resolved", "it may have been told when it fired"


def test_the_sample_and_a_configured_service():
    delivery = alertmanager.sample(AM, RECEIVED)
    (one,) = events(delivery.body, SourceInfo("am", service="till", environment="stage"))
    assert_event(one, service="till", environment="stage", title="DevstreamTest")


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        alertmanager.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("alertmanager").values()],
        AM,
    )
