"""CloudEvents in every form they may come in, and each CDEvent of our samples field by field."""

from __future__ import annotations

import base64
import json

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import cloudevents
from devstream_desktop.stream.line import render

CE = SourceInfo("ce")
JSON = {"content-type": "application/json"}
STRUCTURED = {"content-type": "application/cloudevents+json; charset=utf-8"}
BATCH = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}


@pytest.fixture
def told(reader):
    return reader("cloudevents", cloudevents.normalise, lambda _: JSON)


def read(headers, document, source: SourceInfo = CE):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return cloudevents.normalise(Delivery(headers, body, RECEIVED), source)


def binary(event) -> tuple[dict[str, str], bytes]:
    attributes = {
        f"ce-{name}": str(event[name]) for name in ("id", "source", "type", "specversion", "time")
    }
    return attributes | JSON, json.dumps(event["data"]).encode()


def test_a_pipelines_run(told):
    run = told.event("pipelinerun.finished")
    assert_event(run, kind="build", state="failed", service="ci/acme/shop", title="integration")
    assert_event(
        run,
        number="acme/run-93",
        reason="2 of 214 tests failed",
        url="https://ci.example.org/acme/shop/runs/93",
    )
    assert run.time == RECEIVED - 60_000, "the CDEvent's own time, not the envelope's"
    started = told.event(
        "pipelinerun.finished",
        {
            "data": {
                "context": {"type": "dev.cdevents.pipelinerun.started.0.3.0"},
                "subject": {"content": None},
            }
        },
    )
    assert (started.state, started.number) == ("running", run.number)


def test_the_three_forms_say_one_thing(samples):
    event = json.loads(samples("cloudevents")["pipelinerun.finished"])
    one = read(STRUCTURED, event)
    assert len(one.events) == 1
    assert read(JSON, event) == one, "a sender that calls it plain JSON"
    assert read(*binary(event)) == one
    assert read(BATCH, [event]) == one
    encoded = event | {
        "data": None,
        "data_base64": base64.b64encode(json.dumps(event["data"]).encode()).decode(),
    }
    assert read(STRUCTURED, encoded) == one
    assert read(STRUCTURED, event | {"data": json.dumps(event["data"])}) == one, "JSON in a text"
    assert read({}, event["data"]) == one, "a CDEvent without an envelope"
    assert read(STRUCTURED, event | {"id": "another envelope of the same"}) == one


def test_an_envelope_that_says_it_alone(samples):
    event = json.loads(samples("cloudevents")["pipelinerun.finished"])
    bare = event | {"data": {"subject": event["data"]["subject"]}}
    (run,) = read(STRUCTURED, bare).events
    assert (run.state, run.time) == ("failed", RECEIVED - 120_000)


def test_binary_attributes_are_percent_encoded(samples):
    event = json.loads(samples("cloudevents")["pipelinerun.finished"])
    del event["data"]["subject"]["source"], event["data"]["context"]["source"]
    headers, body = binary(event | {"source": "/ci/caf%C3%A9"})
    assert read(headers, body).events[0].service == "ci/café"


def test_a_batch_gives_what_it_can(samples):
    good, deploy = (
        json.loads(samples("cloudevents")[name])
        for name in ("pipelinerun.finished", "service.deployed")
    )
    result = read(
        BATCH,
        [
            {"specversion": "1.0"},
            good,
            {"type": "other", "specversion": "1.0", "id": "1", "source": "/"},
            7,
            deploy,
        ],
    )
    assert [event.kind for event in result.events] == ["build", "deploy"]
    assert read(BATCH, []).dropped == "empty-batch"
    assert read(BATCH, [{"specversion": "1.0"}]).dropped == "not-a-cloudevent"


@pytest.mark.parametrize(
    ("headers", "body", "reason"),
    [
        (
            STRUCTURED,
            {"specversion": "1.0", "type": "dev.cdevents.build.started.0.1.0", "source": "/"},
            "not-a-cloudevent",
        ),
        (
            STRUCTURED,
            {"specversion": "1.0", "type": "com.example.made", "source": "/", "id": "1"},
            "event-not-mapped",
        ),
        (
            STRUCTURED,
            {
                "specversion": "1.0",
                "type": "dev.cdevents.build.started.0.1.0",
                "source": "/",
                "id": "1",
            },
            "event-without-data",
        ),
        (
            STRUCTURED,
            {
                "specversion": "1.0",
                "type": "dev.cdevents.x",
                "source": "/",
                "id": "1",
                "data_base64": "?",
            },
            "unreadable-data",
        ),
        ({"content-type": "application/cloudevents+avro"}, b"\x00\x01", "format-not-known"),
        (
            {
                "ce-type": "com.example.made",
                "ce-id": "1",
                "ce-source": "/",
                "ce-specversion": "1.0",
            },
            b"\xff\xd8",
            "event-not-mapped",
        ),
        (
            {"ce-type": "com.example.made", "ce-id": "1", "ce-specversion": "1.0"},
            b"[]",
            "not-a-cloudevent",
        ),
        (
            JSON,
            {"context": {"type": "dev.cdevents.moon.landed.0.1.0"}, "subject": {"id": "1"}},
            "event-not-mapped",
        ),
        (
            JSON,
            {"context": {"type": "dev.cdeventsx.tool-thing.made.0.1.0"}, "subject": {"id": "1"}},
            "event-not-mapped",
        ),
        (
            JSON,
            {"context": {"type": "dev.cdevents.build.started.0.1.0"}, "subject": None},
            "subject-without-id",
        ),
    ],
)
def test_what_makes_no_line_is_dropped_by_name(headers, body, reason):
    assert read(headers, body).dropped == reason


def test_a_service_that_is_deployed(told):
    deploy = told.event("service.deployed")
    assert_event(deploy, kind="deploy", state="success", service="shop", environment="production")
    assert (deploy.revision[:7], deploy.title, deploy.number) == (
        "9a8b7c6",
        "shop-web",
        "0f7c1d52-02",
    )
    assert render(deploy) == "shop  somebody deployed 9a8b7c6 to production — shop-web"
    back = told.event(
        "service.deployed", {"context": {"type": "dev.cdevents.service.rolledback.0.2.0"}}
    )
    assert (back.state, back.reason) == ("success", "rolled back")
    gone = told.event(
        "service.deployed", {"context": {"type": "dev.cdevents.service.removed.0.2.0"}}
    )
    assert gone.state == "inactive"
    again = told.event("service.deployed", {"context": {"id": "another"}})
    assert again.key != deploy.key, "the same version twice is two deploys"
    assert (
        told.dropped(
            "service.deployed", {"context": {"type": "dev.cdevents.service.published.0.2.0"}}
        )
        == "deploy-not-news"
    )


def test_an_incident_and_its_end_are_one_row(told):
    fires = told.event("incident.detected")
    over = told.event(
        "incident.detected",
        {"context": {"type": "dev.cdevents.incident.resolved.0.3.0", "id": "other"}},
    )
    assert_event(fires, kind="incident", state="firing", service="shop", environment="production")
    assert_event(fires, title="incident-12", reason="5xx above 2 %", revision="9a8b7c6d5e4f")
    assert_event(over, state="resolved", subject=fires.subject, number=fires.number)
    again = told.event("incident.detected", {"context": {"id": "a day later"}})
    assert (again.subject, again.number) == (fires.subject, fires.number)
    assert again.key != fires.key


def test_a_merged_change_and_branches(told):
    merged = told.event("change.merged")
    assert_event(merged, kind="change", state="merged", service="shop")
    assert render(merged) == "shop  somebody merged 482 — Retry card capture once"
    assert (
        told.dropped("change.merged", {"context": {"type": "dev.cdevents.change.reviewed.0.3.0"}})
        == "change-not-merged"
    )
    branch = told.event("branch.created", source=SourceInfo("ce", ("release/*",)))
    assert_event(branch, state="created", ref="release/2", service="shop")
    assert told.dropped("branch.created") == "not-a-global-branch"


def test_a_ticket(told):
    ticket = told.event("ticket.created")
    assert_event(ticket, kind="ticket", state="opened", service="shop", actor="eva")
    assert (ticket.number, ticket.title) == ("SHOP-912", "Coupon applied twice")
    closed = told.event(
        "ticket.created",
        {
            "context": {"type": "dev.cdevents.ticket.closed.0.2.0"},
            "subject": {"content": {"updatedBy": "bo"}},
        },
    )
    assert_event(closed, state="closed", actor="bo", subject=ticket.subject)
    assert (
        told.dropped("ticket.created", {"context": {"type": "dev.cdevents.ticket.updated.0.2.0"}})
        == "ticket-not-news"
    )


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("pass", "succeeded"),
        ("success", "succeeded"),
        ("fail", "failed"),
        ("failure", "failed"),
        ("error", "errored"),
        ("cancel", "cancelled"),
    ],
)
def test_the_outcomes_of_every_version(told, outcome, state):
    run = told.event("testsuiterun.finished", {"subject": {"content": {"outcome": outcome}}})
    assert_event(run, kind="test", state=state, title="Login")
    assert run.reason == ("database not found" if state in ("failed", "errored") else "")


def test_a_build_says_what_it_made(told):
    build = told.event("build.finished")
    assert render(build) == "ci/acme/shop  build passed — shop-web 1.4.2"
    started = told.event(
        "build.finished",
        {"context": {"type": "dev.cdevents.build.started.0.3.0"}, "subject": {"content": None}},
    )
    assert_event(started, state="running", subject=build.subject, number=build.number)
    assert (
        told.dropped("build.finished", {"subject": {"content": {"artifactId": None}}})
        == "outcome-not-said"
    )
    assert (
        told.dropped("testsuiterun.finished", {"subject": {"content": {"outcome": "whatever"}}})
        == "outcome-not-said"
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("taskrun.finished", "task-of-a-pipeline"),
        ("testcaserun.finished", "single-test-case"),
        ("artifact.signed", "artifact"),
    ],
)
def test_what_is_a_part_of_something_else_is_no_line(told, kind, reason):
    assert (
        told.dropped("build.finished", {"context": {"type": f"dev.cdevents.{kind}.0.3.0"}})
        == reason
    )


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    delivery = cloudevents.sample(CE, RECEIVED)
    assert cloudevents.normalise(delivery, CE).events[0].state == "succeeded"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    files = sorted((payloads / "cdevents").glob("*.json"))
    outcomes = check_payloads("cdevents", cloudevents.normalise, files, lambda _: JSON, CE)
    assert outcomes["lines"] >= 19
    assert "event-not-mapped" not in outcomes
    keys = [made.key for file in files for made in read(JSON, file.read_bytes()).events]
    assert len(keys) == len(set(keys))


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    bodies = samples("cloudevents")
    known = [Delivery(JSON, body, RECEIVED) for body in bodies.values()]
    known.append(Delivery(BATCH, b"[" + b",".join(bodies.values()) + b"]", RECEIVED))
    known.append(Delivery(*binary(json.loads(bodies["pipelinerun.finished"])), RECEIVED))
    survives(cloudevents.normalise, known, CE)
