"""GitLab: each event of our samples field by field, all real payloads, and whatever else a sender may put into a body."""

from __future__ import annotations

import json

import pytest

from devstream_collectors import gitlab
from devstream_collectors.change import remote_scope
from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.git import Move, change_event
from devstream_desktop.intake.proof import proof_headers, proves
from devstream_desktop.intake.signature import sign

GL = SourceInfo("gl")
A, B, C = "a" * 40, "b" * 40, "c" * 40
RECEIVED = 1_800_000_000_000
WEB = "https://gitlab.example.org/acme/shop"


@pytest.fixture
def deliver(samples, merged):
    def deliver(name: str, change: dict[str, object] | None = None, source: SourceInfo = GL, headers: dict[str, str] | None = None):
        body = merged(json.loads(samples("gitlab")[name]), change or {})
        return gitlab.normalise(Delivery(headers or {}, json.dumps(body).encode(), RECEIVED), source)

    return deliver


@pytest.fixture
def event(deliver):
    def event(*args, **keywords):
        result = deliver(*args, **keywords)
        assert not result.dropped, result
        (made,) = result.events
        return made

    return event


def test_push(event):
    push = event("push")
    assert (push.kind, push.state, push.service, push.subject) == ("change", "pushed", "shop", "change/shop/main")
    assert (push.ref, push.revision, push.previous, push.number, push.count) == ("main", B, A, B, 24)
    assert (push.actor, push.title, push.url) == ("ana", "Retry card capture once", f"{WEB}/-/compare/{A}...{B}")
    created, deleted = event("push.created"), event("push.deleted")
    assert (created.state, created.previous, created.url) == ("created", "", f"{WEB}/-/commit/{B}")
    assert (deleted.state, deleted.previous, deleted.revision, deleted.number) == ("deleted", A, "", A)
    assert event("push", {"commits": None, "total_commits_count": None, "user_username": None}).actor == "Ana Ås"


def test_which_branches_count(deliver, event):
    topic = {"ref": "refs/heads/topic"}
    assert deliver("push", topic).dropped == "not-a-global-branch"
    assert event("push", topic, SourceInfo("gl", ("top*",))).ref == "topic"
    unknown = {"project": {"default_branch": None}}
    assert event("push", unknown).ref == "main", "without any word of the default branch the usual names count"
    assert deliver("push", topic | unknown).dropped == "not-a-global-branch"
    assert deliver("tag_push").dropped == "not-a-branch"


@pytest.mark.parametrize("name", ["push", "push.created", "push.deleted"])
def test_plain_git_gives_the_same_key(event, name):
    pushed = event(name)
    move = Move("main", pushed.previous, pushed.revision)
    scope = remote_scope("git@gitlab.example.org:acme/shop.git")
    polled = change_event(SourceInfo("poll", service="shop"), scope, move, forced=False, count=2, head=None, now=1)
    assert (pushed.key, pushed.subject, pushed.number, pushed.state) == (polled.key, polled.subject, polled.number, polled.state)


def test_a_merged_merge_request_is_the_row_of_its_push(event, deliver):
    push, merge = event("push"), event("merge_request")
    assert (merge.kind, merge.state, merge.actor, merge.title) == ("change", "merged", "bo", "Retry card capture once (!482)")
    assert (merge.subject, merge.number, merge.revision) == (push.subject, push.number, push.revision)
    assert (merge.key != push.key, merge.url) == (True, f"{WEB}/-/merge_requests/482")
    assert merge.time == 1_799_999_980_000
    forward = event("merge_request", {"object_attributes": {"merge_commit_sha": None}})
    assert forward.revision == C, "a fast-forward has no commit of its own"
    assert deliver("merge_request", {"object_attributes": {"action": "close", "state": "closed"}}).dropped == "pull-request-not-merged"
    assert deliver("merge_request", {"object_attributes": {"target_branch": "topic"}}).dropped == "not-a-global-branch"


def test_a_pipeline(event):
    run = event("pipeline")
    assert (run.kind, run.state, run.subject, run.number) == ("build", "failed", "build/shop/main/pipeline", "31")
    assert (run.revision, run.actor, run.reason, run.duration) == (B, "bo", "unit tests", 170_000)
    assert (run.url, run.time) == (f"{WEB}/-/pipelines/31", 1_799_999_968_000)
    running = event("pipeline", {"object_attributes": {"status": "running", "finished_at": None, "duration": None}})
    assert (running.state, running.subject, running.number, running.reason) == ("running", run.subject, run.number, "")
    retried = event("pipeline", {"object_attributes": {"finished_at": "2027-01-15 07:59:58 UTC"}})
    assert retried.key != run.key, "a retried job ends the same pipeline once more"
    named = event("pipeline", {"object_attributes": {"name": "nightly tests"}})
    assert (named.kind, named.key) == ("test", run.key)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": "skipped"}, "run-not-news"),
        ({"status": "manual"}, "run-not-news"),
        ({"status": None}, "run-not-news"),
        ({"ref": "topic"}, "not-a-global-branch"),
        ({"ref": "refs/merge-requests/1/head"}, "run-of-a-pull-request"),
        ({"source": "merge_request_event"}, "run-of-a-pull-request"),
        ({"source": "parent_pipeline"}, "run-of-a-run"),
        ({"tag": True, "ref": "v1"}, "run-of-a-tag"),
    ],
)
def test_pipelines_that_are_no_news(deliver, change, reason):
    assert deliver("pipeline", {"object_attributes": change}).dropped == reason


def test_a_deployment(event, deliver):
    deploy = event("deployment")
    assert (deploy.kind, deploy.state, deploy.environment, deploy.severity.word) == ("deploy", "failure", "production", "critical")
    assert (deploy.subject, deploy.number, deploy.actor, deploy.ref) == ("deploy/shop/production/7101", "7101", "bo", "main")
    assert (deploy.revision, deploy.title, deploy.url) == (B, "Retry card capture once", f"{WEB}/-/jobs/796")
    assert deploy.time == 1_799_999_940_000
    states = {status: event("deployment", {"status": status}).state for status in ("running", "success", "canceled", "blocked")}
    assert states == {"running": "in_progress", "success": "success", "canceled": "cancelled", "blocked": "waiting"}
    assert deliver("deployment", {"status": "created"}).dropped == "deploy-not-news"


def test_issues(event, deliver):
    opened = event("issue")
    assert (opened.kind, opened.state, opened.subject, opened.number) == ("ticket", "opened", "ticket/shop/912", "912")
    assert (opened.actor, opened.title, opened.url) == ("eva", "Coupon applied twice", f"{WEB}/-/issues/912")
    closed = event("issue", {"object_attributes": {"action": "close", "closed_at": "2027-01-15T07:59:00Z"}})
    again = event("issue", {"object_attributes": {"action": "close", "closed_at": "2027-01-15T07:59:30Z"}})
    assert (closed.state, closed.subject, closed.key == again.key) == ("closed", opened.subject, False)
    assert event("issue", {"object_kind": "work_item", "object_attributes": {"action": "reopen"}}).state == "reopened"
    assert deliver("issue", {"object_attributes": {"action": "update"}}).dropped == "issue-not-news"


def test_what_is_confidential_is_not_told_to_the_whole_team(deliver):
    assert deliver("issue", {"object_attributes": {"confidential": True}}).dropped == "confidential"
    assert deliver("issue", {"event_type": "confidential_issue"}).dropped == "confidential"
    assert deliver("issue", headers={"x-gitlab-event": "Confidential Issue Hook"}).dropped == "confidential"


def test_what_is_not_mapped_is_dropped_by_name(deliver):
    assert deliver("note").dropped == "comment"
    assert deliver("note", {"object_kind": "build"}).dropped == "job-of-a-run"
    assert deliver("note", {"object_kind": None, "event_name": "user_create"}).dropped == "event-not-mapped"


def test_a_system_hook_names_its_event_otherwise(event):
    assert event("push", {"object_kind": None}).key == event("push").key


def test_a_secret_token_and_a_signing_token_prove_the_sender(samples):
    webhook, body = gitlab.COLLECTOR.webhook, samples("gitlab")["push"]
    assert proves(webhook, [b"s3cret"], body, proof_headers(webhook, b"s3cret", body, RECEIVED, "id"), "", RECEIVED)
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
