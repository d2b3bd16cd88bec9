"""Buildkite: our samples field by field, and both ways to prove a sender."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import buildkite
from devstream_desktop.intake.webhook.proof import proof_headers, proves

B = "b" * 40


@pytest.fixture
def hook(reader):
    return reader("buildkite", buildkite.normalise, lambda name: {"x-buildkite-event": name})


def test_a_failed_build(hook):
    build = hook.event("build.finished")
    assert_event(build, kind="build", state="failed", service="shop")
    assert_event(build, subject="build/shop/main/Shop CI@shop-ci", number="27", title="Shop CI")
    assert_event(build, ref="main", revision=B, actor="Ana", reason="Retry card capture once")
    assert_event(
        build,
        url="https://buildkite.com/acme/shop-ci/builds/27",
        time=1_799_999_940_000,
        duration=180_000,
    )


def test_its_steps_are_one_row(hook):
    queued, running, failed = (
        hook.event(f"build.{name}") for name in ("scheduled", "running", "finished")
    )
    assert [event.state for event in (queued, running, failed)] == ["queued", "running", "failed"]
    assert len({(event.subject, event.number) for event in (queued, running, failed)}) == 1
    assert len({event.key for event in (queued, running, failed)}) == 3
    failing = hook.event("build.running", {"event": "build.failing", "build": {"state": "failing"}})
    assert failing.key == running.key, "it is still running"


def test_the_state_of_the_build_counts_and_not_the_event(hook):
    assert (
        hook.event(
            "build.running", {"build": {"state": "passed", "finished_at": "2027-01-15T07:59:00Z"}}
        ).state
        == "succeeded"
    )


def test_a_build_that_ends_a_second_time_is_a_new_fact(hook):
    first, again = (
        hook.event("build.finished"),
        hook.event("build.finished", {"build": {"finished_at": "2027-01-15T07:59:30Z"}}),
    )
    assert first.key != again.key
    assert (first.subject, first.number) == (again.subject, again.number)


def test_reasons(hook):
    assert (
        hook.event("build.finished", {"build": {"state": "passed", "blocked": True}}).reason
        == "waits to be unblocked"
    )
    assert (
        hook.event(
            "build.finished", {"build": {"state": "canceled", "cancel_reason": "too old"}}
        ).reason
        == "too old"
    )


def test_what_is_no_news(hook):
    assert hook.dropped("ping") == "ping"
    assert hook.dropped("job.finished") == "job-of-a-build"
    assert hook.dropped("agent.connected") == "event-not-mapped"
    for state, reason in (
        ("blocked", "build-blocked"),
        ("new", "state-not-mapped"),
    ):
        assert hook.dropped("build.finished", {"build": {"state": state}}) == reason
    assert hook.dropped("build.finished", {"build": {"branch": "topic"}}) == "not-a-global-branch"
    assert (
        hook.event(
            "build.finished", {"build": {"branch": "topic"}}, source=SourceInfo("bk", ("to*",))
        ).ref
        == "topic"
    )
    assert (
        hook.dropped("build.finished", {"build": {"pull_request": {"id": "7", "base": "main"}}})
        == "run-of-a-pull-request"
    )
    assert hook.dropped("build.finished", {"build": {"tag": "v1.2"}}) == "not-a-branch"
    assert (
        hook.event(
            "build.finished", {"build": {"tag": "v1.2"}}, source=SourceInfo("bk", ("v*",))
        ).ref
        == "v1.2"
    )


def test_missing_parts(hook):
    build = hook.event(
        "build.finished",
        {"pipeline": None, "build": {"creator": None, "web_url": None, "commit": "HEAD"}},
    )
    assert_event(build, service="buildkite", actor="", revision="")


def test_token_and_signature():
    webhook, body = buildkite.COLLECTOR.webhook, b"{}"
    headers = proof_headers(webhook, b"s3cret", body, RECEIVED, "1")
    assert headers["x-buildkite-signature"].startswith("timestamp=1800000000,signature=")
    assert proves(webhook, [b"s3cret"], body, headers, "", RECEIVED)
    assert not proves(webhook, [b"s3cret"], body, headers, "", RECEIVED + 600_000)
    assert proves(webhook, [b"s3cret"], body, {"x-buildkite-token": "s3cret"}, "", RECEIVED)
    assert not proves(webhook, [b"s3cret"], body, {"x-buildkite-token": ""}, "", RECEIVED)


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    source = SourceInfo("bk", ("release/*", "prod"))
    (event,) = buildkite.normalise(buildkite.sample(source, RECEIVED), source).events
    assert (event.state, event.ref) == ("succeeded", "prod")


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        buildkite.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("buildkite").values()],
        SourceInfo("bk"),
    )
