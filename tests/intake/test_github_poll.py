"""GitHub asked through its API.

The same rows as by webhook, and nothing that happened between two rounds is missed.
"""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import github
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.store import Store

A, B, C = "a" * 40, "b" * 40, "c" * 40
SHOP = {
    "name": "shop",
    "full_name": "acme/shop",
    "html_url": "https://github.com/acme/shop",
    "default_branch": "main",
}
THEN, LATER = "2027-01-15T07:58:00Z", "2027-01-15T08:00:30Z"
PULL = {
    "number": 482,
    "title": "Retry card capture once",
    "html_url": "https://github.com/acme/shop/pull/482",
    "merged": True,
    "merged_at": LATER,
    "merge_commit_sha": B,
    "merged_by": {"login": "bo"},
    "commits": 3,
    "base": {"ref": "main"},
}
RUN = {
    "id": 7001,
    "workflow_id": 11,
    "run_attempt": 1,
    "name": "CI",
    "event": "push",
    "status": "in_progress",
    "conclusion": None,
    "head_branch": "main",
    "head_sha": B,
    "run_started_at": LATER,
    "updated_at": LATER,
    "actor": {"login": "ana"},
    "repository": SHOP,
    "head_repository": SHOP,
}
DEPLOYMENT = {
    "id": 7101,
    "environment": "production",
    "sha": B,
    "ref": "main",
    "creator": {"login": "bo"},
}
STARTED = {
    "id": 1,
    "state": "in_progress",
    "created_at": LATER,
    "log_url": "",
    "target_url": "https://ci.example.org/7101",
}
FAILED = {
    "id": 2,
    "state": "failure",
    "created_at": "2027-01-15T08:01:00Z",
    "description": "migrate failed",
}
ISSUE = {
    "number": 912,
    "title": "Coupon applied twice",
    "created_at": LATER,
    "updated_at": LATER,
    "user": {"login": "eva"},
}
REOPENED = {
    "id": 31,
    "event": "reopened",
    "created_at": LATER,
    "actor": {"login": "eva"},
    "issue": ISSUE,
}


class GitHub:
    """Says what the API says, with an ETag for each answer."""

    def __init__(self, replay) -> None:
        self.replay = replay
        self.say("", SHOP)
        self.head(A)
        for path in ("/pulls", "/deployments", "/issues", "/issues/events"):
            self.say(path, [])
        self.say("/actions/runs", {"workflow_runs": []})
        self.say("/pages/builds", [])
        for sort in ("dependabot", "code-scanning", "secret-scanning"):
            self.say(f"/{sort}/alerts", [])

    def say(self, path: str, document: object) -> None:
        body = json.dumps(document).encode()
        self.replay.tell(f"/repos/acme/shop{path}", body, etag=f'"{hash(body)}"')

    def head(self, revision: str, title: str = "Retry card capture once\n\nBody") -> None:
        ref = {"ref": "refs/heads/main", "object": {"sha": revision, "type": "commit"}}
        self.say(f"/git/commits/{revision}", {"committer": {"date": LATER}})
        self.say(f"/commits/{revision}/statuses", [])
        self.say(f"/commits/{revision}/check-runs", {"check_runs": []})
        self.say("/git/matching-refs/heads/main", [ref, ref | {"ref": "refs/heads/maintenance"}])
        self.say("/commits", [{"sha": revision, "html_url": f"https://github.com/acme/shop/commit/{revision}",
                               "commit": {"message": title, "author": {"name": "Ana"}},
                               "author": {"login": "ana"}}])  # fmt: skip

    def compare(self, old: str, new: str, status: str, count: int) -> None:
        self.say(f"/compare/{old}...{new}", {"status": status, "total_commits": count})


@pytest.fixture
def hub(replay) -> GitHub:
    return GitHub(replay)


@pytest.fixture
async def poller(replay, home, stream, clock):
    store = Store(home.intake)
    await store.open()
    health = Health("gh", stream.publish, Notes(store))
    limiter = RateLimiter("gh", health, Publisher(stream.publish), clock)
    info = SourceInfo("gh", url=replay.url, options={"repository": "acme/shop"})
    one = HttpPoller(info, github, 0, lambda: b"token", Notes(store), health, limiter, clock)
    yield one
    await one.close()
    await store.close()


def webhook(event: str, body: dict[str, object], received: int):
    payload = json.dumps({"repository": SHOP, "sender": {"login": "ana"}, **body}).encode()
    result = github.normalise(
        Delivery({"x-github-event": event}, payload, received), SourceInfo("gh")
    )
    assert result.events, result
    return result.events[0]


def rows(event):
    return (
        event.key,
        event.kind,
        event.state,
        event.subject,
        event.number,
        event.service,
        event.actor,
        event.title,
        event.environment,
    )


async def told(poller, stream, clock):
    """The events of one more round."""
    before = len(stream.events)
    clock.now += 30_000
    done = await poller.poll()
    assert done.errors == []
    return stream.events[before:]


async def test_first_contact_is_quiet_and_a_round_without_news_costs_nothing(
    poller, hub, stream, clock, replay
):
    hub.say("/deployments", [DEPLOYMENT])
    hub.say("/deployments/7101/statuses", [STARTED])
    hub.say("/pulls", [PULL])
    first = await told(poller, stream, clock)
    assert [(event.kind, event.quiet) for event in first] == [("deploy", True)]
    asked = len(replay.asked)
    # The statuses were a follow-up before; from here on they are asked for by themselves.
    await told(poller, stream, clock)
    done = await poller.poll()
    assert (done.asked, done.events) == (0, 0)
    assert len(replay.asked) - asked <= 2 * 15
    assert all(asked.headers["authorization"] == "Bearer token" for asked in replay.asked)


async def test_a_push_is_the_row_of_its_webhook(poller, hub, stream, clock):
    await told(poller, stream, clock)
    hub.head(B)
    hub.compare(A, B, "ahead", 2)
    (push,) = await told(poller, stream, clock)
    body = {
        "ref": "refs/heads/main",
        "before": A,
        "after": B,
        "commits": [{}, {}],
        "head_commit": {"message": "Retry card capture once"},
    }
    assert rows(push) == rows(webhook("push", body, clock.now))
    assert (push.count, push.previous) == (2, A)


async def test_a_force_push_a_deletion_and_a_new_branch(poller, hub, stream, clock, replay):
    await told(poller, stream, clock)
    hub.head(B)
    hub.compare(A, B, "diverged", 1)
    (forced,) = await told(poller, stream, clock)
    body = {
        "ref": "refs/heads/main",
        "before": A,
        "after": B,
        "forced": True,
        "head_commit": {"message": "Retry card capture once"},
    }
    assert rows(forced) == rows(webhook("push", body, clock.now))
    hub.say("/git/matching-refs/heads/main", [])
    (deleted,) = await told(poller, stream, clock)
    assert (deleted.state, deleted.previous) == ("deleted", B)
    hub.head(C)
    (created,) = await told(poller, stream, clock)
    assert (created.state, created.revision, created.title) == (
        "created",
        C,
        "Retry card capture once",
    )
    hub.head(A)
    replay.tell(f"/repos/acme/shop/compare/{C}...{A}", status=404)
    (again,) = await told(poller, stream, clock)
    assert again.state == "force-pushed", "what was thrown away may be gone"


async def test_a_merge_is_the_row_of_its_webhook(poller, hub, stream, clock):
    await told(poller, stream, clock)
    hub.say(
        "/pulls",
        [
            {
                key: value
                for key, value in PULL.items()
                if key not in ("merged_by", "commits", "merged")
            }
        ],
    )
    hub.say("/pulls/482", PULL)
    (merge,) = await told(poller, stream, clock)
    assert rows(merge) == rows(
        webhook("pull_request", {"action": "closed", "pull_request": PULL}, clock.now)
    )
    hub.say("/pulls", [PULL | {"number": 483, "merged_at": None}, PULL])
    assert await told(poller, stream, clock) == []


async def test_a_run_is_the_row_of_its_webhook_at_each_step(poller, hub, stream, clock):
    await told(poller, stream, clock)
    hub.say("/actions/runs", {"workflow_runs": [RUN]})
    (running,) = await told(poller, stream, clock)
    assert rows(running) == rows(
        webhook("workflow_run", {"action": "in_progress", "workflow_run": RUN}, clock.now)
    )
    over = RUN | {
        "status": "completed",
        "conclusion": "failure",
        "updated_at": "2027-01-15T08:03:30Z",
    }
    hub.say("/actions/runs", {"workflow_runs": [over]})
    clock.now += 200_000
    (failed,) = await told(poller, stream, clock)
    assert rows(failed) == rows(
        webhook("workflow_run", {"action": "completed", "workflow_run": over}, clock.now)
    )
    assert failed.duration == 180_000
    again = over | {"run_attempt": 2, "conclusion": "success"}
    hub.say("/actions/runs", {"workflow_runs": [again]})
    (fixed,) = await told(poller, stream, clock)
    assert (fixed.state, fixed.key == failed.key) == ("succeeded", False)


async def test_a_long_run_that_left_the_first_page_is_asked_for(poller, hub, stream, clock):
    await told(poller, stream, clock)
    hub.say("/actions/runs", {"workflow_runs": [RUN]})
    await told(poller, stream, clock)
    others = [
        RUN | {"id": number, "head_branch": "topic", "status": "completed", "conclusion": "success"}
        for number in range(8000, 8029)
    ]
    hub.say("/actions/runs", {"workflow_runs": others})
    hub.say("/actions/runs/7001", RUN | {"status": "completed", "conclusion": "success"})
    (over,) = await told(poller, stream, clock)
    assert (over.number, over.state) == ("7001", "succeeded")
    assert poller.health.dropped["not-a-global-branch"] == 29
    assert await told(poller, stream, clock) == []


async def test_a_deployment_is_the_row_of_its_webhook_at_each_step(poller, hub, stream, clock):
    await told(poller, stream, clock)
    hub.say("/deployments", [DEPLOYMENT])
    hub.say("/deployments/7101/statuses", [STARTED])
    (started,) = await told(poller, stream, clock)
    hook = {"deployment": DEPLOYMENT, "deployment_status": STARTED}
    assert rows(started) == rows(webhook("deployment_status", hook, clock.now))
    hub.say("/deployments/7101/statuses", [FAILED, STARTED])
    (failed,) = await told(poller, stream, clock)
    assert rows(failed) == rows(
        webhook(
            "deployment_status", {"deployment": DEPLOYMENT, "deployment_status": FAILED}, clock.now
        )
    )
    asked = len(hub.replay.asked)
    assert await told(poller, stream, clock) == []
    assert not any("7101/statuses" in path for path in hub.replay.paths[asked:]), (
        "what is over is not asked for"
    )


async def test_issues_are_the_rows_of_their_webhooks(poller, hub, stream, clock):
    hub.say("/issues/events", [REOPENED | {"id": 30, "created_at": THEN}])
    await told(poller, stream, clock)
    hub.say("/issues", [ISSUE, ISSUE | {"number": 913, "pull_request": {}}])
    (opened,) = await told(poller, stream, clock)
    body = {"action": "opened", "issue": ISSUE, "sender": {"login": "eva"}}
    assert rows(opened) == rows(webhook("issues", body, clock.now))
    closed = {
        "id": 32,
        "event": "closed",
        "created_at": LATER,
        "actor": {"login": "eva"},
        "issue": ISSUE | {"closed_at": LATER},
    }
    hub.say("/issues/events", [closed, REOPENED, REOPENED | {"id": 33, "event": "labeled"}])
    events = await told(poller, stream, clock)
    assert [event.state for event in events] == ["reopened", "closed"]
    for event in events:
        body = {
            "action": event.state,
            "issue": ISSUE | {"closed_at": LATER},
            "sender": {"login": "eva"},
        }
        assert rows(event) == rows(webhook("issues", body, clock.now))


async def test_a_part_that_the_token_may_not_read_does_not_hold_the_others(
    poller, hub, stream, clock, replay
):
    await told(poller, stream, clock)
    replay.tell("/repos/acme/shop/deployments", status=403)
    hub.say("/issues", [ISSUE])
    clock.now += 30_000
    done = await poller.poll()
    assert [str(error) for error in done.errors] == [
        (
            "127.0.0.1 does not let this token read /repos/acme/shop/deployments; "
            "see `devstream source add TYPE --help` for what it must allow"
        )
    ]
    assert [event.kind for event in stream.events] == ["ticket"]


async def test_an_item_of_another_shape_is_counted_and_fails_no_chain(
    poller, hub, stream, clock, replay
):
    await told(poller, stream, clock)
    replay.tell("/repos/acme/shop/actions/runs", b'{"workflow_runs": [{"id": "x"}]}')
    done = await poller.poll()
    assert done.errors == []
    assert poller.health.dropped["unexpected-shape"] == 1


async def test_another_shape_fails_the_chain_and_says_so(poller, hub, stream, clock, replay):
    await told(poller, stream, clock)
    for body in (b"[]", b'{"workflow_runs": 7}', b"<html>"):
        replay.tell("/repos/acme/shop/actions/runs", body)
        done = await poller.poll()
        assert "/repos/acme/shop/actions/runs is not what was expected" in str(done.errors[0])
