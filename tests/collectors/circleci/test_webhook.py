"""CircleCI: our samples field by field, all real payloads, the published signatures."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import circleci
from devstream_desktop.intake.webhook.proof import proves

B = "b" * 40
CI = SourceInfo("circleci")


@pytest.fixture
def hook(reader):
    return reader("circleci", circleci.normalise)


def test_a_failed_workflow(hook):
    run = hook.event("workflow")
    assert_event(run, kind="test", state="failed", service="shop")
    assert_event(run, subject="test/shop/main/build-and-test", number="130", title="build-and-test")
    assert_event(run, ref="main", revision=B, actor="Ana", reason="Retry card capture once")
    assert (run.time, run.duration) == (1_799_999_940_000, 180_000)
    assert run.url.endswith("/workflows/11111111-84db-47a0-bc6c-89e9fe751bc9")


def test_a_workflow_of_gitlab(hook):
    run = hook.event("workflow.gitlab")
    assert_event(run, state="succeeded", service="shop", ref="main", revision=B, actor="bo")
    request = {"pipeline": {"trigger_parameters": {"gitlab": {"type": "merge_request"}}}}
    assert hook.dropped("workflow.gitlab", request) == "run-of-a-pull-request"


@pytest.mark.parametrize(
    ("status", "state"),
    [("error", "errored"), ("unauthorized", "errored"), ("canceled", "cancelled")],
)
def test_statuses(hook, status, state):
    assert hook.event("workflow", {"workflow": {"status": status}}).state == state


def test_a_rerun_is_a_new_fact_of_the_same_row(hook):
    first, again = hook.event("workflow"), hook.event("workflow", {"workflow": {"id": "another"}})
    assert first.key != again.key
    assert (first.subject, first.number) == (again.subject, again.number)


def test_what_is_no_news(hook):
    assert hook.dropped("ping") == "ping"
    assert hook.dropped("job") == "job-of-a-workflow"
    assert hook.dropped("ping", {"type": "something-new"}) == "event-not-mapped"
    assert hook.dropped("workflow", {"workflow": {"status": "on_hold"}}) == "run-not-news"
    assert (
        hook.dropped("workflow", source=SourceInfo("ci", ("release/*",))) == "not-a-global-branch"
    )
    fork = {"pipeline": {"vcs": {"origin_repository_url": "https://github.com/eve/shop"}}}
    assert hook.dropped("workflow", fork) == "run-of-a-pull-request"
    tag = {"pipeline": {"vcs": {"branch": None, "tag": "v1.2"}}}
    assert hook.dropped("workflow", tag) == "not-a-branch"
    assert hook.event("workflow", tag, source=SourceInfo("ci", ("v*",))).ref == "v1.2"


def test_missing_parts(hook):
    run = hook.event(
        "workflow", {"project": None, "pipeline": None, "workflow": {"stopped_at": None}}
    )
    assert_event(run, service="circleci", ref="", time=1_799_999_940_170)


@pytest.mark.parametrize(
    ("secret", "body", "signature"),
    # https://circleci.com/docs/guides/integration/outbound-webhooks/#validate-webhooks
    [
        (
            "secret",
            "hello world",
            "734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a",
        ),
        (
            "another-secret",
            "lalala",
            "daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00",
        ),
        (
            "hunter123",
            "an-important-request-payload",
            "9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa",
        ),
    ],
)
def test_the_published_signatures(secret, body, signature):
    webhook = circleci.COLLECTOR.webhook
    headers = {"circleci-signature": f"v1={signature},v2=00"}
    assert proves(webhook, [secret.encode()], body.encode(), headers, "", RECEIVED)
    assert not proves(webhook, [b"another"], body.encode(), headers, "", RECEIVED)


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    source = SourceInfo("circleci", ("release/*", "prod"))
    (event,) = circleci.normalise(circleci.sample(source, RECEIVED), source).events
    assert (event.state, event.ref) == ("succeeded", "prod")


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    outcomes = check_payloads(
        "circleci", circleci.normalise, sorted((payloads / "circleci").glob("*.json"))
    )
    assert outcomes["lines"] >= 2


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        circleci.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("circleci").values()],
        CI,
    )
