"""Jenkins' Notification plugin: each phase of our samples field by field."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import jenkins

B = "b" * 40


@pytest.fixture
def hook(reader):
    return reader("jenkins", jenkins.normalise)


def test_a_finished_build(hook):
    build = hook.event("finalized")
    assert_event(
        build, kind="build", state="failed", service="shop", subject="build/shop//shop", number="93"
    )
    assert_event(build, ref="main", revision=B, actor="ana, bo", title="shop")
    assert_event(build, count=2, total=214, reason="Nightly", duration=192_000)
    assert (build.url, build.time) == ("https://ci.example.org/job/shop/93/", 1_799_999_955_200)


def test_its_phases_are_one_row_and_both_ends_one_fact(hook):
    assert hook.dropped("started") == "branch-not-known-yet"
    started = hook.event("started", {"build": {"scm": {"branch": "origin/main"}}})
    completed, finalized = (hook.event(name) for name in ("completed", "finalized"))
    assert_event(started, state="running", duration=0, total=0)
    assert (started.subject, started.number) == (finalized.subject, finalized.number)
    assert started.key != finalized.key == completed.key
    assert hook.dropped("queued") == "build-queued"
    assert hook.dropped("started", {"build": {"phase": "NONE"}}) == "phase-not-mapped"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("SUCCESS", "succeeded"),
        ("FAILURE", "failed"),
        ("FAILED", "failed"),
        ("UNSTABLE", "failed"),
        ("ABORTED", "cancelled"),
    ],
)
def test_results(hook, status, state):
    assert hook.event("finalized", {"build": {"status": status}}).state == state


def test_a_build_without_a_result_is_no_news(hook):
    void = hook.event("finalized", {"build": {"status": "NOT_BUILT"}})
    assert (void.state, void.quiet, void.reason) == ("cancelled", True, "not built")
    assert hook.dropped("finalized", {"build": {"status": None}}) == "no-result"
    assert hook.dropped("finalized", {"build": None}) == "not-a-build"


def test_branches(hook):
    only = SourceInfo("jenkins", ("main",))
    assert hook.event("finalized", source=only).ref == "main"
    assert (
        hook.dropped("finalized", {"build": {"scm": {"branch": "origin/topic"}}}, source=only)
        == "not-a-global-branch"
    )
    assert hook.dropped("started", source=only) == "branch-not-known-yet", (
        "a row begun for a topic would never end"
    )
    assert (
        hook.event("finalized", {"build": {"scm": {"branch": "detached"}}}, source=only).ref == ""
    )


def test_a_multibranch_job_is_its_project_and_branch(hook):
    build = hook.event("multibranch")
    assert_event(build, service="shop", subject="build/shop//shop/release/2", ref="")
    told = SourceInfo("jenkins", ("release/*",), options={"multibranch": True})
    assert hook.event("multibranch", source=told).ref == "release/2"
    main = SourceInfo("jenkins", ("main",), options={"multibranch": True})
    assert hook.dropped("multibranch", source=main) == "not-a-global-branch"
    page = "https://ci.example.org/job/acme/job/shop/job/PR-7/1/"
    assert hook.dropped("multibranch", {"build": {"full_url": page}}) == "run-of-a-pull-request"


def test_two_servers_with_one_job_stay_two(hook):
    first = hook.event("finalized")
    assert (
        hook.event(
            "finalized", {"build": {"full_url": "https://ci.example.org:8443/job/shop/93/"}}
        ).key
        != first.key
    )
    assert (
        hook.event(
            "finalized",
            {"build": {"number": 94, "full_url": "https://ci.example.org/job/shop/94/"}},
        ).key
        != first.key
    )


def test_a_jenkins_that_does_not_know_its_address(hook):
    build = hook.event("finalized", {"build": {"full_url": None}})
    assert (build.service, build.url) == ("shop", "")
    old = hook.event(
        "finalized",
        {"url": None, "build": {"full_url": None, "url": None, "timestamp": 1_799_999_955_200}},
    )
    assert (old.subject, old.time) == (build.subject, build.time)


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    source = SourceInfo("jenkins", ("release/*", "prod"))
    (event,) = jenkins.normalise(jenkins.sample(source, RECEIVED), source).events
    assert (event.state, event.ref) == ("succeeded", "prod")


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    files = sorted((payloads / "jenkins").glob("*.json"))
    if not files:
        pytest.skip("there are no real payloads of Jenkins")
    check_payloads("jenkins", jenkins.normalise, files)


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        jenkins.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("jenkins").values()],
        SourceInfo("jenkins"),
    )
