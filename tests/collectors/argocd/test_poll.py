"""Argo CD asked through its API: the rows of its notifications, and any answer is survived."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import argocd
from devstream_collectors.sources.argocd.poll import MAX_APPLICATIONS

POLLED = SourceInfo("argo", url="https://argocd.example.org")


@pytest.fixture
def told(reader):
    return reader("argocd", argocd.normalise)


def app_of(samples, name: str = "deployed", **changes: object) -> dict[str, object]:
    app = json.loads(samples("argocd")[name])["app"]
    app["status"] |= changes
    return app


def test_polling_gives_the_rows_of_the_notifications(samples, told, rounds, row):
    service = rounds(argocd, POLLED)
    service.say("/api/v1/applications", {"metadata": {}, "items": [app_of(samples)]})
    (first,) = service.round()
    assert row(first) == row(told.event("deployed"))
    assert first.url == "https://argocd.example.org/applications/argocd/shop"
    assert service.round() == [], "nothing new"
    operation = {
        "phase": "Running",
        "startedAt": "2027-01-15T08:30:00Z",
        "operation": {"initiatedBy": {"username": "ana"}},
    }
    service.say(
        "/api/v1/applications",
        {"items": [app_of(samples, operationState=operation), {"metadata": None}]},
    )
    assert [(event.state, event.actor) for event in service.round()] == [("in_progress", "ana")]
    assert service.dropped == {"not-an-application": 1}
    assert "items.status.operationState" in service.asked[0]


def test_polling_tells_an_incident_and_its_end_once(samples, rounds):
    service = rounds(argocd, POLLED)

    def says(health: str, since: str) -> list[tuple[str, str]]:
        service.say(
            "/api/v1/applications",
            {"items": [app_of(samples, health={"status": health, "lastTransitionTime": since})]},
        )
        return [(event.kind, event.state) for event in service.round()]

    assert says("Healthy", "2027-01-15T07:59:30Z") == [("deploy", "success")]
    assert says("Progressing", "2027-01-15T09:00:00Z") == []
    assert says("Healthy", "2027-01-15T09:00:10Z") == [], "a pod restarted"
    assert says("Degraded", "2027-01-15T09:30:00Z") == [("incident", "firing")]
    assert says("Degraded", "2027-01-15T09:30:00Z") == []
    assert says("Progressing", "2027-01-15T09:40:00Z") == []
    assert says("Healthy", "2027-01-15T09:41:00Z") == [("incident", "resolved")]
    assert says("Healthy", "2027-01-15T09:41:00Z") == []


def test_an_incident_that_a_deploy_ends_is_over(samples, told, rounds):
    service = rounds(argocd, POLLED)

    def says(began: str, phase: str, health: str, since: str) -> list[tuple[str, str]]:
        operation = {
            "phase": phase,
            "startedAt": f"2027-01-15T{began}:00Z",
            "operation": {"initiatedBy": {"username": "ana"}},
        }
        if phase == "Succeeded":
            operation["finishedAt"] = f"2027-01-15T{began}:10Z"
        app = app_of(
            samples,
            operationState=operation,
            health={"status": health, "lastTransitionTime": f"2027-01-15T{since}Z"},
        )
        service.say("/api/v1/applications", {"items": [app]})
        return [(event.kind, event.state) for event in service.round()]

    assert says("08:00", "Succeeded", "Healthy", "08:00:30") == [("deploy", "success")]
    assert says("08:00", "Succeeded", "Degraded", "10:00:00") == [("incident", "firing")]
    assert says("10:15", "Running", "Degraded", "10:00:00") == [("deploy", "in_progress")]
    assert says("10:15", "Running", "Healthy", "10:15:05") == []
    assert says("10:15", "Succeeded", "Progressing", "10:15:11") == []
    assert says("10:15", "Succeeded", "Healthy", "10:16:00") == [
        ("deploy", "success"),
        ("incident", "resolved"),
    ]
    assert says("10:15", "Succeeded", "Healthy", "10:16:00") == []
    # Its next deploy is healthy as well, and no incident ends with it.
    assert says("11:00", "Succeeded", "Healthy", "11:00:30") == [("deploy", "success")]


def test_only_what_was_asked_for():
    (request,) = argocd.requests(
        b"", SourceInfo("argo", options={"project": "acme", "selector": "team=shop"}), RECEIVED
    )
    assert "projects=acme" in request.path
    assert "selector=team%3Dshop" in request.path


def test_a_cursor_of_very_many_applications_stays_small(samples):
    (request,) = argocd.requests(b"", POLLED, RECEIVED)
    app = app_of(
        samples, health={"status": "Degraded", "lastTransitionTime": "2027-01-15T09:30:00Z"}
    )
    items = [
        app | {"metadata": app["metadata"] | {"uid": f"uid-{number}"}}
        for number in range(MAX_APPLICATIONS + 1)
    ]
    from devstream_collectors.contract import Response

    polled = argocd.parse(
        Response(request, 200, {}, json.dumps({"items": items}).encode(), RECEIVED), b"", POLLED
    )
    assert len(polled.cursor) < 64 * 1024
    assert polled.dropped == {"too-many-applications": 1}
