"""K8 and K9: a fact is the sender's, and of a branch that counts; by the cases of the table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_collectors.sources import (
    bitbucket,
    circleci,
    gitea,
    github,
    gitlab,
    jenkins,
    teamcity,
)
from devstream_desktop.stream.line import render

NOW = 1_800_000_000_000
A, B = "a" * 40, "b" * 40
HOME = {
    "name": "shop",
    "full_name": "acme/shop",
    "html_url": "https://git.example.org/acme/shop",
    "default_branch": "main",
}


def read(module: Any, body: dict[str, object], *branches: str, **headers: str) -> Normalised:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    delivery = Delivery(named, json.dumps(body).encode(), NOW)
    found: Normalised = module.normalise(delivery, SourceInfo("own", branches))
    return found


def line(module: Any, body: dict[str, object], *branches: str, **headers: str) -> str:
    result = read(module, body, *branches, **headers)
    assert not result.dropped, result
    return render(result.events[0])


BRANCH = {
    "ref": "release/2.0",
    "ref_type": "branch",
    "default_branch": "main",
    "repository": HOME,
    "sender": {"login": "dev1"},
}


@pytest.mark.parametrize(
    ("headers", "body", "said"),
    [
        ({"x_gogs_event": "create"}, BRANCH, "created release/2.0"),
        ({"x_gitea_event": "create"}, BRANCH | {"sha": A}, "created release/2.0 at aaaaaaa"),
        ({"x_gitea_event": "delete"}, BRANCH | {"sha": A}, "deleted release/2.0 at aaaaaaa"),
        ({"x_gitea_event": "delete"}, BRANCH, "deleted release/2.0"),
        # Relays lose the headers.
        ({}, BRANCH, "created release/2.0"),
        ({}, BRANCH | {"sha": A}, "created release/2.0 at aaaaaaa"),
        ({}, BRANCH | {"pusher_type": "user"}, "deleted release/2.0"),
    ],
)
def test_k8_the_events_name_says_whether_a_branch_came_or_went(headers, body, said) -> None:
    assert line(gitea, body, "release/*", **headers) == f"shop  dev1 {said}"


def test_k8_a_branch_that_came_without_a_commit_and_went_are_two_facts() -> None:
    came = read(gitea, BRANCH, "release/*", x_gogs_event="create").events[0]
    went = read(gitea, BRANCH, "release/*", x_gogs_event="delete").events[0]
    assert came.key != went.key
    assert came.number != went.number


def pushed(**more: object) -> dict[str, object]:
    return {"ref": "refs/heads/main", "before": B, "after": A, **more}


@pytest.mark.parametrize(
    ("module", "body", "headers", "said"),
    [
        (
            gitlab,
            pushed(object_kind="push", total_commits_count=0, commits=[], user_username="dev1"),
            {"x_gitlab_event": "Push Hook"},
            "reset main from bbbbbbb to aaaaaaa",
        ),
        (
            gitlab,
            pushed(object_kind="push", commits=[], user_username="dev1"),
            {"x_gitlab_event": "Push Hook"},
            "pushed to main · aaaaaaa",
        ),
        (
            gitea,
            pushed(total_commits=0, commits=[], pusher={"login": "dev1"}, repository=HOME),
            {"x_gitea_event": "push"},
            "reset main from bbbbbbb to aaaaaaa",
        ),
        (
            gitea,
            pushed(commits=[], pusher={"login": "dev1"}, repository=HOME),
            {"x_gogs_event": "push"},
            "pushed to main · aaaaaaa",
        ),
        (
            github,
            pushed(forced=True, commits=[], sender={"login": "dev1"}, repository=HOME),
            {"x_github_event": "push"},
            "reset main from bbbbbbb to aaaaaaa",
        ),
        (
            github,
            pushed(forced=True, commits=[{}], sender={"login": "dev1"}, repository=HOME),
            {"x_github_event": "push"},
            "force-pushed main from bbbbbbb to aaaaaaa",
        ),
    ],
)
def test_k8_no_commit_is_counted_that_nobody_named(module, body, headers, said) -> None:
    assert line(module, body, **headers).split("  ", 1)[1] == f"dev1 {said}"


def test_k8_a_list_that_was_cut_is_no_count() -> None:
    change = {
        "old": {"type": "branch", "name": "main", "target": {"hash": B}},
        "new": {"type": "branch", "name": "main", "target": {"hash": A}},
        "commits": [{}] * 5,
        "truncated": True,
    }
    body: dict[str, object] = {
        "actor": {"nickname": "dev1"},
        "repository": {"full_name": "acme/shop"},
        "push": {"changes": [change]},
    }
    headers = {"x_event_key": "repo:push"}
    assert line(bitbucket, body, **headers) == "shop  dev1 pushed to main · aaaaaaa"
    change["truncated"] = False
    assert line(bitbucket, body, **headers) == "shop  dev1 pushed 5 commits to main · aaaaaaa"


def built(**parameters: str) -> dict[str, object]:
    build = {
        "number": 1,
        "full_url": "https://ci.example.org/job/shop/1/",
        "phase": "FINALIZED",
        "status": "FAILURE",
        "scm": {"branch": "origin/main"},
        "parameters": parameters,
    }
    return {"name": "shop", "build": build}


@pytest.mark.parametrize(
    "name",
    ["ghprbPullId", "CHANGE_ID", "gitlabMergeRequestIid", "BITBUCKET_PULL_REQUEST_ID", "pr_id"],
)
def test_k8_a_jenkins_build_of_a_request_is_none_of_main(name: str) -> None:
    assert read(jenkins, built(**{name: "7"})).dropped == "run-of-a-pull-request"
    assert line(jenkins, built(**{name: ""})) == "shop  build #1 FAILED on main"


@pytest.mark.parametrize(
    ("by", "ends"),
    [
        ("Perforce", ""),
        ("Git", ""),
        ("Schedule Trigger", ""),
        ("Finish Build Trigger; Shop :: Compile", ""),
        ("Snapshot dependency; Shop :: Compile", ""),
        ("Retry Build Trigger", ""),
        ("dev1", " · by dev1"),
        ("Gitte", " · by Gitte"),
    ],
)
def test_k8_a_trigger_is_no_person(by: str, ends: str) -> None:
    assert line(teamcity, _teamcity(by)).partition("FAILED")[2] == f" on main{ends}"


@pytest.mark.parametrize("ide", ["IntelliJ IDEA", "Eclipse", "Visual Studio Addin"])
def test_k8_a_remote_run_of_an_ide_is_somebodys_own(ide: str) -> None:
    assert read(teamcity, _teamcity(f"dev1; {ide}")).dropped == "personal-build"


def _teamcity(by: str) -> dict[str, object]:
    build = {
        "notifyType": "buildFailed",
        "buildId": "7",
        "buildTypeId": "Shop_Build",
        "buildName": "Build",
        "projectName": "Shop",
        "branchName": "main",
        "triggeredBy": by,
    }
    return {"build": build}


CIRCLECI = {
    "type": "workflow-completed",
    "project": {"name": "shop"},
    "workflow": {"id": "w1", "name": "build", "status": "failed"},
    "pipeline": {"number": 4, "vcs": {"branch": "dev1/try", "revision": A}},
}
JENKINS = built() | {"build": {**built()["build"], "scm": {"branch": "origin/dev1/try"}}}  # type: ignore[dict-item]
STATUS = {
    "commit_status": {"state": "FAILED", "name": "CI", "key": "ci", "refname": "dev1/try"},
    "repository": {"full_name": "acme/shop"},
}
TEAMCITY = {"build": {**_teamcity("")["build"], "branchName": "dev1/try"}}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("module", "body", "headers"),
    [
        (circleci, CIRCLECI, {}),
        (jenkins, JENKINS, {}),
        (teamcity, TEAMCITY, {}),
        (bitbucket, STATUS, {"x_event_key": "repo:commit_status_updated"}),
    ],
)
def test_k9_without_a_named_branch_only_main_and_master_count(module, body, headers) -> None:
    assert read(module, body, **headers).dropped == "not-a-global-branch"
    assert "dev1/try" in line(module, body, "dev1/*", **headers)
    on_main = json.loads(json.dumps(body).replace("dev1/try", "master"))
    assert " on master" in line(module, on_main, **headers)
