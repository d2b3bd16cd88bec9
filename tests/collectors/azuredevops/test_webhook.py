"""Azure DevOps' service hooks: our samples field by field, and all real payloads."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.kit.place import remote_scope
from devstream_collectors.sources import azuredevops
from devstream_collectors.sources.azuredevops.place import organisation
from devstream_collectors.sources.git import change_event
from devstream_desktop.intake.webhook.proof import proof_headers, proves

AZ = SourceInfo("azuredevops")
A, B = "a" * 40, "b" * 40
WEB = "https://dev.azure.com/acme/Web"


@pytest.fixture
def az(reader):
    return reader("azuredevops", azuredevops.normalise)


def refs(**changes: str) -> dict[str, object]:
    return {
        "resource": {
            "refUpdates": [
                {"name": "refs/heads/main", "oldObjectId": A, "newObjectId": B} | changes
            ]
        }
    }


def test_push(az):
    push = az.event("git.push")
    assert_event(push, kind="change", state="pushed", service="shop", subject="change/shop/main")
    assert_event(push, ref="main", revision=B, previous=A, number=B, count=2)
    assert_event(
        push, actor="Ana Berg", title="Retry card capture once", url=f"{WEB}/_git/shop/commit/{B}"
    )
    assert push.time == 1_799_999_980_330
    assert az.event("git.push", refs(oldObjectId="0" * 40)).state == "created"
    deleted = az.event("git.push", refs(newObjectId="0" * 40))
    assert_event(deleted, state="deleted", previous=A, url="")
    assert az.dropped("git.push", refs(name="refs/tags/v1")) == "not-a-branch"
    assert az.dropped("git.push", refs(name="refs/heads/topic")) == "not-a-global-branch"
    assert az.dropped("git.push", {"resource": {"refUpdates": None}}) == "no-change"
    assert az.dropped("git.push", {"resource": None}) == "no-details"


@pytest.mark.parametrize(
    "remote",
    ["git@ssh.dev.azure.com:v3/acme/Web/shop", "https://acme@dev.azure.com/acme/Web/_git/shop"],
)
def test_plain_git_gives_the_same_key(az, remote):
    pushed, move = az.event("git.push"), Moved("main", A, B)
    polled = change_event(
        SourceInfo("poll", service="shop"),
        remote_scope(remote),
        move,
        forced=False,
        count=2,
        head=None,
        now=1,
    )
    assert_event(
        pushed, key=polled.key, subject=polled.subject, number=polled.number, state=polled.state
    )


def test_a_completed_pull_request_is_the_row_of_its_push(az):
    push, merge = az.event("git.push"), az.event("git.pullrequest.updated")
    assert_event(
        merge,
        kind="change",
        state="merged",
        actor="Bo Dahl",
        title="Retry card capture once (!482)",
    )
    assert_event(
        merge, subject=push.subject, number=push.number, url=f"{WEB}/_git/shop/pullrequest/482"
    )
    assert az.event("git.pullrequest.updated", {"message": None}).actor == "Ana Berg"
    assert (
        az.event("git.pullrequest.updated", {"eventType": "git.pullrequest.merged"}).key
        == merge.key
    ), "told twice, one row"
    assert (
        az.dropped("git.pullrequest.updated", {"resource": {"status": "active"}})
        == "pull-request-not-merged"
    )
    assert (
        az.dropped("git.pullrequest.updated", {"eventType": "git.pullrequest.created"})
        == "pull-request-not-merged"
    )
    assert (
        az.dropped("git.pullrequest.updated", {"resource": {"targetRefName": "refs/heads/topic"}})
        == "not-a-global-branch"
    )


def test_a_build_by_each_of_its_three_ways(az):
    run = az.event("build.complete")
    assert_event(
        run, kind="build", state="failed", subject="build/shop/main/Shop CI@7", number="93"
    )
    assert_event(run, revision=B, actor="Bo Dahl", duration=180_000, time=1_799_999_970_100)
    assert run.url == f"{WEB}/_build/results?buildId=93"
    first, state = az.event("build.complete.first"), az.event("run-state-changed")
    assert_event(first, key=run.key, state="failed", revision=B, actor="Bo Dahl")
    assert_event(state, key=run.key, state="failed", revision=B, ref="main")
    again = az.event("build.complete", {"resource": {"finishTime": "2027-01-15T07:59:50Z"}})
    assert (again.key == run.key, again.number) == (False, run.number), (
        "a stage run again ends the same build once more"
    )
    partly = az.event("build.complete", {"resource": {"result": "partiallySucceeded"}})
    assert (partly.state, partly.reason) == ("failed", "partially succeeded")
    assert az.event("build.complete", {"resource": {"result": "canceled"}}).state == "cancelled"
    running = az.event(
        "run-state-changed",
        {"resource": {"run": {"state": "inProgress", "result": None, "finishedDate": None}}},
    )
    assert_event(running, state="running", number="93", duration=0)
    assert (
        az.dropped("run-state-changed", {"resource": {"run": {"state": "canceling"}}})
        == "run-not-news"
    )
    assert (
        az.dropped("build.complete", {"resource": {"sourceBranch": "refs/pull/482/merge"}})
        == "run-of-a-pull-request"
    )
    assert (
        az.dropped("build.complete", {"resource": {"sourceBranch": "refs/heads/topic"}})
        == "not-a-global-branch"
    )


def test_a_deployment(az):
    done, started = az.event("deployment-completed"), az.event("deployment-started")
    assert_event(done, kind="deploy", state="success", service="Web", environment="Production")
    assert_event(
        done, subject="deploy/Web/Production/5", number="5", actor="Bo Dahl", ref="Release-4"
    )
    assert_event(done, duration=180_000, time=1_799_999_970_000, url=f"{WEB}/_release?releaseId=4")
    assert (started.state, started.subject, started.number, started.key == done.key) == (
        "in_progress",
        done.subject,
        "5",
        False,
    )
    again = az.event("deployment-completed", {"resource": {"deployment": {"attempt": 2}}})
    assert (again.key == done.key, again.number) == (False, "5.2")
    bare = az.event(
        "deployment-completed",
        {"resource": {"deployment": None, "environment": {"status": "rejected"}}},
    )
    assert (bare.state, bare.severity.word) == ("failure", "critical")
    for name, reason in (
        ("release-created", "release-not-deployed"),
        ("deployment-approval-pending", "approval"),
    ):
        assert (
            az.dropped("deployment-completed", {"eventType": f"ms.vss-release.{name}-event"})
            == reason
        )


def test_work_items(az):
    opened, closed = az.event("workitem.created"), az.event("workitem.updated")
    assert_event(opened, kind="ticket", state="opened", subject="ticket/Web/912", number="912")
    assert_event(
        opened, actor="Eva Eng", title="Coupon applied twice", url=f"{WEB}/_workitems/edit/912"
    )
    assert_event(closed, state="closed", subject=opened.subject, actor="Eva Eng", url=opened.url)
    assert closed.time == 1_799_999_940_663

    def moved(old: str, new: str) -> dict[str, object]:
        return {"resource": {"fields": {"System.State": {"oldValue": old, "newValue": new}}}}

    assert az.event("workitem.updated", moved("Closed", "Active")).state == "reopened"
    assert az.dropped("workitem.updated", moved("New", "Active")) == "issue-not-news"
    assert az.dropped("workitem.updated", moved("Resolved", "Closed")) == "issue-not-news"
    assert (
        az.dropped("workitem.updated", {"resource": {"fields": {"System.State": None}}})
        == "issue-not-news"
    )
    identity = {
        "resource": {
            "fields": {"System.CreatedBy": {"displayName": "Eva Eng", "uniqueName": "ACME\\eva"}}
        }
    }
    assert az.event("workitem.created", identity).actor == "Eva Eng"
    assert az.dropped("workitem.created", {"eventType": "workitem.commented"}) == "comment"


def test_what_is_not_mapped_is_dropped_by_name(az):
    assert az.dropped("job-state-changed") == "job-of-a-run"
    assert az.dropped("git.push", {"eventType": "tfvc.checkin"}) == "event-not-mapped"
    assert az.dropped("git.push", {"eventType": None}) == "event-not-mapped"


def test_the_ways_to_write_an_organisation_are_one_place():
    ways = (
        "https://dev.azure.com/acme/",
        "https://dev.azure.com/Acme/Web/_apis/build/Builds/2",
        "https://vsrm.dev.azure.com/acme/Web/_apis/Release/releases/4",
        "https://acme.visualstudio.com/DefaultCollection/_apis/x",
        "http://acme.vsrm.visualstudio.com/DefaultCollection/Web/_apis/Release/releases/1",
    )
    assert {organisation([way]) for way in ways} == {"dev.azure.com/acme"}
    project = "71777fbc-1cf2-4bd1-9540-128c1c71f766"
    assert (
        organisation([None, "https://[", f"https://tfs.example.org/tfs/Shop/{project}/_apis/x"])
        == "tfs.example.org/tfs/shop"
    )
    assert organisation([]) == ""


def test_basic_or_a_bearer_token_proves_the_sender(samples):
    webhook, body = azuredevops.COLLECTOR.webhook, samples("azuredevops")["git.push"]
    assert proves(
        webhook,
        [b"ana:s3cret"],
        body,
        proof_headers(webhook, b"ana:s3cret", body, RECEIVED, "id"),
        "",
        RECEIVED,
    )
    assert proves(webhook, [b"s3cret"], body, {"authorization": "Bearer s3cret"}, "", RECEIVED)
    assert not proves(webhook, [b"s3cret"], body, {}, "", RECEIVED)


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    for source in (AZ, SourceInfo("az", ("release/*", "prod"))):
        assert (
            azuredevops.normalise(azuredevops.sample(source, RECEIVED), source).events[0].state
            == "pushed"
        )


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    files = sorted((payloads / "azuredevops").glob("*.json"))
    assert check_payloads("azuredevops", azuredevops.normalise, files, source=AZ)["lines"] >= 3
    for file in files:
        for made in azuredevops.normalise(
            Delivery({}, file.read_bytes(), RECEIVED), SourceInfo("az", ("*",))
        ).events:
            assert made.actor, file


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    deliveries = [Delivery({}, body, RECEIVED) for body in samples("azuredevops").values()]
    survives(azuredevops.normalise, deliveries, SourceInfo("az", ("*",)))
