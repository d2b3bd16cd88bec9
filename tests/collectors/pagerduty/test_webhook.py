"""PagerDuty's webhooks, of three versions, and its API: an incident is one row."""

from __future__ import annotations

import pytest
from collecting import RECEIVED

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import pagerduty
from devstream_desktop.stream.line import render

PD = SourceInfo("pd")


def events(samples, name: str):
    result = pagerduty.normalise(Delivery({}, samples("pagerduty")[name], RECEIVED), PD)
    assert not result.dropped, result
    return result.events


def test_an_incident(samples):
    (fired,), (ended,), (again,) = (
        events(samples, f"incident.{name}") for name in ("triggered", "resolved", "reopened")
    )
    assert {(one.subject, one.number) for one in (fired, ended, again)} == {
        ("incident/shop/PGR0VU2", "412")
    }
    assert len({fired.key, ended.key, again.key}) == 3
    assert render(fired) == "shop  firing: Orders are failing (#412) · critical"
    assert render(ended) == "shop  resolved: Orders are failing (#412) after 18m00s · by Ana"
    assert fired.url == "https://acme.pagerduty.com/incidents/PGR0VU2"


def test_the_second_version_tells_of_several_steps_at_once(samples):
    fired, ended = events(samples, "v2")
    assert fired.key == events(samples, "incident.triggered")[0].key
    assert ended.key == events(samples, "incident.resolved")[0].key


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("incident.acknowledged", "incident-not-news"),
        ("incident.annotated", "incident-not-news"),
        ("pagey.ping", "ping"),
        ("service.updated", "event-not-mapped"),
    ],
)
def test_what_is_no_news(samples, name, reason):
    assert (
        pagerduty.normalise(Delivery({}, samples("pagerduty")[name], RECEIVED), PD).dropped
        == reason
    )


def test_the_sample_makes_a_line():
    delivery = pagerduty.sample(PD, RECEIVED)
    assert (
        render(pagerduty.normalise(delivery, PD).events[0])
        == "devstream-test  firing: A test of this source (#1) · notice"
    )


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    outcomes = check_payloads(
        "pagerduty", pagerduty.normalise, sorted((payloads / "pagerduty").glob("*.json"))
    )
    assert outcomes == {"lines": 6, "incident-not-news": 3}


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        pagerduty.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("pagerduty").values()],
        PD,
    )
