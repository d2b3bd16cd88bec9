"""GitLab asked through its API: the rows of its webhooks, nothing missed between rounds."""

from __future__ import annotations

import msgspec
import pytest
from collecting import assert_event

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import gitlab
from devstream_collectors.sources.gitlab import poll as gitlab_poll

API = "/api/v4/projects/acme%2Fshop"
WEB = "https://gitlab.example.org/acme/shop"
A, B = "a" * 40, "b" * 40
PROJECT = {
    "id": 15,
    "name": "The Shop",
    "path_with_namespace": "acme/shop",
    "web_url": WEB,
    "default_branch": "main",
}
PUSH = {
    "id": 7,
    "action_name": "pushed to",
    "created_at": "2027-01-15T07:59:40.123Z",
    "author": {"username": "ana", "name": "Ana"},
    "author_username": "ana",
    "push_data": {
        "commit_count": 24,
        "action": "pushed",
        "ref_type": "branch",
        "commit_from": A,
        "commit_to": B,
        "ref": "main",
        "commit_title": "Retry card capture once",
    },
}
MERGE = {
    "iid": 482,
    "title": "Retry card capture once",
    "state": "merged",
    "target_branch": "main",
    "merge_commit_sha": B,
    "merged_at": "2027-01-15T07:59:40.500Z",
    "merge_user": {"username": "bo"},
    "web_url": f"{WEB}/-/merge_requests/482",
}
LISTED = {
    "id": 31,
    "ref": "main",
    "sha": B,
    "source": "push",
    "status": "running",
    "updated_at": "2027-01-15T07:57:00.000Z",
}
PIPELINE = LISTED | {
    "user": {"username": "bo"},
    "created_at": "2027-01-15T07:56:28.000Z",
    "web_url": f"{WEB}/-/pipelines/31",
}
OVER = {"status": "failed", "updated_at": "2027-01-15T07:59:28.500Z"}
DEPLOYMENT = {
    "id": 7101,
    "ref": "main",
    "sha": B,
    "status": "running",
    "updated_at": "2027-01-15T07:58:00.000Z",
    "user": {"username": "bo"},
    "environment": {"name": "production"},
    "deployable": {
        "web_url": f"{WEB}/-/jobs/796",
        "commit": {"id": B, "message": "Retry card capture once\n"},
    },
}
ISSUE = {
    "iid": 912,
    "title": "Coupon applied twice",
    "created_at": "2027-01-15T07:58:00.250Z",
    "updated_at": "2027-01-15T07:59:00.250Z",
    "closed_at": None,
    "author": {"username": "eva"},
    "web_url": f"{WEB}/-/issues/912",
}


@pytest.fixture
def lab(rounds):
    lab = rounds(
        gitlab,
        SourceInfo("gl", url="https://gitlab.example.org", options={"repository": "acme/shop"}),
    )
    lab.say(API, PROJECT)
    for path in ("/events", "/merge_requests", "/pipelines", "/deployments", "/issues"):
        lab.say(API + path, [])
    return lab


@pytest.fixture
def hook(reader):
    return reader("gitlab", gitlab.normalise)


def test_first_contact_tells_the_state_of_now_alone(lab):
    lab.say(f"{API}/events?action=pushed", [PUSH])
    lab.say(f"{API}/merge_requests", [MERGE])
    lab.say(f"{API}/issues", [ISSUE])
    lab.say(f"{API}/deployments", [DEPLOYMENT])
    assert [event.kind for event in lab.round()] == ["deploy"]
    assert lab.round() == []


def test_a_push_is_the_row_of_its_webhook(lab, hook, row):
    lab.round()
    lab.say(f"{API}/events?action=pushed", [PUSH])
    (push,) = lab.round()
    assert row(push) == row(hook.event("push"))
    assert_event(push, count=24, previous=A, url=hook.event("push").url)
    tag = PUSH | {
        "created_at": "2027-01-15T07:59:41Z",
        "push_data": PUSH["push_data"] | {"ref_type": "tag"},
    }
    many = PUSH | {"created_at": "2027-01-15T07:59:42Z", "push_data": {"ref": None, "ref_count": 5}}
    gone = PUSH | {
        "created_at": "2027-01-15T07:59:43Z",
        "push_data": PUSH["push_data"] | {"commit_to": None},
    }
    lab.say(f"{API}/events?action=pushed", [gone, many, tag, PUSH])
    (deleted,) = lab.round()
    assert row(deleted)[:5] == row(hook.event("push.deleted"))[:5]
    assert lab.dropped == {"not-a-branch": 1, "push-of-many-branches": 1}


def test_a_merge_is_the_row_of_its_webhook(lab, hook, row):
    lab.round()
    lab.say(f"{API}/merge_requests", [MERGE])
    (merge,) = lab.round()
    assert row(merge) == row(hook.event("merge_request"))
    lab.say(f"{API}/merge_requests", [MERGE | {"title": "Another title"}])
    assert lab.round() == []


def test_a_pipeline_is_the_row_of_its_webhook_at_each_step(lab, hook, row):
    lab.round()
    lab.say(f"{API}/pipelines", [LISTED])
    lab.say(f"{API}/pipelines/31", PIPELINE)
    (running,) = lab.round()
    assert row(running) == row(
        hook.event("pipeline", {"object_attributes": {"status": "running", "finished_at": None}})
    )
    lab.say(f"{API}/pipelines", [])
    lab.say(
        f"{API}/pipelines/31",
        PIPELINE | OVER | {"finished_at": "2027-01-15T07:59:28.400Z", "duration": 170},
    )
    (failed,) = lab.round()
    assert row(failed) == row(hook.event("pipeline")), (
        "it left the first page and is asked for by itself"
    )
    assert (failed.duration, failed.revision) == (170_000, B)
    lab.say(f"{API}/pipelines", [LISTED | OVER])
    assert lab.round() == []
    lab.say(f"{API}/pipelines", [LISTED | {"id": 32, "status": "skipped"}])
    assert lab.round() == []


def past_of(lab, ref: str, first: int) -> None:
    """Give a branch a past of thirty pipelines, half of them failed."""
    listed = [
        LISTED | {"id": first + day, "ref": ref, "status": ("failed", "success")[(first + day) % 2]}
        for day in range(29, -1, -1)
    ]
    lab.say(f"{API}/pipelines?order_by=updated_at&sort=desc&per_page=30&ref={ref}", listed)
    for one in listed:
        lab.say(f"{API}/pipelines/{one['id']}", PIPELINE | one)


def watching(rounds, *branches: str):
    lab = rounds(
        gitlab,
        SourceInfo(
            "gl",
            branches,
            url="https://gitlab.example.org",
            options={"repository": "acme/shop"},
        ),
    )
    lab.say(API, PROJECT)
    for path in ("/events", "/merge_requests", "/pipelines", "/deployments", "/issues"):
        lab.say(API + path, [])
    return lab


def test_another_branch_makes_no_flood(rounds):
    lab = watching(rounds, "main")
    for ref, first in (("main", 2000), ("release", 1000)):
        past_of(lab, ref, first)
    assert [event.number for event in lab.round()] == ["2025", "2026", "2027", "2028", "2029"]
    assert lab.round() == []
    lab.source = watching(rounds, "main", "release").source
    asked = len(lab.asked)
    (newest,) = lab.round()
    assert (newest.number, newest.quiet) == ("1029", True)
    assert sum("/pipelines/" in path for path in lab.asked[asked:]) == 1
    assert lab.round() == []
    # What comes from then on is news.
    past_of(lab, "release", 1001)
    (event,) = lab.round()
    assert (event.number, event.quiet) == ("1030", False)
    # A branch that was left out for a while has a past again.
    lab.source = watching(rounds, "main").source
    past_of(lab, "main", 2001)
    assert [event.number for event in lab.round()] == ["2030"]
    past_of(lab, "release", 1020)
    lab.source = watching(rounds, "main", "release").source
    assert [(event.number, event.quiet) for event in lab.round()] == [("1049", True)]


def test_a_renamed_default_branch_makes_no_flood(lab):
    past_of(lab, "main", 2000)
    lab.round()
    lab.round()
    past_of(lab, "trunk", 1000)
    lab.say(API, PROJECT | {"default_branch": "trunk"})
    told = lab.round() + lab.round()
    assert [(event.number, event.quiet) for event in told] == [("1029", True)]
    assert lab.round() == []


def test_a_pipeline_between_the_first_two_rounds_is_news(lab):
    lab.say(f"{API}/pipelines", [LISTED])
    lab.say(f"{API}/pipelines/31", PIPELINE)
    lab.round()
    # The list of all branches said 31; the list of the default branch says what was before, too.
    past_of(lab, "main", 4)
    told = {event.number: event.quiet for event in lab.round()}
    assert told == {"31": False, "32": False, "33": False}


def test_a_cursor_of_before_goes_on(lab):
    lab.round()
    lab.round()
    known = msgspec.json.decode(lab._cursor)
    del known["lists"]
    lab._cursor = msgspec.json.encode(known)
    lab.say(f"{API}/pipelines", [LISTED])
    lab.say(f"{API}/pipelines/31", PIPELINE)
    assert [(event.number, event.quiet) for event in lab.round()] == [("31", False)]


def test_a_deployment_is_the_row_of_its_webhook_at_each_step(lab, hook, row):
    lab.round()
    lab.say(f"{API}/deployments", [DEPLOYMENT])
    (started,) = lab.round()
    assert row(started) == row(hook.event("deployment", {"status": "running"}))
    lab.say(f"{API}/deployments", [DEPLOYMENT | {"status": "failed"}])
    (failed,) = lab.round()
    assert row(failed) == row(hook.event("deployment"))
    assert failed.revision == B
    asked = len(lab.asked)
    assert lab.round() == []
    assert not any("/deployments/7101" in path for path in lab.asked[asked:]), (
        "what is over is not asked for"
    )


def test_issues_are_the_rows_of_their_webhooks(lab, hook, row):
    lab.round()
    lab.say(f"{API}/issues", [ISSUE])
    (opened,) = lab.round()
    assert row(opened) == row(hook.event("issue"))
    over = ISSUE | {"closed_at": "2027-01-15T07:59:00.250Z", "closed_by": {"username": "eva"}}
    lab.say(f"{API}/issues", [over])
    (closed,) = lab.round()
    assert row(closed) == row(
        hook.event(
            "issue", {"object_attributes": {"action": "close", "closed_at": "2027-01-15T07:59:00Z"}}
        )
    )
    event = {
        "target_iid": 912,
        "target_title": "Coupon applied twice",
        "created_at": "2027-01-15T07:59:00.900Z",
    }
    lab.say(f"{API}/events?action=reopened", [event | {"author": {"username": "eva"}}])
    lab.say(f"{API}/issues/912", ISSUE)
    (reopened,) = lab.round()
    assert row(reopened) == row(hook.event("issue", {"object_attributes": {"action": "reopen"}}))
    lab.say(
        f"{API}/issues",
        [ISSUE | {"iid": 913, "confidential": True, "created_at": "2027-01-15T08:00:00Z"}],
    )
    assert lab.round() == []
    assert lab.dropped == {"confidential": 1}


@pytest.mark.parametrize(
    "name",
    ["shop", "acme/..", "../shop", "acme/shop?x=1", "https://gitlab.com/acme/shop", "acme//shop"],
)
def test_a_repository_is_a_path(name):
    with pytest.raises(ValueError, match="GROUP/NAME"):
        gitlab.check(SourceInfo("gl", options={"repository": name}))
    for good in ("", "acme/shop", "acme/web/shop"):
        gitlab.check(SourceInfo("gl", options={"repository": good}))


def test_any_answers_leave_a_cursor_that_the_next_round_can_read(lab, any_answers):
    any_answers(gitlab_poll, lab.source, [PROJECT, PUSH, MERGE, PIPELINE, DEPLOYMENT, ISSUE])
