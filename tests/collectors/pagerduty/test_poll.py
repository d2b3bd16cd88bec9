"""PagerDuty's webhooks, of three versions, and its API: an incident is one row."""

from __future__ import annotations

import json

from collecting import RECEIVED

from devstream_collectors.contract import Delivery, Gap, Response, SourceInfo
from devstream_collectors.sources import pagerduty

PD = SourceInfo("pd")


def events(samples, name: str):
    result = pagerduty.normalise(Delivery({}, samples("pagerduty")[name], RECEIVED), PD)
    assert not result.dropped, result
    return result.events


class Api:
    """A PagerDuty that is asked round by round."""

    def __init__(self, source: SourceInfo = PD) -> None:
        self.source, self.cursor, self.asked = source, b"", list[str]()
        self.gaps: list[Gap] = []

    def round(
        self,
        *incidents: dict[str, object],
        now: int = RECEIVED,
        gone: bool = False,
        more: bool = False,
    ):
        told = []
        waiting = list(pagerduty.requests(self.cursor, self.source, now))
        while waiting:
            request = waiting.pop(0)
            self.asked.append(request.path)
            if request.path.startswith("/incidents/"):
                found = [one for one in incidents if request.path == f"/incidents/{one['id']}"]
                status, body = (404, {}) if gone else (200, {"incident": found[0]})
            else:
                wanted = (
                    ("resolved",) if "since=" in request.path else ("triggered", "acknowledged")
                )
                status, body = (
                    200,
                    {
                        "incidents": [one for one in incidents if one["status"] in wanted],
                        "offset": len(self.asked),
                        "more": more and "resolved" not in wanted,
                    },
                )
            polled = pagerduty.parse(
                Response(request, status, {}, json.dumps(body).encode(), now),
                self.cursor,
                self.source,
            )
            told += polled.events
            self.gaps += [polled.gap] if polled.gap is not None else []
            waiting += polled.requests
            self.cursor = polled.cursor
        return told


def incident(samples, **more: object) -> dict[str, object]:
    body = json.loads(samples("pagerduty")["incident.triggered"])["event"]["data"]
    return body | {"incident_number": 412, "last_status_change_at": "2027-01-15T08:00:00Z"} | more


def test_asked_or_told_an_incident_is_the_same(samples):
    api, ana = Api(), {"summary": "Ana"}
    assert [one.key for one in api.round(incident(samples))] == [
        events(samples, "incident.triggered")[0].key
    ]
    assert api.round(incident(samples, status="acknowledged")) == []
    (ended,) = {
        one.key: one
        for one in api.round(incident(samples, status="resolved", last_status_change_by=ana))
        if one.state == "resolved"
    }.values()
    assert (ended.key, ended.actor) == (events(samples, "incident.resolved")[0].key, "Ana")


def test_an_incident_between_two_rounds_is_told_whole(samples):
    api = Api()
    assert api.round() == []
    fired, ended = api.round(incident(samples, status="resolved"))
    assert (fired.state, ended.state, fired.number) == ("firing", "resolved", ended.number)


def test_an_incident_that_is_open_again(samples):
    api = Api()
    api.round(incident(samples, id="PNEW", created_at="2027-01-15T07:59:00Z"))
    (again,) = api.round(
        incident(samples, id="PNEW", created_at="2027-01-15T07:59:00Z"),
        incident(samples, last_status_change_at="2027-01-15T08:01:00Z"),
    )
    assert again.key == events(samples, "incident.reopened")[0].key


def test_an_incident_that_is_gone_ends_being_followed(samples):
    api = Api()
    api.round(incident(samples))
    assert api.round(gone=True) == []
    api.asked.clear()
    api.round()
    assert not any(path.startswith("/incidents/") for path in api.asked)


def test_k4_more_open_incidents_than_are_read_are_told_once(samples):
    api, gaps = Api(), []
    for more in (True, True, True, False, True, True):
        api.round(incident(samples), more=more)
        gaps.append(len(api.gaps))
    # The node tells no gap of a first round.
    assert gaps == [0, 1, 1, 1, 2, 2]


def test_only_the_services_that_are_wanted_are_asked_for():
    api = Api(SourceInfo("pd", options={"service_id": ("PA", "PB")}))
    api.round()
    assert "service_ids%5B%5D=PA&service_ids%5B%5D=PB" in api.asked[0]
