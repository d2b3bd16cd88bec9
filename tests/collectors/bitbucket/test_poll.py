"""Bitbucket Cloud and Data Center asked: the rows of their webhooks, nothing missed."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import bitbucket
from devstream_collectors.sources.bitbucket import poll as bitbucket_poll
from devstream_collectors.sources.bitbucket import server_poll as bitbucket_server_poll
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.stream.fact import run_of

CLOUD, SERVER = "/2.0/repositories/acme/shop", "/rest/api/1.0/projects/WEB/repos/shop"
STATUS = "/rest/build-status/1.0/commits"
A, B, C = "a" * 40, "b" * 40, "c" * 40


def sampled(samples, name: str) -> dict[str, object]:
    return json.loads(samples("bitbucket")[name])


@pytest.fixture
def hook(reader):
    return reader(
        "bitbucket",
        bitbucket.normalise,
        lambda name: {"x-event-key": "issue:created" if name == "issue_created" else ""},
    )


@pytest.fixture
def cloud(rounds, samples):
    cloud = rounds(
        bitbucket,
        SourceInfo("bb", url="https://api.bitbucket.org", options={"repository": "acme/shop"}),
    )
    cloud.say(
        CLOUD,
        sampled(samples, "repo_push")["repository"]
        | {"mainbranch": {"name": "main", "type": "branch"}},
    )
    cloud.say(f"{CLOUD}/refs/branches/main", head(A))
    cloud.say(f"{CLOUD}/pullrequests", {"values": []})
    return cloud


@pytest.fixture
def server(rounds, samples):
    server = rounds(
        bitbucket,
        SourceInfo("dc", url="https://git.example.org", options={"repository": "WEB/shop"}),
    )
    server.say(SERVER, sampled(samples, "server_repo_refs_changed")["repository"])
    server.say(f"{SERVER}/branches/default", {"id": "refs/heads/main", "displayId": "main"})
    server.say(f"{SERVER}/branches", {"values": [branch("main", A)], "isLastPage": True})
    server.say(f"{SERVER}/pull-requests", {"values": []})
    return server


def head(revision: str, name: str = "main") -> dict[str, object]:
    author = {"raw": "Ana <ana@example.org>", "user": {"nickname": "ana"}}
    return {
        "name": name,
        "type": "branch",
        "target": {"hash": revision, "message": "Retry card capture once\n", "author": author},
    }


def branch(name: str, revision: str) -> dict[str, object]:
    return {"id": f"refs/heads/{name}", "displayId": name, "latestCommit": revision}


@pytest.mark.parametrize(
    ("base", "name"), [(A, "repo_push"), (C, "repo_push_forced"), (None, "repo_push_forced")]
)
def test_a_push_is_the_row_of_its_webhook(cloud, hook, row, base, name):
    assert cloud.round() == cloud.round() == []
    cloud.say(f"{CLOUD}/refs/branches/main", head(B))
    if base:
        cloud.say(f"{CLOUD}/merge-base/{A}..{B}", {"hash": base})
    cloud.say(f"{CLOUD}/commits/{B}", {"values": [{"hash": B}, {"hash": C}]})
    (push,) = cloud.round()
    assert row(push) == row(hook.event(name))
    assert_event(push, count=2, previous=A, url=f"https://bitbucket.org/acme/shop/commits/{B}")
    assert cloud.round() == []


def test_k8_a_page_full_of_commits_is_no_count(cloud, server):
    cloud.round(), cloud.round()
    many = [{"hash": f"{number:040x}"} for number in range(100)]
    cloud.say(f"{CLOUD}/refs/branches/main", head(B))
    cloud.say(f"{CLOUD}/merge-base/{A}..{B}", {"hash": A})
    cloud.say(f"{CLOUD}/commits/{B}", {"values": many})
    (push,) = cloud.round()
    assert push.count == 0, "nobody knows how many there are"
    server.round(), server.round()
    server.say(f"{SERVER}/branches", {"values": [branch("main", B)], "isLastPage": True})
    server.say(f"{SERVER}/commits", {"values": [{"id": one["hash"]} for one in many]})
    (push,) = server.round()
    assert push.count == 0


def test_a_branch_that_goes_and_comes(cloud, hook, row):
    cloud.round()
    cloud.round()
    cloud.forget(f"{CLOUD}/refs/branches/main")
    (deleted,) = cloud.round()
    assert (deleted.key, deleted.state) == (hook.event("repo_push_deleted").key, "deleted")
    cloud.say(f"{CLOUD}/refs/branches/main", head(B))
    (created,) = cloud.round()
    assert row(created) == row(hook.event("repo_push_created"))


def test_an_outage_that_answers_404_deletes_no_branch(rounds, cloud):
    new = rounds(bitbucket, cloud.source)
    new.like(cloud)
    new.down = True
    assert new.round() == []
    new.down = False
    assert new.round() == [], "a branch that was there at first contact is not new"
    cloud.round()
    cloud.down = True
    assert cloud.round() == []
    cloud.down = False
    assert cloud.round() == []


def test_data_center_that_hides_its_default_branch_deletes_none(server):
    default = {"id": "refs/heads/trunk", "displayId": "trunk"}
    server.say(f"{SERVER}/branches/default", default)
    server.say(f"{SERVER}/branches", {"values": [branch("trunk", A)], "isLastPage": True})
    assert server.round() == server.round() == []
    server.forget(f"{SERVER}/branches/default")
    assert server.round() == []
    server.say(f"{SERVER}/branches/default", default)
    assert server.round() == []


def test_branches_that_match_a_glob_are_listed_page_by_page(rounds, cloud):
    of_all = rounds(
        bitbucket,
        SourceInfo(
            "bb",
            ("release/*",),
            url="https://api.bitbucket.org",
            options={"repository": "acme/shop"},
        ),
    )
    of_all.like(cloud)
    second = f"{CLOUD}/refs/branches?page=2"
    of_all.say(
        f"{CLOUD}/refs/branches",
        {"values": [head(A, "release/1"), head(A, "topic")], "next": second},
    )
    of_all.say(second, {"values": [head(A, "release/2")]})
    of_all.round()
    of_all.say(second, {"values": [head(B, "release/3")]})
    assert [(event.ref, event.state) for event in of_all.round()] == [
        ("release/2", "deleted"),
        ("release/3", "created"),
    ]


def test_more_branches_than_can_be_followed_hold_up_no_other(rounds, cloud):
    info = SourceInfo("bb", ("main", "*"), url=cloud.source.url, options=cloud.source.options)
    of_all = rounds(bitbucket, info)
    of_all.like(cloud)
    of_all.say(f"{CLOUD}/refs/branches", {"values": [head(A, "release/1")]})
    of_all.round()
    many = [head(A, f"{number:0200}") for number in range(1200)]
    for page in range(12):
        more = {"next": f"{CLOUD}/refs/branches?page={page + 2}"} if page < 11 else {}
        path = f"{CLOUD}/refs/branches" + (f"?page={page + 1}" if page else "")
        of_all.say(path, {"values": many[page * 100 : page * 100 + 100]} | more)
    of_all.say(f"{CLOUD}/refs/branches/main", head(B))
    (push,) = of_all.round(but="name fewer with --branch")
    assert push.ref == "main"
    assert of_all.errors
    of_all.say(f"{CLOUD}/refs/branches", {"values": [head(A, "release/1")]})
    assert of_all.round() == []


def test_data_center_with_more_branches_than_can_be_followed_has_the_named_ones(rounds, server):
    info = SourceInfo("dc", ("main", "*"), url=server.source.url, options=server.source.options)
    of_all = rounds(bitbucket, info)
    of_all.like(server)
    few = [branch("main", A), branch("release/1", A)]
    many = [branch(f"{number:0200}", A) for number in range(1200)]

    def say(*branches: dict[str, object]) -> None:
        for start in range(0, len(branches), 100):
            last = start + 100 >= len(branches)
            path = f"{SERVER}/branches?start={start}&"
            page = {"values": branches[start : start + 100], "isLastPage": last}
            of_all.say(path, page | ({} if last else {"nextPageStart": start + 100}))

    say(*few)
    of_all.round()
    say(branch("main", B), *many)
    of_all.say(f"{SERVER}/commits", {"values": [{"id": B}]})
    (push,) = of_all.round()
    assert (push.ref, push.state) == ("main", "pushed")
    (gap,) = of_all.gaps
    assert (gap.what, gap.count) == ("branches (name fewer with --branch)", 1200)
    assert of_all.round() == []
    assert len(of_all.gaps) == 1, "it is told once"
    say(branch("main", B), branch("release/1", A))
    assert of_all.round() == [], "what was there before is not new"
    say(branch("main", B), branch("release/1", B))
    assert [event.ref for event in of_all.round()] == ["release/1"]


def test_a_merge_is_the_row_of_its_webhook(cloud, hook, row, samples):
    cloud.round()
    cloud.say(
        f"{CLOUD}/pullrequests",
        {"values": [sampled(samples, "pullrequest_fulfilled")["pullrequest"]]},
    )
    (merge,) = cloud.round()
    assert row(merge) == row(hook.event("pullrequest_fulfilled"))
    assert cloud.round() == []


@pytest.mark.parametrize("first", ["push", "merge"])
async def test_a_merge_is_the_row_of_its_push(cloud, hook, samples, first):
    async def publish(_events) -> None:
        pass

    cloud.round()
    pull = sampled(samples, "pullrequest_fulfilled")["pullrequest"]
    cloud.say(f"{CLOUD}/pullrequests", {"values": [pull]})
    cloud.say(f"{CLOUD}/commit/{B[:12]}", {"hash": B})
    (merge,) = cloud.round()
    push = hook.event("repo_push")
    assert merge.revision == push.revision == B
    assert merge.key == hook.event("pullrequest_fulfilled").key
    events = [push, merge] if first == "push" else [merge, push]
    async with Publisher(publish).turn() as turn:
        news = turn.news_of(events, RECEIVED)
        assert turn.news_of([hook.event("pullrequest_fulfilled")], RECEIVED) == []
    assert len({run_of(event) for event in news}) == 1
    assert news[-1].state == "merged"


def test_a_build_is_the_row_of_its_webhook(cloud, hook, row, samples):
    cloud.round()
    status = {
        key: value
        for key, value in sampled(samples, "repo_commit_status_updated")["commit_status"].items()
        if key != "commit"
    }
    running = status | {"state": "INPROGRESS", "refname": None, "links": None}
    cloud.say(f"{CLOUD}/commit/{A}/statuses", {"values": [running]})
    (begun,) = cloud.round()
    assert_event(
        begun, state="running", ref="main", revision=A, subject="build/shop/main/Shop@shop-ci"
    )
    cloud.say(f"{CLOUD}/refs/branches/main", head(B))
    cloud.say(
        f"{CLOUD}/commit/{A}/statuses",
        {"values": [running | {"state": "SUCCESSFUL", "refname": "main"}]},
    )
    assert [event.state for event in cloud.round()] == ["force-pushed", "succeeded"], (
        "an older commit's builds are seen to their end"
    )
    cloud.say(f"{CLOUD}/commit/{B}/statuses", {"values": [status]})
    (failed,) = cloud.round()
    by_hook = hook.event("repo_commit_status_updated")
    assert_event(failed, key=by_hook.key, subject=by_hook.subject, number=by_hook.number)
    asked = len(cloud.asked)
    assert cloud.round() == []
    assert not any(f"/commit/{A}/" in path for path in cloud.asked[asked:])


def test_builds_of_the_main_branch_come_before_those_of_any_glob(rounds, cloud, server):
    failed = {"key": "ci", "name": "CI", "state": "FAILED", "url": "https://ci.example.org/1"}
    names = ("main", "release/*")
    info = SourceInfo("bb", names, url=cloud.source.url, options=cloud.source.options)
    of_all = rounds(bitbucket, info)
    of_all.like(cloud)
    others = [head(f"{number + 1:040x}", f"release/{number}") for number in range(12)]
    of_all.say(f"{CLOUD}/refs/branches", {"values": others})
    of_all.round()
    of_all.say(f"{CLOUD}/commit/{A}/statuses", {"values": [failed]})
    assert [(event.state, event.ref) for event in of_all.round()] == [("failed", "main")]
    assert of_all.round() == []
    assert of_all.dropped["builds-of-too-many-branches"] == 6, "three in each of two rounds"
    info = SourceInfo("dc", names, url=server.source.url, options=server.source.options)
    of_all = rounds(bitbucket, info)
    of_all.like(server)
    listed = [branch(f"release/{number}", f"{number + 1:040x}") for number in range(12)]
    page = {"values": [*listed, branch("main", A)], "isLastPage": True}
    of_all.say(f"{SERVER}/branches", page)
    of_all.round()
    of_all.say(f"{STATUS}/{A}", {"values": [failed]})
    assert [(event.state, event.ref) for event in of_all.round()] == [("failed", "main")]
    assert of_all.round() == []


def test_issues_are_the_rows_of_their_webhooks(cloud, hook, row, samples):
    issue = sampled(samples, "issue_created")["issue"] | {"reporter": {"nickname": "eva"}}
    old = issue | {
        "id": 1,
        "created_on": "2027-01-14T00:00:00+00:00",
        "updated_on": "2027-01-14T00:00:00+00:00",
    }
    cloud.say(f"{CLOUD}/issues", {"values": [old]})
    assert cloud.round() == []
    cloud.say(f"{CLOUD}/issues", {"values": [issue | {"updated_on": issue["created_on"]}]})
    (opened,) = cloud.round()
    assert row(opened) == row(hook.event("issue_created"))
    cloud.say(f"{CLOUD}/issues", {"values": [issue]})
    entry = {
        "changes": {"state": {"old": "open", "new": "resolved"}},
        "user": {"nickname": "eva"},
        "created_on": issue["updated_on"],
    }
    cloud.say(
        f"{CLOUD}/issues/912/changes",
        {"values": [entry, {"changes": {"assignee": {}}, "created_on": issue["updated_on"]}]},
    )
    (closed,) = cloud.round()
    assert row(closed) == row(hook.event("issue_updated"))
    assert cloud.round() == []


def test_what_data_center_says_are_the_rows_of_its_webhooks(server, hook, row, samples):
    assert server.round() == server.round() == []
    server.say(
        f"{SERVER}/branches",
        {"values": [branch("main", B), branch("topic", C)], "isLastPage": True},
    )
    commits = sampled(samples, "server_repo_refs_changed")["commits"]
    server.say(f"{SERVER}/commits", {"values": commits})
    (push,) = server.round()
    by_hook = hook.event("server_repo_refs_changed")
    assert row(push) == row(by_hook)
    assert_event(push, count=2, previous=A, url=by_hook.url)
    pull = sampled(samples, "server_pr_merged")["pullRequest"]
    server.say(
        f"{SERVER}/pull-requests",
        {"values": [{key: value for key, value in pull.items() if key != "properties"}]},
    )
    activity = {
        "action": "MERGED",
        "user": {"name": "bo"},
        "commit": pull["properties"]["mergeCommit"],
    }
    server.say(
        f"{SERVER}/pull-requests/482/activities", {"values": [{"action": "APPROVED"}, activity]}
    )
    (merge,) = server.round()
    assert row(merge) == row(hook.event("server_pr_merged"))
    assert server.round() == []


def test_a_branch_of_data_center_that_goes_and_comes(server, samples):
    server.round()
    server.say(f"{SERVER}/branches", {"values": [], "isLastPage": True})
    (deleted,) = server.round()
    assert (deleted.state, deleted.previous) == ("deleted", A)
    page = f"{SERVER}/branches?start=1"
    server.say(
        f"{SERVER}/branches",
        {"values": [branch("topic", C)], "isLastPage": False, "nextPageStart": 1},
    )
    server.say(page, {"values": [branch("main", B)], "isLastPage": True})
    server.say(
        f"{SERVER}/commits", {"values": sampled(samples, "server_repo_refs_changed")["commits"][:1]}
    )
    (created,) = server.round()
    assert_event(created, state="created", revision=B, actor="ana", title="Retry card capture once")


def test_builds_of_data_center(server):
    server.round()
    build = {
        "state": "INPROGRESS",
        "key": "shop-ci",
        "name": "Shop #93",
        "url": "https://ci.example.org/93",
        "dateAdded": 1_799_999_940_000,
    }
    server.say(f"{STATUS}/{A}", {"values": [build]})
    (running,) = server.round()
    assert_event(
        running,
        state="running",
        subject="build/shop/main/Shop@shop-ci",
        revision=A,
        time=RECEIVED - 60_000,
    )
    server.say(
        f"{STATUS}/{A}",
        {"values": [build | {"state": "FAILED", "description": "2 of 214 tests failed"}]},
    )
    (failed,) = server.round()
    assert_event(
        failed,
        state="failed",
        subject=running.subject,
        number=running.number,
        reason="2 of 214 tests failed",
    )
    assert server.round() == []


def test_a_repository_is_a_workspace_and_a_name():
    for name in ("shop", "acme/web/shop", "acme/.."):
        with pytest.raises(ValueError, match="WORKSPACE/REPOSITORY"):
            bitbucket.check(SourceInfo("bb", options={"repository": name}))
    bitbucket.check(SourceInfo("bb", options={"repository": "~ana/shop"}))


def test_any_answers_leave_a_cursor_that_the_next_round_can_read(
    cloud, server, any_answers, samples
):
    names = ("repo_push", "pullrequest_fulfilled", "repo_commit_status_updated", "issue_updated")
    parts = [
        part for name in names for part in sampled(samples, name).values() if isinstance(part, dict)
    ]
    any_answers(
        bitbucket_poll,
        SourceInfo("bb", ("main", "release/*"), options=cloud.source.options),
        [*parts, head(A)],
    )
    pull = sampled(samples, "server_pr_merged")["pullRequest"]
    any_answers(
        bitbucket_server_poll,
        server.source,
        [pull, pull["toRef"], branch("main", A), {"action": "MERGED", "commit": {"id": B}}],
    )
