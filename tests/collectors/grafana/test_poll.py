"""Grafana's notifications of either alerting, and its API, which is Alertmanager's."""

from __future__ import annotations

import json

from collecting import RECEIVED

from devstream_collectors.contract import Delivery, Response, SourceInfo
from devstream_collectors.sources import grafana

GR = SourceInfo("graf")


def event(body: bytes, source: SourceInfo = GR, received: int = RECEIVED):
    result = grafana.normalise(Delivery({}, body, received), source)
    assert not result.dropped, result
    (made,) = result.events
    return made


def test_asked_or_told_an_alert_is_the_same(samples):
    (request,) = grafana.requests(b"", GR, RECEIVED)
    assert request.path.startswith("/api/alertmanager/grafana/api/v2/alerts?")
    alert = json.loads(samples("grafana")["firing"])["alerts"][0] | {
        "status": {"state": "active"},
        "startsAt": "2027-01-15T07:42:00.123Z",
    }
    polled = grafana.parse(
        Response(request, 200, {}, json.dumps([alert]).encode(), RECEIVED), b"", GR
    )
    assert polled.events[0].key == event(samples("grafana")["firing"]).key
    ended = grafana.parse(Response(request, 200, {}, b"[]", RECEIVED), polled.cursor, GR)
    assert ended.events[0].key == event(samples("grafana")["resolved"]).key
