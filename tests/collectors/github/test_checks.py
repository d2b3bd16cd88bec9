"""GitHub's statuses, checks and alerts: each result is a fact, and each comes back as one."""

from __future__ import annotations

import pytest
from collecting import Reader, headers_of

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import github
from devstream_desktop.stream.line import render


@pytest.fixture
def gh(reader) -> Reader:
    return reader("github", github.normalise, lambda name: headers_of("github", name))


def test_a_status_of_another_ci_is_a_line(gh: Reader) -> None:
    made = gh.event("status.failure")
    assert render(made) == "shop  ci/jenkins FAILED on main at aaaaaaa — 2 tests failed"


def test_a_context_that_comes_back_to_a_result_is_news_each_time(gh: Reader) -> None:
    states = [("failure", 1), ("success", 2), ("failure", 3)]
    made = [gh.event("status.failure", {"state": state, "id": n}) for state, n in states]
    assert len({event.key for event in made}) == 3
    assert len({event.subject for event in made}) == 1
    assert gh.event("status.failure").key == gh.event("status.failure").key


def test_two_contexts_are_two_rows(gh: Reader) -> None:
    one, two = gh.event("status.failure"), gh.event("status.failure", {"context": "ci/lint"})
    assert one.subject != two.subject


def test_a_result_for_an_older_commit_is_of_its_place(gh: Reader) -> None:
    older = {"commit": {"commit": {"committer": {"date": "2027-01-15T07:00:00Z"}}}, "id": 99}
    assert gh.event("status.failure", older).order < gh.event("status.failure").order


@pytest.mark.parametrize("branches", [[], [{"name": "topic"}]])
def test_a_commit_that_is_on_no_branch_that_counts_is_none(gh: Reader, branches) -> None:
    assert gh.dropped("status.failure", {"branches": branches}) == "not-a-global-branch"


def test_a_check_of_a_fork_has_no_branch_and_is_none(gh: Reader) -> None:
    fork = {"check_run": {"check_suite": {"head_branch": None}}}
    assert gh.dropped("check_run.failed", fork) == "not-a-global-branch"


def test_a_check_that_an_app_ends_anew_is_a_new_fact(gh: Reader) -> None:
    again = {"check_run": {"completed_at": "2027-01-15T07:59:30Z"}}
    assert gh.event("check_run.failed").key != gh.event("check_run.failed", again).key


def test_what_the_workflows_say_themselves_is_not_told_twice(gh: Reader) -> None:
    assert gh.dropped("check_run.actions") == "check-of-a-workflow"
    ours = {"check_suite": {"app": {"slug": "github-actions"}}}
    assert gh.dropped("check_suite.completed", ours) == "check-of-a-workflow"


@pytest.mark.parametrize("conclusion", ["neutral", "skipped", "stale", "action_required", None])
def test_only_an_end_that_says_something_is_news(gh: Reader, conclusion) -> None:
    change = {"check_run": {"conclusion": conclusion}}
    assert gh.dropped("check_run.failed", change) == "run-not-news"


def test_a_site_that_is_built_again_is_fixed(gh: Reader) -> None:
    failed = gh.event("page_build.errored")
    fixed = gh.event("page_build.errored", {"id": 8, "build": {"status": "built"}})
    assert (failed.state, fixed.state) == ("failed", "succeeded")
    assert failed.subject == fixed.subject


def test_an_alert_that_comes_back_is_news(gh: Reader) -> None:
    first, fixed = gh.event("dependabot_alert.created"), gh.event("dependabot_alert.fixed")
    again = gh.event(
        "dependabot_alert.created",
        {"action": "reintroduced", "alert": {"updated_at": "2027-01-15T07:59:50Z"}},
    )
    assert [one.state for one in (first, fixed, again)] == ["firing", "resolved", "firing"]
    assert len({one.key for one in (first, fixed, again)}) == 3
    assert len({(one.subject, one.number) for one in (first, fixed, again)}) == 1
    assert first.time < fixed.time < again.time


@pytest.mark.parametrize(
    ("said", "severity"),
    [("critical", "critical"), ("high", "error"), ("medium", "warning"), ("low", "notice")],
)
def test_the_severity_is_githubs(gh: Reader, said: str, severity: str) -> None:
    change = {"alert": {"security_advisory": {"severity": said}}}
    assert gh.event("dependabot_alert.created", change).severity.word == severity


def test_a_secret_is_never_told(gh: Reader) -> None:
    assert b"never-read" in gh.body("secret_scanning_alert.created")
    assert "never-read" not in repr(gh.event("secret_scanning_alert.created"))


def test_the_alert_of_a_pull_request_is_not_in_the_product_yet(gh: Reader) -> None:
    assert gh.dropped("code_scanning_alert.created", {"ref": "refs/pull/7/merge"}) == "not-a-branch"
    topic = {"ref": "refs/heads/topic"}
    assert gh.dropped("code_scanning_alert.created", topic) == "not-a-global-branch"


def test_an_issue_that_is_gone_closes_its_row(gh: Reader) -> None:
    opened = gh.event("issues.opened")
    for name in ("issues.deleted", "issues.transferred"):
        gone = gh.event(name, {"issue": {"number": int(opened.number)}})
        assert gone.state == "closed"
        assert gone.subject.rpartition("/")[2] == opened.subject.rpartition("/")[2]


def test_a_source_may_name_the_branches_of_its_statuses(gh: Reader) -> None:
    made = gh.event("status.failure", source=SourceInfo("gh", ("topic",)))
    assert made.ref == "topic"
