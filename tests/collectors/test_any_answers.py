"""The pollers of alerts and tickets against whatever may answer in a service's place."""

from __future__ import annotations

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import (
    alertmanager,
    grafana,
    jira,
    linear,
    pagerduty,
    redmine,
    sentry,
)

SOURCE = SourceInfo("it", url="https://it.example.org", options={"project": "acme/shop"})
AT = "2027-01-15T07:59:00Z"
NAMED = {"id": 1, "name": "x", "summary": "x", "key": "x", "displayName": "x"}
STATUS = {
    "id": 5,
    "name": "Closed",
    "is_closed": True,
    "statusCategory": {"key": "done"},
    "type": "completed",
    "state": "active",
}
ITEM = {
    "field": "status",
    "from": "1",
    "fromString": "Open",
    "to": "5",
    "toString": "Closed",
    "name": "status_id",
    "old_value": "1",
    "new_value": "5",
}
CHANGE = {
    "id": 1,
    "created": AT,
    "created_on": AT,
    "createdAt": AT,
    "author": NAMED,
    "user": NAMED,
    "items": [ITEM],
    "details": [ITEM],
}
THING: dict[str, object] = {
    "id": "7", "key": "SHOP-7", "identifier": "SHOP-7", "title": "t", "subject": "t",
    "status": STATUS, "state": STATUS, "startsAt": AT, "labels": {"alertname": "x"},
    "annotations": {"summary": "s"}, "fingerprint": "f", "firstSeen": AT, "lastSeen": AT,
    "created_at": AT, "createdAt": AT, "created_on": AT, "updated_on": AT, "completedAt": AT,
    "project": NAMED, "service": NAMED, "team": NAMED,
    "fields": {
        "summary": "t", "created": AT, "status": STATUS, "project": NAMED, "priority": NAMED,
    },
    "changelog": {"histories": [CHANGE]}, "journals": [CHANGE],
    "history": {"nodes": [
        {"createdAt": AT, "fromState": {"type": "started"}, "toState": {"type": "completed"}},
    ]},
}  # fmt: skip
INCIDENT = THING | {"status": "resolved", "last_status_change_at": AT}
PAGE = {"nodes": [THING], "pageInfo": {"hasNextPage": True, "endCursor": "x"}}
ANSWERS: list[object] = [
    THING,
    {"issues": [THING], "total": 2, "total_count": 2, "issue_statuses": [STATUS]},
    {"issue": THING},
    {"uptime": AT},
    {"incidents": [INCIDENT]},
    {"incident": INCIDENT},
    {"data": {"issues": PAGE}},
]
MODULES = [alertmanager, grafana, jira, linear, pagerduty, redmine, sentry]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_any_answers_leave_a_cursor_that_the_next_round_can_read(module, any_answers):
    any_answers(module, SOURCE, ANSWERS)
