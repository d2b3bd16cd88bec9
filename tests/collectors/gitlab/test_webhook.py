"""GitLab: our samples field by field, all real payloads, and whatever else may come."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.kit.place import remote_scope
from devstream_collectors.sources import gitlab
from devstream_collectors.sources.git import change_event
from devstream_desktop.intake.webhook.proof import proof_headers, proves
from devstream_desktop.intake.webhook.signature import sign

GL = SourceInfo("gl")
A, B, C = "a" * 40, "b" * 40, "c" * 40
WEB = "https://gitlab.example.org/acme/shop"


@pytest.fixture
def gl(reader):
    return reader("gitlab", gitlab.normalise)


def test_push(gl):
    push = gl.event("push")
    assert_event(push, kind="change", state="pushed", service="shop", subject="change/shop/main")
    assert_event(push, ref="main", revision=B, previous=A, number=B, count=24)
    assert_event(
        push, actor="ana", title="Retry card capture once", url=f"{WEB}/-/compare/{A}...{B}"
    )
    created, deleted = gl.event("push.created"), gl.event("push.deleted")
    assert_event(created, state="created", previous="", url=f"{WEB}/-/commit/{B}")
    assert_event(deleted, state="deleted", previous=A, revision="", number="-" + A[:12])
    assert (
        gl.event(
            "push", {"commits": None, "total_commits_count": None, "user_username": None}
        ).actor
        == "Ana Ås"
    )


def test_which_branches_count(gl):
    topic = {"ref": "refs/heads/topic"}
    assert gl.dropped("push", topic) == "not-a-global-branch"
    assert gl.event("push", topic, SourceInfo("gl", ("top*",))).ref == "topic"
    unknown = {"project": {"default_branch": None}}
    assert gl.event("push", unknown).ref == "main", (
        "without any word of the default branch the usual names count"
    )
    assert gl.dropped("push", topic | unknown) == "not-a-global-branch"
    assert gl.dropped("tag_push") == "not-a-branch"


@pytest.mark.parametrize("name", ["push", "push.created", "push.deleted"])
def test_plain_git_gives_the_same_key(gl, name):
    pushed = gl.event(name)
    move = Moved("main", pushed.previous, pushed.revision)
    scope = remote_scope("git@gitlab.example.org:acme/shop.git")
    polled = change_event(
        SourceInfo("poll", service="shop"), scope, move, forced=False, count=2, head=None, now=1
    )
    assert_event(
        pushed, key=polled.key, subject=polled.subject, number=polled.number, state=polled.state
    )


def test_a_merged_merge_request_is_the_row_of_its_push(gl):
    push, merge = gl.event("push"), gl.event("merge_request")
    assert_event(
        merge, kind="change", state="merged", actor="bo", title="Retry card capture once (!482)"
    )
    assert_event(merge, subject=push.subject, number=push.number, revision=push.revision)
    assert (merge.key != push.key, merge.url) == (True, f"{WEB}/-/merge_requests/482")
    assert merge.time == 1_799_999_980_000
    forward = gl.event("merge_request", {"object_attributes": {"merge_commit_sha": None}})
    assert forward.revision == C, "a fast-forward has no commit of its own"
    assert (
        gl.dropped("merge_request", {"object_attributes": {"action": "close", "state": "closed"}})
        == "pull-request-not-merged"
    )
    assert (
        gl.dropped("merge_request", {"object_attributes": {"target_branch": "topic"}})
        == "not-a-global-branch"
    )


def test_a_pipeline(gl):
    run = gl.event("pipeline")
    assert_event(run, kind="build", state="failed", subject="build/shop/main/pipeline", number="31")
    assert_event(run, revision=B, actor="bo", reason="unit tests", duration=170_000)
    assert (run.url, run.time) == (f"{WEB}/-/pipelines/31", 1_799_999_968_000)
    running = gl.event(
        "pipeline",
        {"object_attributes": {"status": "running", "finished_at": None, "duration": None}},
    )
    assert_event(running, state="running", subject=run.subject, number=run.number, reason="")
    retried = gl.event(
        "pipeline", {"object_attributes": {"finished_at": "2027-01-15 07:59:58 UTC"}}
    )
    assert retried.key != run.key, "a retried job ends the same pipeline once more"
    named = gl.event("pipeline", {"object_attributes": {"name": "nightly tests"}})
    assert (named.kind, named.key) == ("test", run.key)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "manual"}, "run-not-news"),
        ({"status": None}, "run-not-news"),
        ({"ref": "topic"}, "not-a-global-branch"),
        ({"ref": "refs/merge-requests/1/head"}, "run-of-a-pull-request"),
        ({"source": "merge_request_event"}, "run-of-a-pull-request"),
        ({"source": "parent_pipeline"}, "run-of-a-run"),
        ({"tag": True, "ref": "v1"}, "run-of-a-tag"),
    ],
)
def test_pipelines_that_are_no_news(gl, change, reason):
    assert gl.dropped("pipeline", {"object_attributes": change}) == reason


def test_a_deployment(gl):
    deploy = gl.event("deployment")
    assert_event(
        deploy, kind="deploy", state="failure", environment="production", severity="critical"
    )
    assert_event(
        deploy, subject="deploy/shop/production/7101", number="7101", actor="bo", ref="main"
    )
    assert_event(deploy, revision=B, title="Retry card capture once", url=f"{WEB}/-/jobs/796")
    assert deploy.time == 1_799_999_940_000
    states = {
        status: gl.event("deployment", {"status": status}).state
        for status in ("running", "success", "canceled", "blocked")
    }
    assert states == {
        "running": "in_progress",
        "success": "success",
        "canceled": "cancelled",
        "blocked": "waiting",
    }
    assert gl.dropped("deployment", {"status": "created"}) == "deploy-not-news"


def test_issues(gl):
    opened = gl.event("issue")
    assert_event(opened, kind="ticket", state="opened", subject="ticket/shop/912", number="912")
    assert_event(opened, actor="eva", title="Coupon applied twice", url=f"{WEB}/-/issues/912")
    closed = gl.event(
        "issue", {"object_attributes": {"action": "close", "closed_at": "2027-01-15T07:59:00Z"}}
    )
    again = gl.event(
        "issue", {"object_attributes": {"action": "close", "closed_at": "2027-01-15T07:59:30Z"}}
    )
    assert (closed.state, closed.subject, closed.key == again.key) == (
        "closed",
        opened.subject,
        False,
    )
    assert (
        gl.event(
            "issue", {"object_kind": "work_item", "object_attributes": {"action": "reopen"}}
        ).state
        == "reopened"
    )
    assert gl.dropped("issue", {"object_attributes": {"action": "update"}}) == "issue-not-news"


def test_what_is_confidential_is_not_told_to_the_whole_team(gl):
    assert gl.dropped("issue", {"object_attributes": {"confidential": True}}) == "confidential"
    assert gl.dropped("issue", {"event_type": "confidential_issue"}) == "confidential"
    assert (
        gl.dropped("issue", headers={"x-gitlab-event": "Confidential Issue Hook"}) == "confidential"
    )


def test_an_open_issue_that_becomes_confidential_ends_without_its_title(gl):
    hook = {"x-gitlab-event": "Confidential Issue Hook"}
    change = {"previous": False, "current": True}
    hides = {
        "event_type": "confidential_issue",
        "object_attributes": {"action": "update", "confidential": True},
        "changes": {"confidential": change},
    }
    made = gl.event("issue", hides, headers=hook)
    opened = gl.event("issue")
    assert_event(made, state="closed", title="", reason="private", subject=opened.subject)
    new = hides | {"object_attributes": {"action": "open", "confidential": True}}
    assert gl.dropped("issue", new, headers=hook) == "confidential"
    over = {"closed_at": "2027-01-15T07:59:00Z", "action": "update", "confidential": True}
    assert gl.dropped("issue", hides | {"object_attributes": over}, headers=hook) == "confidential"
    shows = {
        "object_attributes": {"action": "update"},
        "changes": {"confidential": {"previous": True, "current": False}},
    }
    assert_event(gl.event("issue", shows), state="opened", title=opened.title)


def test_what_is_not_mapped_is_dropped_by_name(gl):
    assert gl.dropped("note") == "comment"
    assert gl.dropped("note", {"object_kind": "build"}) == "job-of-a-run"
    assert (
        gl.dropped("note", {"object_kind": None, "event_name": "user_create"}) == "event-not-mapped"
    )


def test_a_system_hook_names_its_event_otherwise(gl):
    assert gl.event("push", {"object_kind": None}).key == gl.event("push").key


def test_a_secret_token_and_a_signing_token_prove_the_sender(samples):
    webhook, body = gitlab.COLLECTOR.webhook, samples("gitlab")["push"]
    assert proves(
        webhook,
        [b"s3cret"],
        body,
        proof_headers(webhook, b"s3cret", body, RECEIVED, "id"),
        "",
        RECEIVED,
    )
    assert not proves(webhook, [b"s3cret"], body, {"x-gitlab-token": "other"}, "", RECEIVED)
    scheme, key = webhook.auth[1], b"whsec_" + b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(RECEIVED // 1000)}
    headers |= {"webhook-signature": sign(scheme, key, body, headers)}
    assert proves(webhook, [key], body, headers, "", RECEIVED)
    assert not proves(webhook, [key], body + b" ", headers, "", RECEIVED)


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    for source in (GL, SourceInfo("gl", ("release/*", "prod"))):
        assert gitlab.normalise(gitlab.sample(source, RECEIVED), source).events[0].state == "pushed"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    files = sorted((payloads / "gitlab").glob("*.json"))
    outcomes = check_payloads("gitlab", gitlab.normalise, files, source=GL)
    assert outcomes["lines"] >= 9
    for file in files:
        for made in gitlab.normalise(Delivery({}, file.read_bytes(), RECEIVED), GL).events:
            assert made.actor, file


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    deliveries = [Delivery({}, body, RECEIVED) for body in samples("gitlab").values()]
    survives(gitlab.normalise, deliveries, SourceInfo("gl", ("*",)))
