"""Argo CD's notifications: a healthy application is over, a degraded one is an incident."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import argocd
from devstream_desktop.stream.line import render

SHA, OLD = "9a8b7c6d5e4f30219a8b7c6d5e4f30219a8b7c6d", "1c2d3e4f5a6b70891c2d3e4f5a6b70891c2d3e4f"
POLLED = SourceInfo("argo", url="https://argocd.example.org")


@pytest.fixture
def told(reader):
    return reader("argocd", argocd.normalise)


def status(**changes: object) -> dict[str, object]:
    return {"app": {"status": changes}}


def test_an_application_that_was_synced_and_is_healthy(told):
    deploy = told.event("deployed")
    assert_event(deploy, kind="deploy", state="success", service="shop", environment="production")
    assert_event(deploy, actor="bo", revision=SHA, previous=OLD, ref="main")
    assert (deploy.number, deploy.duration) == ("2027-01-15T07:58:00Z", 90_000)
    assert deploy.url == "https://argocd.example.org/applications/argocd/shop"
    assert render(deploy) == "shop  bo deployed 9a8b7c6 to production in 1m30s"


def test_every_state_of_one_operation_is_one_row(told):
    done = told.event("deployed")
    runs = told.event(
        "deployed",
        status(operationState={"phase": "Running", "finishedAt": None, "syncResult": None}),
    )
    waits = told.event("deployed", status(health={"status": "Progressing"}))
    held = told.event("deployed", status(health={"status": "Suspended"}))
    bad = told.event("deployed", status(health={"status": "Degraded", "message": "pods crash"}))
    assert [event.state for event in (runs, waits, held, bad)] == [
        "in_progress",
        "in_progress",
        "waiting",
        "failure",
    ]
    assert {(event.subject, event.number) for event in (runs, waits, held, bad, done)} == {
        (done.subject, done.number)
    }
    assert runs.key == waits.key != done.key
    assert bad.reason == "applied, but degraded: pods crash"


def test_a_failed_sync(told):
    failed = told.event("failed")
    assert_event(failed, state="failure", environment="shop", actor="Argo CD")
    assert (
        failed.reason == 'one or more objects failed to apply, reason: services "shop" is forbidden'
    )
    assert_event(failed, revision="1.4.2", ref="1.4.2", duration=20_000)
    assert told.event("failed", status(operationState={"phase": "Error"})).state == "error"
    assert (
        told.event("failed", source=SourceInfo("argo", environment="staging")).environment
        == "staging"
    )


def test_the_same_revision_again_by_itself_is_no_news(told):
    again = {
        "operation": {"initiatedBy": {"username": "", "automated": True}},
        "syncResult": {"revision": OLD},
    }
    assert told.dropped("deployed", status(operationState=again)) == "same-revision-again"
    by_hand = {"syncResult": {"revision": OLD}}
    assert told.event("deployed", status(operationState=by_hand)).revision == OLD
    failing = again | {"phase": "Failed"}
    assert told.event("deployed", status(operationState=failing)).state == "failure"


def test_what_degrades_later_is_an_incident_until_it_is_healthy(told):
    result = told.read(
        "deployed",
        status(
            health={
                "status": "Degraded",
                "message": "pods crash",
                "lastTransitionTime": "2027-01-15T09:00:00Z",
            }
        ),
    )
    deploy, fires = result.events
    assert deploy.key == told.event("deployed").key, "the deploy itself went well"
    assert_event(fires, kind="incident", state="firing", service="shop", environment="production")
    assert (fires.title, fires.reason) == ("shop degraded", "pods crash")
    _, over = told.read(
        "deployed",
        status(health={"status": "Healthy", "lastTransitionTime": "2027-01-15T09:10:00Z"}),
    ).events
    assert_event(over, state="resolved", subject=fires.subject, number=fires.number)
    assert over.quiet, "a pod that restarts looks the same"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"text": "shop is deployed"}, "not-an-application"),
        ({"app": {}}, "not-an-application"),
        ({"app": {"metadata": {"name": "shop"}}}, "no-operation"),
        (
            {
                "kind": "Application",
                "metadata": {"name": "shop"},
                "status": {"operationState": {"phase": "Odd"}},
            },
            "no-operation",
        ),
    ],
)
def test_what_makes_no_line(body, reason):
    assert (
        argocd.normalise(
            Delivery({}, json.dumps(body).encode(), RECEIVED), SourceInfo("argo")
        ).dropped
        == reason
    )


def test_a_dry_run_is_no_deploy(told):
    assert (
        told.dropped("deployed", status(operationState={"operation": {"sync": {"dryRun": True}}}))
        == "dry-run"
    )


def app_of(samples, name: str = "deployed", **changes: object) -> dict[str, object]:
    app = json.loads(samples("argocd")[name])["app"]
    app["status"] |= changes
    return app


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    assert argocd.normalise(argocd.sample(POLLED, RECEIVED), POLLED).events[0].state == "success"


def test_whatever_comes_is_events_or_a_named_drop(samples, survives, any_answers):
    survives(
        argocd.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("argocd").values()],
        POLLED,
    )
    any_answers(argocd, POLLED, [{"items": [app_of(samples), app_of(samples, "failed")]}])
