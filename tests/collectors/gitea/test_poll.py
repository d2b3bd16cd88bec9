"""Gitea and Forgejo asked through their API: the rows of their webhooks, nothing missed."""

from __future__ import annotations

import pytest
from collecting import assert_event

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import gitea
from devstream_collectors.sources.gitea import poll as gitea_poll

API = "/api/v1/repos/acme/shop"
WEB = "https://gitea.example.org/acme/shop"
A, B, C = "a" * 40, "b" * 40, "c" * 40
REPOSITORY = {
    "name": "shop",
    "full_name": "acme/shop",
    "html_url": WEB,
    "default_branch": "main",
    "updated_at": "2027-01-15T07:00:00Z",
}
PULL = {
    "number": 482,
    "title": "Retry card capture once",
    "html_url": f"{WEB}/pulls/482",
    "merged": True,
    "merged_at": "2027-01-15T07:59:40Z",
    "merge_commit_sha": B,
    "merged_by": {"login": "bo"},
    "base": {"ref": "main"},
}
RUN = {
    "id": 31,
    "path": "build.yml@refs/heads/main",
    "display_title": "Retry card capture once",
    "event": "push",
    "run_attempt": 1,
    "head_sha": B,
    "head_branch": "main",
    "status": "in_progress",
    "started_at": "2027-01-15T07:56:30Z",
    "trigger_actor": {"login": "bo"},
}
OVER = RUN | {
    "status": "completed",
    "conclusion": "failure",
    "completed_at": "2027-01-15T07:59:30Z",
}
ISSUE = {
    "number": 912,
    "title": "Coupon applied twice",
    "html_url": f"{WEB}/issues/912",
    "created_at": "2027-01-15T07:58:00Z",
    "updated_at": "2027-01-15T07:58:00Z",
    "user": {"login": "eva"},
    "pull_request": None,
}
BEFORE = ISSUE | {
    "number": 900,
    "created_at": "2027-01-14T07:00:00Z",
    "updated_at": "2027-01-14T07:00:00Z",
}


def branch(name: str, revision: str) -> dict[str, object]:
    commit = {
        "id": revision,
        "message": "Retry card capture once\n\nAfter a timeout.",
        "author": {"name": "Ana", "username": "ana"},
    }
    return {"name": name, "commit": commit}


@pytest.fixture
def tea(rounds):
    tea = rounds(
        gitea,
        SourceInfo(
            "gt", ("main",), url="https://gitea.example.org", options={"repository": "acme/shop"}
        ),
    )
    tea.say(API, REPOSITORY)
    tea.say(f"{API}/branches/main", branch("main", A))
    tea.say(f"{API}/issues", [BEFORE])
    tea.say(f"{API}/pulls", [])
    return tea


@pytest.fixture
def hook(reader):
    return reader("gitea", gitea.normalise, lambda name: {"x-gitea-event": name})


def test_first_contact_is_no_news_and_a_server_without_actions_is_fine(tea):
    tea.say(f"{API}/pulls", [PULL])
    assert tea.round() == []
    assert tea.round() == []


def test_pushes_are_the_rows_of_their_webhooks(tea, hook, row):
    tea.round()
    tea.say(f"{API}/branches/main", branch("main", B))
    tea.say(f"{API}/compare/{A}...{B}", {"total_commits": 12})
    (push,) = tea.round()
    assert row(push) == row(hook.event("push"))
    assert_event(push, count=12, previous=A, url=hook.event("push").url)
    tea.forget(f"{API}/branches/main")
    (deleted,) = tea.round()
    assert_event(deleted, state="deleted", previous=B, number="-" + B[:12])
    tea.say(f"{API}/branches/main", branch("main", B))
    (created,) = tea.round()
    assert row(created) == row(hook.event("push", {"before": "0" * 40}))


def test_an_outage_that_answers_404_deletes_no_branch(rounds, tea):
    new = rounds(gitea, tea.source)
    new.like(tea)
    new.down = True
    assert new.round() == []
    new.down = False
    assert new.round() == [], "a branch that was there at first contact is not new"
    tea.round()
    tea.down = True
    assert tea.round() == []
    tea.down = False
    assert tea.round() == []


def test_a_missing_branch_is_asked_about_once(tea):
    tea.forget(f"{API}/branches/main")
    assert tea.round() == []
    tea.asked.clear()
    assert tea.round() == []
    assert tea.asked.count(API) == 1
    tea.say(f"{API}/branches/main", branch("main", B))
    assert [event.state for event in tea.round()] == ["created"]


def test_branches_that_match_a_glob_are_listed_page_by_page(rounds, tea, hook):
    of_all = rounds(
        gitea, SourceInfo("gt", ("main", "release/*"), url=WEB, options={"repository": "acme/shop"})
    )
    of_all.like(tea)
    first, second = f"{API}/branches?page=1", f"{API}/branches?page=2"
    of_all.say(
        first,
        [branch("main", A), branch("release/1", A), branch("topic", A)],
        link='<x>; rel="next"',
    )
    of_all.say(second, [branch("release/2", A)])
    of_all.round()
    of_all.say(f"{API}/compare/{A}...{C}", {"total_commits": 1})
    of_all.say(
        first,
        [branch("main", A), branch("release/1", C), branch("topic", C)],
        link='<x>; rel="next"',
    )
    of_all.say(second, [branch("release/3", A)])
    assert [(event.ref, event.state) for event in of_all.round()] == [
        ("release/2", "deleted"),
        ("release/3", "created"),
        ("release/1", "pushed"),
    ]
    assert of_all.round() == []


def test_a_list_of_branches_whose_page_is_the_one_before_deletes_none(rounds, tea):
    info = SourceInfo("gt", ("release/*",), url=WEB, options={"repository": "acme/shop"})
    of_all = rounds(gitea, info)
    of_all.like(tea)
    first, second = f"{API}/branches?page=1", f"{API}/branches?page=2"
    ones, others = [branch("release/1", A)], [branch("release/2", A)]
    of_all.say(first, ones, link='<x>; rel="next"')
    of_all.say(second, others)
    of_all.round()
    of_all.say(second, ones)
    with pytest.raises(ValueError, match="once more"):
        of_all.round()
    of_all.say(second, others)
    assert of_all.round() == []


def test_more_branches_than_can_be_followed_hold_up_no_other(rounds, tea):
    info = SourceInfo("gt", ("main", "*"), url=WEB, options={"repository": "acme/shop"})
    of_all = rounds(gitea, info)
    of_all.like(tea)
    of_all.say(f"{API}/compare/{A}...{B}", {"total_commits": 1})
    few = [branch("release/1", A)]
    of_all.say(f"{API}/branches", few)
    of_all.round()
    many = [branch(f"{number:0200}", A) for number in range(1200)]
    for page in range(24):
        link = '<x>; rel="next"' if page < 23 else ""
        of_all.say(f"{API}/branches?page={page + 1}&", many[page * 50 : page * 50 + 50], link=link)
    of_all.say(f"{API}/branches/main", branch("main", B))
    (push,) = of_all.round(but="name fewer with --branch")
    assert push.ref == "main"
    assert of_all.errors
    for page in range(24):
        of_all.say(f"{API}/branches?page={page + 1}&", few)
    assert of_all.round() == []


def test_a_merge_is_the_row_of_its_webhook(tea, hook, row):
    tea.round()
    tea.say(f"{API}/pulls", [PULL, PULL | {"number": 481, "merged": False, "merged_at": None}])
    (merge,) = tea.round()
    assert row(merge) == row(hook.event("pull_request"))
    assert tea.round() == []


def test_pull_requests_that_are_closed_unmerged_are_no_gap(tea):
    closed = PULL | {"merged": False, "merged_at": None, "merge_commit_sha": None}
    items = [PULL | {"updated_at": PULL["merged_at"]}]
    for round_ in range(9):
        for page in range(6):
            query = "?state=closed&sort=recentupdate&limit=30" + (
                f"&page={page + 1}" if page else ""
            )
            tea.say(f"{API}/pulls{query}", items[page * 30 : page * 30 + 30])
        assert tea.round() == []
        for number in range(25):
            at = f"2027-01-16T{round_:02}:{number:02}:00Z"
            items.insert(0, closed | {"number": 500 + len(items), "updated_at": at})
    assert tea.gaps == []


def test_a_run_is_the_row_of_its_webhook_at_each_step(tea, hook, row):
    tea.round()
    tea.say(f"{API}/actions/runs", {"workflow_runs": [RUN]})
    (running,) = tea.round()
    assert row(running) == row(hook.event("workflow_run", {"action": "in_progress"}))
    tea.say(f"{API}/actions/runs", {"workflow_runs": []})
    tea.say(f"{API}/actions/runs/31", OVER)
    (failed,) = tea.round()
    assert row(failed) == row(hook.event("workflow_run")), (
        "it left the first page and is asked for by itself"
    )
    assert failed.duration == 180_000
    tea.say(
        f"{API}/actions/runs",
        {"workflow_runs": [OVER | {"run_attempt": 2, "conclusion": "success"}]},
    )
    (again,) = tea.round()
    assert (again.state, again.number) == ("succeeded", "31")
    assert tea.round() == []


def test_issues_are_the_rows_of_their_webhooks(tea, hook, row):
    tea.round()
    tea.say(f"{API}/issues", [ISSUE])
    tea.say(f"{API}/issues/912/timeline", None)
    (opened,) = tea.round()
    assert row(opened) == row(hook.event("issues"))
    closed_at = "2027-01-15T07:59:00Z"
    tea.say(f"{API}/issues", [ISSUE | {"closed_at": closed_at, "updated_at": closed_at}])
    entry = {"type": "close", "user": {"login": "bo"}, "created_at": closed_at}
    tea.say(f"{API}/issues/912/timeline", [entry | {"type": "comment"}, entry])
    (closed,) = tea.round()
    by_hook = {
        "action": "closed",
        "issue": {"closed_at": closed_at},
        "sender": {"login": "bo", "username": "bo"},
    }
    assert row(closed) == row(hook.event("issues", by_hook))
    tea.say(f"{API}/issues", [ISSUE | {"updated_at": "2027-01-15T07:59:30Z"}])
    tea.say(
        f"{API}/issues/912/timeline",
        [entry, entry | {"type": "reopen", "created_at": "2027-01-15T07:59:30Z"}],
    )
    (reopened,) = tea.round()
    by_hook = {
        "action": "reopened",
        "issue": {"updated_at": "2027-01-15T07:59:30Z"},
        "sender": {"login": "bo", "username": "bo"},
    }
    assert row(reopened) == row(hook.event("issues", by_hook))
    assert tea.round() == []


def test_a_repository_is_an_owner_and_a_name():
    for name in ("shop", "acme/web/shop", "acme/.."):
        with pytest.raises(ValueError, match="OWNER/NAME"):
            gitea.check(SourceInfo("gt", options={"repository": name}))
    gitea.check(SourceInfo("gt", options={"repository": "acme/shop"}))


def test_any_answers_leave_a_cursor_that_the_next_round_can_read(tea, any_answers):
    source = SourceInfo("gt", ("main", "release/*"), options={"repository": "acme/shop"})
    any_answers(
        gitea_poll, source, [REPOSITORY, branch("main", A), PULL, {"workflow_runs": [RUN]}, ISSUE]
    )
