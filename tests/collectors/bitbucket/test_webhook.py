"""Bitbucket Cloud and Data Center: our samples field by field, and all real payloads."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.kit.place import remote_scope
from devstream_collectors.sources import bitbucket
from devstream_collectors.sources.git import change_event
from devstream_desktop.intake.webhook.proof import proof_headers, proves

BB = SourceInfo("bitbucket")
ALL = SourceInfo("bitbucket", ("*",))
A, B = "a" * 40, "b" * 40
WEB = "https://bitbucket.org/acme/shop"
KEYS = {
    "repo_push": "repo:push",
    "pullrequest_fulfilled": "pullrequest:fulfilled",
    "repo_commit_status_updated": "repo:commit_status_updated",
    "issue_created": "issue:created",
    "issue_updated": "issue:updated",
    "server_repo_refs_changed": "repo:refs_changed",
    "server_pr_merged": "pr:merged",
    "diagnostics_ping": "diagnostics:ping",
}


def key_of(name: str) -> dict[str, str]:
    return {"x-event-key": KEYS.get(name, "repo:push" if name.startswith("repo_push") else "")}


@pytest.fixture
def bb(reader):
    return reader("bitbucket", bitbucket.normalise, key_of)


def test_push(bb):
    push = bb.event("repo_push")
    assert_event(push, kind="change", state="pushed", service="shop", subject="change/shop/main")
    assert_event(push, ref="main", revision=B, previous=A, number=B, count=2)
    assert_event(
        push, actor="ana", title="Retry card capture once", url=f"{WEB}/branches/compare/{B}..{A}"
    )
    states = [bb.event(f"repo_push_{name}").state for name in ("forced", "created", "deleted")]
    assert states == ["force-pushed", "created", "deleted"]


@pytest.mark.parametrize(
    "name", ["repo_push", "repo_push_forced", "repo_push_created", "repo_push_deleted"]
)
def test_plain_git_gives_the_same_key(bb, name):
    pushed = bb.event(name)
    move = Moved("main", pushed.previous, pushed.revision)
    scope = remote_scope("git@bitbucket.org:acme/shop.git")
    forced = pushed.state == "force-pushed"
    polled = change_event(
        SourceInfo("poll", service="shop"), scope, move, forced=forced, count=2, head=None, now=1
    )
    assert_event(
        pushed, key=polled.key, subject=polled.subject, number=polled.number, state=polled.state
    )


def test_of_several_references_the_branches_that_count_make_lines(bb):
    result = bb.read("repo_push_several")
    assert [event.ref for event in result.events] == ["main"]
    assert [event.ref for event in bb.read("repo_push_several", source=ALL).events] == [
        "main",
        "topic",
    ]
    assert bb.dropped("repo_push_several", source=SourceInfo("bb", ("prod",))) == "not-a-branch"
    assert bb.dropped("repo_push", {"push": {"changes": []}}) == "no-change"
    assert bb.dropped("repo_push", source=SourceInfo("bb", ("prod",))) == "not-a-global-branch"


def test_a_merged_pull_request(bb):
    merge = bb.event("pullrequest_fulfilled")
    assert_event(
        merge, kind="change", state="merged", actor="bo", title="Retry card capture once (#482)"
    )
    assert_event(
        merge, subject="change/shop/main", revision="b" * 12, url=f"{WEB}/pull-requests/482"
    )
    assert bb.event("pullrequest_fulfilled", headers={}) == merge, "its state says it too"
    assert (
        bb.event("pullrequest_fulfilled", {"pullrequest": {"merge_commit": None}}).number == "#482"
    )
    assert (
        bb.dropped("pullrequest_fulfilled", headers={"x-event-key": "pullrequest:created"})
        == "pull-request-not-merged"
    )
    topic = {"pullrequest": {"destination": {"branch": {"name": "topic"}}}}
    assert bb.dropped("pullrequest_fulfilled", topic) == "not-a-global-branch"


def test_a_build_by_its_commit_status(bb):
    run = bb.event("repo_commit_status_updated")
    assert_event(
        run, kind="build", state="failed", subject="build/shop/main/Shop@shop-ci", number=B
    )
    assert_event(run, revision=B, reason="2 of 214 tests failed", duration=180_000)
    other = {"commit_status": {"commit": None}}
    bare = bb.event("repo_commit_status_updated", other)
    assert (bare.revision, bare.key) == (B, run.key), (
        "old ones name the commit by its address alone"
    )
    again = bb.event(
        "repo_commit_status_updated", {"commit_status": {"url": "https://ci.example.org/shop/94"}}
    )
    assert (again.key == run.key, again.number) == (False, run.number)
    states = {
        name: bb.event("repo_commit_status_updated", {"commit_status": {"state": name}}).state
        for name in ("INPROGRESS", "STOPPED")
    }
    assert states == {"INPROGRESS": "running", "STOPPED": "cancelled"}
    assert (
        bb.dropped("repo_commit_status_updated", {"commit_status": {"state": "UNKNOWN"}})
        == "run-not-news"
    )
    for branch in ("topic", None):
        other = {"commit_status": {"refname": branch}}
        assert bb.dropped("repo_commit_status_updated", other) == "not-a-global-branch"


def test_issues(bb):
    opened, closed = bb.event("issue_created"), bb.event("issue_updated")
    assert_event(opened, kind="ticket", state="opened", subject="ticket/shop/912", number="912")
    assert_event(opened, actor="eva", title="Coupon applied twice", url=f"{WEB}/issues/912/coupon")
    assert (closed.state, closed.subject) == ("closed", opened.subject)
    reopened = bb.event("issue_updated", {"changes": {"status": {"old": "closed", "new": "open"}}})
    assert (reopened.state, reopened.key == closed.key) == ("reopened", False)
    assert (
        bb.dropped("issue_updated", {"changes": {"status": {"old": "new", "new": "open"}}})
        == "issue-not-news"
    )
    assert bb.dropped("issue_updated", {"changes": None}) == "issue-not-news"


def test_what_data_center_pushes(bb):
    push = bb.event("server_repo_refs_changed")
    assert_event(push, kind="change", state="pushed", service="shop", subject="change/shop/main")
    assert_event(push, revision=B, previous=A, count=2, actor="ana")
    assert (push.title, push.time) == ("Retry card capture once", 1_799_999_940_000)
    assert push.url == f"https://git.example.org/projects/WEB/repos/shop/commits/{B}"
    old = bb.event("server_repo_refs_changed", {"commits": None, "toCommit": None})
    assert (old.key, old.title) == (push.key, ""), "before version 8 it does not say the commits"
    for remote in (
        "ssh://git@git.example.org:7999/web/shop.git",
        "https://git.example.org/scm/web/shop.git",
    ):
        move = Moved("main", A, B)
        polled = change_event(
            SourceInfo("poll", service="shop"),
            remote_scope(remote),
            move,
            forced=False,
            count=2,
            head=None,
            now=1,
        )
        assert polled.key == push.key
    assert bb.event("server_repo_refs_changed", headers={}) == push
    assert bb.event("server_repo_refs_changed", {"eventKey": None}) == push, (
        "the header says it too"
    )


def test_what_data_center_merges(bb):
    push, merge = bb.event("server_repo_refs_changed"), bb.event("server_pr_merged")
    assert_event(merge, state="merged", actor="bo", title="Retry card capture once (#482)")
    assert_event(merge, subject=push.subject, number=push.number, time=1_799_999_980_000)
    assert bb.dropped("server_pr_merged", {"eventKey": "pr:declined"}) == "pull-request-not-merged"
    assert bb.dropped("server_pr_comment_added") == "comment"
    assert bb.dropped("server_pr_merged", {"eventKey": "repo:forked"}) == "event-not-mapped"


def test_pings_and_what_is_not_mapped(bb):
    assert bb.dropped("diagnostics_ping") == bb.dropped("diagnostics_ping", headers={}) == "ping"
    assert bb.dropped("repo_push", headers={"x-event-key": "repo:fork"}) == "event-not-mapped"
    assert (
        bb.dropped("repo_push", headers={"x-event-key": "pullrequest:comment_created"}) == "comment"
    )


def test_a_signature_or_basic_proves_the_sender(samples):
    webhook, body = bitbucket.COLLECTOR.webhook, samples("bitbucket")["repo_push"]
    headers = proof_headers(webhook, b"s3cret", body, RECEIVED, "id")
    assert headers["x-hub-signature"].startswith("sha256=")
    assert proves(webhook, [b"s3cret"], body, headers, "", RECEIVED)
    assert not proves(webhook, [b"s3cret"], body + b" ", headers, "", RECEIVED)
    assert proves(
        webhook, [b"ana:s3cret"], body, {"authorization": "Basic YW5hOnMzY3JldA=="}, "", RECEIVED
    )


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    for source in (BB, SourceInfo("bb", ("release/*", "prod")), SourceInfo("bb", ("prod",))):
        assert bitbucket.normalise(bitbucket.sample(source, RECEIVED), source).events


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    for folder in ("bitbucket", "bitbucket-server", "bitbucket2", "bitbucket3"):
        files = sorted((payloads / folder).glob("*.json"))
        assert check_payloads("bitbucket", bitbucket.normalise, files, source=BB)["lines"] >= 1
        for file in files:
            for made in bitbucket.normalise(Delivery({}, file.read_bytes(), RECEIVED), ALL).events:
                assert made.actor, file


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    deliveries = [
        Delivery(key_of(name), body, RECEIVED) for name, body in samples("bitbucket").items()
    ]
    survives(bitbucket.normalise, deliveries, ALL)
    survives(
        bitbucket.normalise, [Delivery({}, delivery.body, RECEIVED) for delivery in deliveries], BB
    )
