"""Jenkins asked through its API: the rows of the plugin, nothing missed, little asked."""

from __future__ import annotations

import pytest
from collecting import assert_event

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import jenkins
from devstream_collectors.sources.jenkins import poll as jenkins_poll
from devstream_desktop.intake.poll.chain import MAX_CURSOR

B = "b" * 40
FOLDER, BRANCHES = (
    "com.cloudbees.hudson.plugins.folder.Folder",
    "org.jenkinsci.plugins.workflow.multibranch.WorkflowMultiBranchProject",
)
START = 1_799_999_760_000
BUILD = {
    "_class": "hudson.model.FreeStyleBuild",
    "number": 93,
    "url": "https://ci.example.org/job/shop/93/",
    "building": True,
    "result": None,
    "timestamp": START,
    "duration": 0,
    "actions": [
        {},
        None,
        {"causes": [{"userName": "Eva"}, {}]},
        {"lastBuiltRevision": {"SHA1": B, "branch": [{"name": "origin/main"}]}},
    ],
    "changeSets": [{"items": [{"author": {"fullName": "ana"}}]}],
    "culprits": [],
}
OVER = BUILD | {
    "building": False,
    "result": "UNSTABLE",
    "duration": 192_000,
    "actions": [
        {
            "_class": "hudson.plugins.git.util.BuildData",
            "lastBuiltRevision": {"SHA1": B, "branch": [{"name": "refs/remotes/origin/main"}]},
        },
        {"_class": "hudson.tasks.junit.TestResultAction", "failCount": 2, "totalCount": 214},
    ],
    "culprits": [{"fullName": "ana"}, {"fullName": "bo"}],
}


def job(name: str, last: int | None, **more: object) -> dict[str, object]:
    return {
        "fullName": name,
        "lastBuild": {"number": last, "timestamp": START} if last else None,
        **more,
    }


@pytest.fixture
def ci(rounds):
    ci = rounds(jenkins, SourceInfo("jenkins", url="https://ci.example.org"))
    ci.say("/api/json", {"jobs": [job("shop", 92)]})
    ci.say("/job/shop/api/json", {"builds": [OVER | {"number": 92}]})
    return ci


@pytest.fixture
def hook(reader):
    return reader("jenkins", jenkins.normalise)


def test_first_contact_tells_the_last_build_of_each_job_and_no_news_costs_one_request(ci):
    ci.say("/job/shop/api/json", {"builds": [OVER | {"number": number} for number in (92, 91, 90)]})
    assert [event.number for event in ci.round()] == ["92"]
    asked = len(ci.asked)
    assert ci.round() == []
    assert len(ci.asked) == asked + 1


def test_a_build_is_the_row_of_its_notifications(ci, hook, row):
    ci.round()
    ci.say("/api/json", {"jobs": [job("shop", 93)]})
    ci.say("/job/shop/api/json", {"builds": [BUILD]})
    (running,) = ci.round()
    checked_out = {"build": {"scm": {"branch": "origin/main"}}}
    assert row(running)[:5] == row(hook.event("started", checked_out))[:5]
    assert running.actor == "ana"
    assert ci.round() == []
    ci.say("/job/shop/api/json", {"builds": [OVER]})
    (failed,) = ci.round()
    assert row(failed) == row(hook.event("finalized"))
    assert_event(failed, ref="main", revision=B, count=2, total=214, duration=192_000)
    assert ci.round() == []


def test_builds_between_two_rounds_are_all_told_and_one_that_ends_late(ci):
    ci.round()
    ci.say("/api/json", {"jobs": [job("shop", 95)]})
    ci.say("/job/shop/api/json", {"builds": [OVER | {"number": 95}, BUILD | {"number": 94}, OVER]})
    assert [(event.number, event.state) for event in ci.round()] == [
        ("93", "failed"),
        ("94", "running"),
        ("95", "failed"),
    ]
    ci.say(
        "/job/shop/api/json",
        {"builds": [OVER | {"number": 95}, OVER | {"number": 94, "result": "ABORTED"}, OVER]},
    )
    assert [(event.number, event.state) for event in ci.round()] == [("94", "cancelled")]
    ci.forget("/job/shop/api/json")
    ci.say("/api/json", {"jobs": [job("shop", 96)]})
    assert ci.round() == []


def test_a_build_that_waits_while_newer_ones_run_is_told_when_it_ends(ci):
    ci.round()
    ci.say("/api/json", {"jobs": [job("shop", 93)]})
    ci.say("/job/shop/api/json", {"builds": [BUILD]})
    assert [(event.number, event.state) for event in ci.round()] == [("93", "running")]
    page = [OVER | {"number": number, "result": "SUCCESS"} for number in range(114, 94, -1)]
    ci.say("/api/json", {"jobs": [job("shop", 114)]})
    ci.say("/job/shop/api/json", {"builds": page})
    ci.say("/job/shop/93/api/json", BUILD)
    assert "93" not in {event.number for event in ci.round()}
    assert ci.round() == []
    ci.say("/job/shop/93/api/json", OVER)
    (failed,) = ci.round()
    assert_event(failed, number="93", state="failed", ref="main", count=2)
    asked = len(ci.asked)
    assert ci.round() == []
    assert len(ci.asked) == asked + 1
    # One that was thrown away is forgotten.
    ci.say("/api/json", {"jobs": [job("shop", 115)]})
    ci.say("/job/shop/api/json", {"builds": [BUILD | {"number": 115}, *page[:19]]})
    assert [event.number for event in ci.round()] == ["115"]
    ci.say("/job/shop/api/json", {"builds": page})
    assert ci.round() == []
    asked = len(ci.asked)
    assert ci.round() == []
    assert len(ci.asked) == asked + 1


def test_a_thousand_jobs_of_long_names_fit_into_a_cursor(rounds):
    ci = rounds(jenkins, SourceInfo("jenkins", url="https://ci.example.org"))
    names = [f"acme/{'shop-frontend-service-' * 4}{number:07}" for number in range(1000)]
    assert {len(name) for name in names} == {100}
    ci.say("/api/json", {"jobs": [job(name, 123_456) for name in names]})
    for name in names:
        ci.say(f"/job/acme/job/{name[5:]}/api/json", {"builds": [OVER | {"number": 123_456}]})
    ci.round()
    assert len(ci._cursor) <= MAX_CURSOR
    assert ci.round() == []


def test_a_cursor_with_the_names_of_jobs_is_read(ci):
    ci._cursor = b'{"jobs":{"shop":[91,[]]}}'
    ci.say("/api/json", {"jobs": [job("shop", 93)]})
    ci.say("/job/shop/api/json", {"builds": [OVER | {"number": number} for number in (93, 92, 91)]})
    assert [event.number for event in ci.round()] == ["92", "93"]
    assert ci.round() == []


def test_folders_and_branches(rounds):
    source = SourceInfo(
        "jenkins", ("main", "release/*"), url="https://ci.example.org", options={"job": ("acme/*",)}
    )
    ci = rounds(jenkins, source)
    branches = [
        job("acme/shop/release%2F2", 7),
        job("acme/shop/topic", 3),
        job("acme/shop/PR-12", 1),
    ]
    tree = {
        "_class": FOLDER,
        "fullName": "acme",
        "jobs": [{"_class": BRANCHES, "fullName": "acme/shop", "jobs": branches}],
    }
    ci.say("/api/json", {"jobs": [tree, job("other", 1)]})
    for name, number in (("release%252F2", 7), ("topic", 3), ("PR-12", 1)):
        page = f"/job/acme/job/shop/job/{name}"
        ci.say(
            f"{page}/api/json",
            {
                "builds": [
                    OVER
                    | {
                        "number": number,
                        "url": f"https://ci.example.org{page}/{number}/",
                        "actions": [],
                    }
                ]
            },
        )
    (event,) = ci.round()
    assert_event(
        event,
        ref="release/2",
        service="shop",
        title="shop/release/2",
        url="https://ci.example.org/job/acme/job/shop/job/release%252F2/7/",
    )
    assert ci.dropped == {"not-a-global-branch": 1, "run-of-a-pull-request": 1}
    assert not any("other" in path for path in ci.asked)


def test_a_large_server_is_asked_for_its_newest_jobs_first(rounds):
    ci = rounds(jenkins, SourceInfo("jenkins", url="https://ci.example.org"))
    jobs = [
        {
            "fullName": f"job-{number}",
            "lastBuild": {"number": 1, "timestamp": START + number, "building": number == 0},
        }
        for number in range(60)
    ]
    ci.say("/api/json", {"jobs": jobs})
    for number in range(60):
        ci.say(
            f"/job/job-{number}/api/json",
            {
                "builds": [
                    OVER | {"number": 1, "url": f"https://ci.example.org/job/job-{number}/1/"}
                ]
            },
        )
    assert sorted(event.service for event in ci.round()) == sorted(
        f"job-{number}" for number in range(40, 60)
    )
    assert [event.service for event in ci.round()] == ["job-0"], "it was running at first contact"
    ci.say("/api/json", {"jobs": jobs * 20})
    with pytest.raises(ValueError, match="--job"):
        ci.round()


def test_any_answer_is_understood_or_refused(any_answers):
    source = SourceInfo("jenkins", ("main",), url="https://ci.example.org")
    any_answers(
        jenkins_poll,
        source,
        [{"jobs": [job("shop", 93)]}, {"builds": [OVER, BUILD | {"number": 94}]}],
    )
