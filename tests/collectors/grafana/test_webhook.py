"""Grafana's notifications of either alerting, and its API, which is Alertmanager's."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import grafana
from devstream_desktop.stream.line import render

GR = SourceInfo("graf")


def event(body: bytes, source: SourceInfo = GR, received: int = RECEIVED):
    result = grafana.normalise(Delivery({}, body, received), source)
    assert not result.dropped, result
    (made,) = result.events
    return made


def test_an_alert_and_its_end(samples):
    fired, ended = event(samples("grafana")["firing"]), event(samples("grafana")["resolved"])
    assert (
        (fired.subject, fired.number)
        == (ended.subject, ended.number)
        == ("incident/shop-api/b0dbfc3b3a7a9a1a", "1799998920123")
    )
    assert fired.url == "https://grafana.example.org/d/shop?viewPanel=4"
    assert render(ended) == "shop-api  resolved: HighErrorRate (web1:9100) after 17m59s on prod"


def test_a_rule_without_data_has_its_own_name(samples):
    assert (
        render(event(samples("grafana")["no_data"]))
        == "shop-api  firing: no data for Orders on prod · critical · [ var='A' labels={} value=7 ]"
    )


def test_the_older_alerting(samples):
    fired, ended = (
        event(samples("grafana")["older.alerting"]),
        event(samples("grafana")["older.ok"]),
    )
    assert (
        (fired.subject, fired.number)
        == (ended.subject, ended.number)
        == ("incident/shop/rule-7", "7")
    )
    assert render(fired) == "shop  firing: Slow orders · warning · Orders are slow"
    assert fired.key == event(samples("grafana")["older.alerting"], received=RECEIVED + 5_000).key
    assert (
        fired.key != event(samples("grafana")["older.alerting"], received=RECEIVED + 3_600_000).key
    )
    silent = json.loads(samples("grafana")["older.alerting"]) | {"state": "no_data", "message": ""}
    assert (
        render(event(json.dumps(silent).encode()))
        == "shop  firing: Slow orders · warning · no data"
    )
    assert (
        grafana.normalise(Delivery({}, samples("grafana")["older.pending"], RECEIVED), GR).dropped
        == "alert-not-news"
    )


@pytest.mark.parametrize(
    "body", [b"{}", b'{"alerts": []}', b'{"alerts": [null], "status": "firing"}']
)
def test_a_notification_without_alerts_is_dropped_by_name(body):
    assert grafana.normalise(Delivery({}, body, RECEIVED), GR).dropped == "no-alerts"


def test_the_sample_makes_a_line():
    assert event(grafana.sample(GR, RECEIVED).body).title == "DevstreamTest"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    outcomes = check_payloads(
        "grafana", grafana.normalise, sorted((payloads / "grafana").glob("*.json"))
    )
    assert outcomes["lines"] == 2


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        grafana.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("grafana").values()],
        GR,
    )
