"""GitHub: our samples field by field, all real payloads, and whatever else may come."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.kit.place import remote_scope
from devstream_collectors.sources import github
from devstream_collectors.sources.git import change_event
from devstream_collectors.sources.github.run import VOID

GH = SourceInfo("gh")


@pytest.fixture
def sample(samples) -> Callable[[str], Delivery]:
    """`sample("push.forced")`: the event's name is up to the first point."""

    def read(name: str) -> Delivery:
        return Delivery(
            {"x-github-event": name.split(".", maxsplit=1)[0]}, samples("github")[name], RECEIVED
        )

    return read


A, B = "a" * 40, "b" * 40


def event(delivery: Delivery, source: SourceInfo = GH):
    result = github.normalise(delivery, source)
    assert not result.dropped, result
    (made,) = result.events
    return made


def dropped(delivery: Delivery, source: SourceInfo = GH) -> str:
    result = github.normalise(delivery, source)
    assert result.events == ()
    return result.dropped


def changed(delivery: Delivery, change: dict[str, object]) -> Delivery:
    """The delivery with some fields replaced, nested ones merged."""

    def merge(old: object, new: object) -> object:
        if isinstance(old, dict) and isinstance(new, dict):
            return old | {key: merge(old.get(key), value) for key, value in new.items()}
        return new

    return Delivery(
        delivery.headers,
        json.dumps(merge(json.loads(delivery.body), change)).encode(),
        delivery.received,
    )


def test_push(sample):
    push = event(sample("push"))
    assert_event(push, kind="change", state="pushed", service="shop", subject="change/shop/main")
    assert_event(push, ref="main", revision=B, previous=A, number=B, count=2)
    assert_event(push, actor="ana", title="Retry card capture once", source="gh")
    assert (push.url, push.time) == (
        "https://github.com/Acme/shop/compare/aaaaaaaaaaaa...bbbbbbbbbbbb",
        1_799_999_998_000,
    )
    assert not push.quiet


@pytest.mark.parametrize("state", ["pushed", "forced", "created", "deleted"])
def test_webhook_and_poll_of_one_repository_give_one_key(sample, state):
    pushed = event(sample("push" if state == "pushed" else f"push.{state}"))
    move = Moved("main", "" if state == "created" else A, "" if state == "deleted" else B)
    scope = remote_scope("git@github.com:acme/shop.git")
    polled = change_event(
        SourceInfo("poll", service="shop"),
        scope,
        move,
        forced=state == "forced",
        count=2,
        head=None,
        now=1,
    )
    assert_event(
        pushed, key=polled.key, subject=polled.subject, number=polled.number, state=polled.state
    )


def test_push_of_other_sorts(sample):
    forced, created, deleted = (
        event(sample(f"push.{name}")) for name in ("forced", "created", "deleted")
    )
    assert_event(forced, state="force-pushed", previous=A, revision=B)
    assert (created.state, created.previous) == ("created", "")
    assert_event(deleted, state="deleted", previous=A, revision="", number="-" + A[:12])
    assert event(sample("push.many")).count == 3000
    assert dropped(sample("push.tag")) == "not-a-branch"
    assert dropped(sample("push.topic")) == "not-a-global-branch"
    assert event(sample("push.topic"), SourceInfo("gh", ("main*",))).ref == "maintenance"
    assert dropped(sample("push"), SourceInfo("gh", ("release/*",))) == "not-a-global-branch"


def test_a_configured_service_is_what_the_lines_are_about(sample):
    assert event(sample("push"), SourceInfo("gh", service="till")).subject == "change/till/main"


def test_a_merged_pull_request_is_the_row_of_its_push(sample):
    push, merge = event(sample("push")), event(sample("pull_request.merged"))
    assert_event(merge, kind="change", state="merged", actor="bo", count=3)
    assert merge.title == "Retry card capture once (#482)"
    assert_event(merge, subject=push.subject, number=push.number, revision=push.revision)
    assert merge.key != push.key
    assert merge.url == "https://github.com/Acme/shop/pull/482"


def test_pull_requests_that_are_no_news(sample):
    assert dropped(sample("pull_request.closed")) == "pull-request-not-merged"
    assert (
        dropped(changed(sample("pull_request.merged"), {"action": "labeled"}))
        == "pull-request-not-closed"
    )
    assert (
        dropped(
            changed(sample("pull_request.merged"), {"pull_request": {"base": {"ref": "topic"}}})
        )
        == "not-a-global-branch"
    )


def test_a_workflow_run(sample):
    run = event(sample("workflow_run.completed"))
    assert_event(run, kind="build", state="failed", subject="build/shop/main/Build@build.yml")
    assert_event(run, number="30433642", actor="bo", title="Build", duration=180_000)
    assert_event(run, revision=B, ref="main", reason="Retry card capture once")
    started = event(sample("workflow_run.in_progress"))
    assert_event(started, state="running", subject=run.subject, number=run.number, duration=0)
    assert started.key != run.key


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        ("success", "succeeded"),
        ("failure", "failed"),
        ("timed_out", "errored"),
        ("startup_failure", "errored"),
        ("cancelled", "cancelled"),
        ("skipped", "cancelled"),
        ("neutral", "cancelled"),
        ("stale", "cancelled"),
        ("action_required", "cancelled"),
        (None, ""),
    ],
)
def test_conclusions(sample, conclusion, state):
    run = changed(sample("workflow_run.completed"), {"workflow_run": {"conclusion": conclusion}})
    if state:
        assert event(run).state == state
        assert event(run).quiet == (conclusion in VOID)
    else:
        assert dropped(run) == "run-not-news"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Build", "build"),
        ("test", "test"),
        ("Unit Tests", "test"),
        ("integration-test.yml", "test"),
        ("pytest", "test"),
        ("Deploy latest", "build"),
        ("Contest", "build"),
        ("attestation", "build"),
    ],
)
def test_a_workflow_that_is_called_test_is_a_test(sample, name, kind):
    run = event(changed(sample("workflow_run.completed"), {"workflow_run": {"name": name}}))
    assert (run.kind, run.subject) == (
        kind,
        f"{kind}/shop/main/{name}@build.yml" if name != "build.yml" else name,
    )


def test_a_workflow_without_a_name_has_that_of_its_file(sample):
    run = changed(
        sample("workflow_run.completed"), {"workflow_run": {"name": ""}, "workflow": None}
    )
    assert event(run).title == "build.yml"


def test_a_rerun_is_a_new_fact_of_the_same_row(sample):
    first = event(sample("workflow_run.completed"))
    again = event(changed(sample("workflow_run.completed"), {"workflow_run": {"run_attempt": 2}}))
    assert first.key != again.key
    assert (first.subject, first.number) == (again.subject, again.number)


def test_a_fork_that_calls_its_branch_main_is_not_our_main(sample):
    run = sample("workflow_run.completed")
    assert (
        dropped(changed(run, {"workflow_run": {"head_repository": {"full_name": "eve/shop"}}}))
        == "run-of-a-pull-request"
    )
    assert (
        dropped(changed(run, {"workflow_run": {"event": "pull_request_target"}}))
        == "run-of-a-pull-request"
    )


def test_a_deployment_status(sample):
    deploy = event(sample("deployment_status"))
    assert_event(
        deploy, kind="deploy", state="failure", environment="production", severity="critical"
    )
    assert_event(deploy, subject="deploy/shop/production/7101", number="7101", actor="bo")
    assert_event(deploy, revision=B, ref="main", reason="migrate failed")
    assert deploy.url == "https://ci.example.org/7101", "an empty log_url is passed over"
    assert deploy.request == ""
    for state in ("queued", "pending"):
        assert (
            dropped(changed(sample("deployment_status"), {"deployment_status": {"state": state}}))
            == "deploy-not-news"
        )


def test_issues(sample):
    opened = event(sample("issues.opened"))
    assert_event(opened, kind="ticket", state="opened", subject="ticket/shop/912", number="912")
    assert (opened.actor, opened.title) == ("ana", "Coupon applied twice")
    closed = event(changed(sample("issues.opened"), {"action": "closed"}))
    assert (closed.subject, closed.state) == (opened.subject, "closed")
    again = event(
        changed(
            sample("issues.opened"),
            {"action": "closed", "issue": {"closed_at": "2027-01-15T07:59:30Z"}},
        )
    )
    assert again.key != closed.key, "closed a second time is news"
    assert dropped(changed(sample("issues.opened"), {"action": "labeled"})) == "issue-not-news"


def test_what_is_not_mapped_is_dropped_by_name(sample):
    assert dropped(sample("ping")) == "ping"
    assert dropped(Delivery({"x-github-event": "watch"}, b"{}", RECEIVED)) == "event-not-mapped"
    assert dropped(Delivery({}, b"{}", RECEIVED)) == "event-not-mapped"


def test_k5_what_comes_late_is_as_loud_as_ever(sample):
    """It changes what is true now, and nobody could know it earlier."""
    late = sample("push")
    assert not event(Delivery(late.headers, late.body, RECEIVED + 25 * 3_600_000)).quiet


def test_hostile_text_is_one_clean_line(sample):
    made = event(
        changed(
            sample("issues.opened"),
            {
                "issue": {
                    "title": "a\r\nb \u202e<b>c</b>\x1b[0m" + "x" * 500,
                    "html_url": "javascript:alert(1)",
                }
            },
        )
    )
    assert made.title.startswith("a")
    assert made.title.isprintable()
    assert len(made.title) <= 140
    assert made.url == ""


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    for source in (
        GH,
        SourceInfo("gh", ("release/*", "prod")),
        SourceInfo("gh", ("refs/heads/prod",)),
    ):
        delivery = github.sample(source, RECEIVED)
        assert event(Delivery(delivery.headers, delivery.body, RECEIVED), source).kind == "change"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads: Path, check_payloads):
    files = sorted((payloads / "github").rglob("*.json"))
    assert len(files) > 100
    seen: dict[str, set[str]] = {}
    check_payloads(
        "github", github.normalise, files, lambda file: {"x-github-event": file.parent.name}, GH
    )
    for file in files:
        for made in github.normalise(
            Delivery({"x-github-event": file.parent.name}, file.read_bytes(), RECEIVED), GH
        ).events:
            assert made.actor or file.parent.name == "status", file
            seen.setdefault(made.kind, set()).add(made.state)
    assert seen == {
        "build": {"succeeded"},
        "change": {"created"},
        "test": {"queued", "succeeded"},
        "deploy": {"in_progress", "success"},
        "ticket": {"closed", "opened", "reopened"},
    }


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    deliveries = [
        Delivery({"x-github-event": name.split(".")[0]}, body, RECEIVED)
        for name, body in samples("github").items()
    ]
    survives(github.normalise, deliveries, GH)
