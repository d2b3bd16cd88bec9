"""TeamCity: its own webhooks and the plugin's, field by field; one fact by either."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import teamcity
from devstream_desktop.intake.webhook.proof import proves

B = "b" * 40


@pytest.fixture
def hook(reader):
    return reader("teamcity", teamcity.normalise)


def test_a_failed_build(hook):
    build = hook.event("BUILD_FINISHED")
    assert_event(build, kind="build", state="failed", service="Shop")
    assert_event(build, subject="build/Shop/main/Build@Shop_Build", number="8134", title="Build")
    assert_event(build, ref="main", revision=B, actor="ana", reason="")
    assert_event(build, count=2, total=214, time=1_799_999_940_000, duration=180_000)
    assert build.url == "https://ci.example.org/buildConfiguration/Shop_Build/8134"
    other = hook.event(
        "BUILD_FINISHED", {"payload": {"statusText": "Exit code 1 (new)", "testOccurrences": None}}
    )
    assert (other.reason, other.total) == ("Exit code 1 (new)", 0)


def test_its_steps_are_one_row(hook):
    started, finished, off = (
        hook.event(name) for name in ("BUILD_STARTED", "BUILD_FINISHED", "BUILD_INTERRUPTED")
    )
    assert (started.state, started.duration) == ("running", 0)
    assert_event(off, state="cancelled", actor="bo", reason="wrong branch")
    assert len({(event.subject, event.number) for event in (started, finished, off)}) == 1
    assert len({event.key for event in (started, finished, off)}) == 3


def test_a_build_that_is_told_finished_before_it_is_has_its_result(hook):
    assert (
        hook.event("BUILD_FINISHED", {"payload": {"state": "running", "status": "SUCCESS"}}).state
        == "succeeded"
    )
    assert hook.event("BUILD_FINISHED", {"payload": {"failedToStart": True}}).state == "errored"
    assert hook.event("BUILD_FINISHED", {"payload": {"status": "UNKNOWN"}}).state == "cancelled"
    assert hook.dropped("BUILD_FINISHED", {"payload": {"status": None}}) == "state-not-mapped"


def test_chosen_fields(hook):
    off = hook.event("BUILD_INTERRUPTED.chosen")
    assert_event(off, state="cancelled", service="Shop_Build", number="43", actor="bo")
    assert hook.dropped("BUILD_INTERRUPTED.chosen", {"payload": {"number": None}}) == "not-a-build"


def test_branches(hook):
    other = {"payload": {"branchName": "topic", "defaultBranch": None}}
    assert hook.dropped("BUILD_FINISHED", other) == "not-a-global-branch"
    assert hook.event("BUILD_FINISHED", other, source=SourceInfo("tc", ("top*",))).ref == "topic"
    chosen = {"payload": {"branchName": "topic", "defaultBranch": None, "href": None}}
    assert hook.dropped("BUILD_FINISHED", chosen) == "not-a-global-branch", "nobody says it is"
    chosen["payload"]["branchName"] = "main"
    assert hook.event("BUILD_FINISHED", chosen).ref == "main"
    assert (
        hook.dropped("BUILD_FINISHED", source=SourceInfo("tc", ("release/*",)))
        == "not-a-global-branch"
    )
    unnamed = {"payload": {"branchName": "<default>"}}
    assert hook.event("BUILD_FINISHED", unnamed).ref == "main", "its revision says which"
    assert hook.dropped("BUILD_FINISHED", {"payload": {"personal": True}}) == "personal-build"


def test_what_is_no_news(hook):
    assert hook.dropped("AGENT_REGISTRED") == "event-not-mapped"
    assert hook.dropped("CHANGES_LOADED") == "event-not-mapped"
    assert (
        hook.dropped("AGENT_REGISTRED", {"payload": {"id": "not a number"}}) == "event-not-mapped"
    )
    assert hook.dropped("BUILD_FINISHED", {"payload": None}) == "not-a-build"


def test_the_plugin_tells_the_same_fact(hook):
    told, native = hook.event("plugin"), hook.event("BUILD_FINISHED")
    assert_event(told, key=native.key, subject=native.subject, number=native.number)
    assert (
        hook.event("plugin", {"build": {"buildId": 8134, "buildNumber": 54}}).key == native.key
    ), "a template may write numbers"
    assert_event(
        told, state="failed", ref="main", actor="Ana", reason="Tests failed: 2, passed: 210"
    )


@pytest.mark.parametrize(
    ("notice", "result", "state"),
    [
        ("buildFinished", "success", "succeeded"),
        ("buildFixed", "success", "succeeded"),
        ("buildBroken", "failure", "failed"),
        ("buildInterrupted", "interrupted", "cancelled"),
        ("buildStarted", "running", "running"),
        ("buildAddedToQueue", "unknown", "queued"),
    ],
)
def test_the_plugins_notices(hook, notice, result, state):
    assert (
        hook.event("plugin", {"build": {"notifyType": notice, "buildResult": result}}).state
        == state
    )


def test_what_of_the_plugin_is_no_news(hook):
    for notice in ("beforeBuildFinish", "responsibilityChanged", "buildPinned", "testsMuted"):
        assert hook.dropped("plugin", {"build": {"notifyType": notice}}) == "event-not-mapped"
    assert hook.dropped("plugin", {"build": {"buildResult": "unknown"}}) == "state-not-mapped"
    assert hook.dropped("plugin", {"build": {"buildIsPersonal": True}}) == "personal-build"
    assert hook.dropped("plugin", {"build": {"branchIsDefault": False}}) == "not-a-global-branch"
    assert hook.event("plugin", {"build": {"triggeredBy": "Git"}}).actor == ""


def test_the_password_comes_in_a_header_of_its_own():
    webhook = teamcity.COLLECTOR.webhook
    assert proves(
        webhook,
        [b"s3cret"],
        b"{}",
        {"php-auth-user": "devstream", "php-auth-pw": "s3cret"},
        "",
        RECEIVED,
    )
    assert not proves(webhook, [b"s3cret"], b"{}", {"php-auth-user": "s3cret"}, "", RECEIVED)


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    source = SourceInfo("tc", ("release/*", "prod"))
    (event,) = teamcity.normalise(teamcity.sample(source, RECEIVED), source).events
    assert (event.state, event.ref) == ("succeeded", "prod")


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    files = sorted((payloads / "teamcity").glob("*.json"))
    if not files:
        pytest.skip("there are no real payloads of TeamCity")
    check_payloads("teamcity", teamcity.normalise, files)


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        teamcity.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("teamcity").values()],
        SourceInfo("tc"),
    )
