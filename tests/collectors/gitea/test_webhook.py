"""Gitea, Forgejo and Gogs: our samples field by field, and all real payloads."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.kit.place import remote_scope
from devstream_collectors.sources import gitea
from devstream_collectors.sources.git import change_event
from devstream_desktop.intake.webhook.proof import proof_headers, proves

GT = SourceInfo("gitea")
A, B = "a" * 40, "b" * 40
WEB = "https://gitea.example.org/acme/shop"


@pytest.fixture
def gt(reader):
    return reader("gitea", gitea.normalise, lambda name: {"x-gitea-event": name})


def test_push(gt):
    push = gt.event("push")
    assert_event(push, kind="change", state="pushed", service="shop", subject="change/shop/main")
    assert_event(push, ref="main", revision=B, previous=A, number=B, count=12)
    assert_event(push, actor="ana", title="Retry card capture once", url=f"{WEB}/compare/{A}...{B}")
    old = gt.event("push", {"head_commit": None, "total_commits": None, "pusher": None})
    assert_event(old, title="Retry card capture once", count=2, actor="ana")
    assert gt.dropped("push", {"ref": "refs/heads/topic"}) == "not-a-global-branch"
    assert gt.dropped("push", {"ref": "refs/tags/v1"}) == "not-a-branch"
    assert gt.dropped("push", {"before": B}) == "no-change"


@pytest.mark.parametrize("change", [{}, {"before": "0" * 40}, {"after": "0" * 40}])
def test_plain_git_gives_the_same_key(gt, change):
    pushed = gt.event("push", change)
    move = Moved("main", pushed.previous, pushed.revision)
    scope = remote_scope("ssh://git@gitea.example.org:2222/acme/shop.git")
    polled = change_event(
        SourceInfo("poll", service="shop"), scope, move, forced=False, count=2, head=None, now=1
    )
    assert_event(
        pushed, key=polled.key, subject=polled.subject, number=polled.number, state=polled.state
    )


def test_a_new_branch_is_told_twice_and_is_one_row(gt):
    pushed, created = gt.event("push", {"before": "0" * 40}), gt.event("create")
    assert_event(created, key=pushed.key, state="created", subject=pushed.subject, actor="ana")
    assert gt.dropped("create", {"ref_type": "tag"}) == "not-a-branch"


def test_a_branch_deleted_again_is_a_new_row(gt):
    first, second = (
        gt.event("delete"),
        gt.event("delete", {"repository": {"updated_at": "2027-01-15T07:59:59Z"}}),
    )
    assert_event(first, state="deleted", subject="change/shop/main", ref="main")
    assert first.key != second.key
    assert first.number


def test_a_merged_pull_request_is_the_row_of_its_push(gt):
    push, merge = gt.event("push"), gt.event("pull_request")
    assert_event(
        merge, kind="change", state="merged", actor="bo", title="Retry card capture once (#482)"
    )
    assert_event(merge, subject=push.subject, number=push.number, url=f"{WEB}/pulls/482")
    assert (merge.key != push.key, merge.time) == (True, 1_799_999_980_000)
    gogs = {
        "pull_request": {
            "base": None,
            "base_branch": "main",
            "merge_commit_sha": None,
            "merged_commit_id": B,
        }
    }
    assert gt.event("pull_request", gogs, headers={"x-gogs-event": "pull_request"}).key == merge.key
    assert (
        gt.dropped("pull_request", {"pull_request": {"merged": False}}) == "pull-request-not-merged"
    )
    assert gt.dropped("pull_request", {"action": "opened"}) == "pull-request-not-closed"
    assert (
        gt.dropped("pull_request", {"pull_request": {"base": {"ref": "topic"}}})
        == "not-a-global-branch"
    )


def test_issues(gt):
    opened = gt.event("issues")
    assert_event(opened, kind="ticket", state="opened", subject="ticket/shop/912", number="912")
    assert_event(opened, actor="eva", title="Coupon applied twice", url=f"{WEB}/issues/912")
    closed = gt.event(
        "issues", {"action": "closed", "issue": {"closed_at": "2027-01-15T07:59:00Z"}}
    )
    again = gt.event("issues", {"action": "closed", "issue": {"closed_at": "2027-01-15T07:59:30Z"}})
    assert (closed.subject, closed.key == again.key) == (opened.subject, False)
    assert gt.dropped("issues", {"action": "label_updated"}) == "issue-not-news"
    assert gt.dropped("issues", {"issue": {"pull_request": {"merged": False}}}) == "issue-not-news"


def test_a_run_of_actions_by_gitea_and_by_forgejo(gt):
    run = gt.event("workflow_run")
    assert_event(
        run, kind="build", state="failed", subject="build/shop/main/build.yml", number="31"
    )
    assert_event(run, revision=B, actor="bo", reason="Retry card capture once", duration=180_000)
    forgejo = gt.event("action_run_failure")
    assert_event(forgejo, state="failed", subject="build/shop/main/build.yml", number="31")
    assert_event(forgejo, key=run.key, actor="bo", duration=180_000)
    recovered = gt.event("action_run_failure", {"action": "recover", "run": {"status": None}})
    assert recovered.state == "succeeded"
    again = gt.event("workflow_run", {"workflow_run": {"run_attempt": 2}})
    assert (again.key == run.key, again.number) == (False, run.number)
    assert gt.event("workflow_run", {"action": "in_progress"}).state == "running"
    void = gt.event("workflow_run", {"workflow_run": {"conclusion": "skipped"}})
    assert (void.state, void.quiet, void.reason) == ("cancelled", True, "skipped")
    assert (
        gt.dropped("workflow_run", {"workflow_run": {"event": "pull_request"}})
        == "run-of-a-pull-request"
    )
    assert (
        gt.dropped("workflow_run", {"workflow_run": {"head_branch": "topic"}})
        == "not-a-global-branch"
    )


@pytest.mark.parametrize(
    "name", ["push", "create", "delete", "pull_request", "issues", "workflow_run"]
)
def test_without_a_header_the_body_says_what_it_is(gt, name):
    assert gt.event(name, headers={}) == gt.event(name)
    assert gt.event(name, headers={"x-forgejo-event": name, "x-gitea-event": ""}) == gt.event(name)


def test_what_is_not_mapped_is_dropped_by_name(gt):
    assert gt.dropped("issue_comment") == gt.dropped("issue_comment", headers={}) == "comment"
    assert gt.dropped("push", headers={"x-gitea-event": "repository"}) == "event-not-mapped"


def test_a_form_is_signed_over_its_payload_and_an_empty_signature_proves_nothing(samples):
    webhook, body = gitea.COLLECTOR.webhook, samples("gitea")["push"]
    headers = proof_headers(webhook, b"s3cret", body, RECEIVED, "id")
    assert proves(webhook, [b"s3cret"], body, headers, "", RECEIVED)
    form = urlencode({"payload": body}).encode()
    typed = headers | {"content-type": "application/x-www-form-urlencoded"}
    assert proves(webhook, [b"s3cret"], form, typed, "", RECEIVED)
    assert not proves(webhook, [b"other"], form, typed, "", RECEIVED)
    assert not proves(webhook, [b"s3cret"], body, {"x-gitea-signature": ""}, "", RECEIVED)


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    for source in (GT, SourceInfo("gt", ("release/*", "prod"))):
        assert gitea.normalise(gitea.sample(source, RECEIVED), source).events[0].state == "pushed"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    files = sorted((payloads / "gitea").glob("*.json"))
    assert check_payloads("gitea", gitea.normalise, files, source=GT)["lines"] >= 5
    for file in files:
        for made in gitea.normalise(Delivery({}, file.read_bytes(), RECEIVED), GT).events:
            assert made.actor, file


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    deliveries = [
        Delivery({"x-gitea-event": name}, body, RECEIVED) for name, body in samples("gitea").items()
    ]
    survives(gitea.normalise, deliveries, SourceInfo("gt", ("*",)))
    survives(
        gitea.normalise, [Delivery({}, body, RECEIVED) for body in samples("gitea").values()], GT
    )
