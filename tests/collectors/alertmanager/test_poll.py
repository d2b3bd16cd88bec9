"""Alertmanager's notifications and its API: the same alerts, with the same identity."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, Response, SourceInfo
from devstream_collectors.kit.alert_list import MAX_FOLLOWED, SETTLING
from devstream_collectors.sources import alertmanager

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


class Api:
    """An Alertmanager that is asked round by round."""

    def __init__(self, source: SourceInfo = AM) -> None:
        self.source, self.cursor, self.up_since = source, b"", "2027-01-01T00:00:00.000Z"
        self.dropped: dict[str, int] = {}
        self.asked: list[str] = []

    def round(self, *alerts: dict[str, object], now: int = RECEIVED):
        told = []
        waiting = list(alertmanager.requests(self.cursor, self.source, now))
        while waiting:
            request = waiting.pop(0)
            self.asked.append(request.path)
            body = {"uptime": self.up_since} if request.path == "/api/v2/status" else list(alerts)
            polled = alertmanager.parse(
                Response(request, 200, {}, json.dumps(body).encode(), now), self.cursor, self.source
            )
            told += polled.events
            waiting += polled.requests
            self.cursor, self.dropped = polled.cursor, dict(polled.dropped)
            assert 0 < len(self.cursor) <= 1 << 16
        return told


def listed(state: str = "active", **more: object) -> dict[str, object]:
    return {
        "labels": LABELS,
        "annotations": {"summary": "5xx 7 % > 2 %"},
        "startsAt": "2027-01-15T07:42:00.123Z",
        "endsAt": "2027-01-15T08:04:00.123Z",
        "updatedAt": "2027-01-15T08:00:00.123Z",
        "fingerprint": "b0dbfc3b3a7a9a1a",
        "generatorURL": "https://prometheus.example.org/graph?g0.expr=up",
        "receivers": [{"name": "devstream"}],
        "status": {"state": state, "silencedBy": [], "inhibitedBy": []},
    } | more


def test_asked_or_told_an_alert_is_the_same(samples):
    api = Api()
    (polled,), posted = api.round(listed()), events(samples("alertmanager")["firing"])[0]
    assert_event(
        polled, key=posted.key, subject=posted.subject, number=posted.number, title=posted.title
    )
    assert api.round(listed()) == []
    (ended,) = api.round()
    gone = events(samples("alertmanager")["resolved"])[0]
    assert_event(ended, state="resolved", key=gone.key, subject=gone.subject, number=gone.number)
    assert api.round() == []


def test_what_is_silenced_makes_no_line_and_one_that_is_silenced_later_has_not_resolved():
    api = Api()
    assert api.round(listed("suppressed")) == []
    assert api.dropped == {"silenced-or-inhibited": 1}
    assert api.round(listed("unprocessed")) == []
    assert len(api.round(listed())) == 1
    assert api.round(listed("suppressed")) == []
    assert [event.state for event in api.round()] == ["resolved"]


def test_an_alert_that_fires_by_design_makes_no_line():
    watchdog = {"alertname": "Watchdog", "severity": "none"}
    api = Api()
    assert api.round(listed(labels=watchdog)) == []
    assert api.dropped == {"severity-none": 1}
    assert api.round() == []
    # Its severity came later than its first line.
    assert len(api.round(listed())) == 1
    assert [event.state for event in api.round(listed(labels=watchdog))] == ["resolved"]


def test_an_alert_that_began_again_between_two_rounds_ended_before():
    api = Api()
    api.round(listed())
    again, ended = api.round(listed(startsAt="2027-01-15T07:59:00.000Z"))
    assert (again.state, ended.state) == ("firing", "resolved")
    assert again.number != ended.number
    assert ended.time == again.time


def test_an_alertmanager_that_forgot_its_alerts_in_a_restart_resolves_nothing():
    api = Api()
    api.round(listed())
    api.up_since = "2027-01-15T07:59:50.000Z"
    assert api.round() == []
    assert api.round(listed()) == []
    assert [event.state for event in api.round(now=RECEIVED + SETTLING)] == ["resolved"]


def test_more_alerts_than_can_be_followed_are_told_and_counted():
    api = Api()
    many = [
        listed(fingerprint=f"{number:016x}", labels=LABELS | {"job": "j" * 300})
        for number in range(MAX_FOLLOWED + 5)
    ]
    assert len(api.round(*many)) == MAX_FOLLOWED + 5
    assert api.dropped["too-many-to-follow"] >= 5


def test_only_what_a_receiver_would_get_is_asked_for():
    api = Api(SourceInfo("am", options={"receiver": "team-.*"}))
    api.round()
    assert api.asked == [
        "/api/v2/alerts?active=true&silenced=true&inhibited=true&unprocessed=true&receiver=team-.%2A"
    ]


def test_an_answer_that_is_none_fails_the_round():
    (request,) = alertmanager.requests(b"", AM, RECEIVED)
    with pytest.raises(ValueError, match="Expected"):
        alertmanager.parse(Response(request, 200, {}, b"{}", RECEIVED), b"", AM)
