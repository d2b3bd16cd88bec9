"""K10, asked: statuses, checks, page builds and security alerts give the rows of their webhooks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from collecting import RECEIVED, Reader, Rounds, headers_of

from devstream_collectors.contract import Response, SourceInfo
from devstream_collectors.sources import github
from devstream_collectors.sources.github.check_poll import MAX_COMMITS
from devstream_collectors.sources.github.cursor import AGAIN

A, B = "a" * 40, "b" * 40
SOURCE = SourceInfo("gh", url="https://api.github.com", options={"repository": "acme/shop"})
REPO = "/repos/acme/shop"


@pytest.fixture
def hook(reader) -> Reader:
    return reader("github", github.normalise, lambda name: headers_of("github", name))


class Hub(Rounds):
    """GitHub, of whose lists all but one are empty."""

    def tell(self, path: str, document: object, **headers: str) -> None:
        self.say(f"{REPO}{path}", document, **headers)

    def head(self, commit: str) -> None:
        self.tell(
            "/git/matching-refs/heads/main",
            [{"ref": "refs/heads/main", "object": {"sha": commit}}],
        )
        self.tell(f"/compare/{A}...{commit}", {"status": "ahead", "total_commits": 1})
        self.tell(f"/git/commits/{commit}", {"committer": {"date": "2027-01-15T07:50:00Z"}})


@pytest.fixture
def hub() -> Hub:
    hub = Hub(github, SOURCE)
    hub.tell(
        "",
        {
            "name": "shop",
            "full_name": "acme/shop",
            "html_url": "https://github.com/acme/shop",
            "default_branch": "main",
        },
    )
    for path in ("/pulls", "/deployments", "/issues", "/issues/events", "/commits"):
        hub.tell(path, [])
    hub.tell("/actions/runs", {"workflow_runs": []})
    hub.tell("/pages/builds", [])
    for path in ("dependabot", "code-scanning", "secret-scanning"):
        hub.tell(f"/{path}/alerts", [])
    hub.head(A)
    hub.round()
    hub.round()
    return hub


def body_of(hook: Reader, name: str) -> dict[str, Any]:
    return json.loads(hook.body(name))


def test_a_status_is_the_row_of_its_webhook(hub, hook, row) -> None:
    said = body_of(hook, "status.failure")
    status = {name: said[name] for name in ("id", "state", "context", "description", "target_url")}
    status |= {"created_at": said["created_at"], "updated_at": said["updated_at"]}
    pending = status | {"id": 90, "state": "pending"}
    hub.tell(f"/commits/{A}/statuses", [pending])
    assert hub.round() == []
    hub.tell(f"/commits/{A}/statuses", [status, pending])
    (told,) = hub.round()
    hooked = hook.event("status.failure")
    assert row(told) == row(hooked)
    assert (told.order, told.ref, told.url) == (hooked.order, hooked.ref, hooked.url)
    assert hub.round() == []
    # A context that fails and passes within a round has two results.
    more = [
        status | {"id": number, "state": state}
        for number, state in ((93, "success"), (92, "failure"))
    ]
    hub.tell(f"/commits/{A}/statuses", [*more, status, pending])
    assert [event.state for event in hub.round()] == ["failed", "succeeded"]


def test_a_check_run_is_the_row_of_its_webhook_and_a_workflows_is_none(hub, hook, row) -> None:
    said = body_of(hook, "check_run.failed")["check_run"]
    check = {name: value for name, value in said.items() if name != "check_suite"}
    ours = check | {"id": 5, "app": {"slug": "github-actions"}}
    going = check | {"conclusion": None, "completed_at": None}
    hub.tell(f"/commits/{A}/check-runs", {"check_runs": [going, ours]})
    assert hub.round() == []
    hub.tell(f"/commits/{A}/check-runs", {"check_runs": [check, ours]})
    (told,) = hub.round()
    suite = {"created_at": "2027-01-15T07:50:00Z"}
    more = {"sender": {"login": ""}, "check_run": {"check_suite": suite}}
    hooked = hook.event("check_run.failed", more)
    # Of an older commit both are older work, however late the check ran.
    assert (row(told), told.order) == (row(hooked), hooked.order)
    assert told.order < told.time - told.duration
    assert hub.round() == []


def test_the_checks_of_a_commit_are_read_page_by_page(hub, hook, row) -> None:
    check = body_of(hook, "check_run.failed")["check_run"]
    ours = [check | {"id": 1000 + n, "app": {"slug": "github-actions"}} for n in range(100)]
    path, second = f"/commits/{A}/check-runs", f"{REPO}/commits/{A}/check-runs?page=2"
    hub.tell(path, {"check_runs": ours}, link=f'<https://api.github.com{second}>; rel="next"')
    hub.say(f"https://api.github.com{second}", {"check_runs": [check]})
    assert [event.revision for event in hub.round()] == [A]
    assert (hub.round(), hub.gaps) == ([], [])


def test_more_checks_than_are_read_are_told_once(hub, hook) -> None:
    check = body_of(hook, "check_run.failed")["check_run"]
    ours = check | {"id": 1000, "app": {"slug": "github-actions"}}
    path, again = f"/commits/{A}/check-runs", f"https://api.github.com{REPO}/more"
    hub.tell(path, {"check_runs": [ours]}, link=f'<{again}>; rel="next"')
    hub.say(again, {"check_runs": [ours]}, link=f'<{again}>; rel="next"')
    hub.round()
    hub.round()
    assert [gap.what for gap in hub.gaps] == [f"checks of {A[:8]}"]


def test_a_commit_is_asked_until_its_results_are_there(hub, hook) -> None:
    check = body_of(hook, "check_run.failed")["check_run"]
    going = check | {"conclusion": None, "completed_at": None}
    hub.tell(f"/commits/{A}/check-runs", {"check_runs": [going]})
    hub.round()
    hub.head(B)
    assert [event.kind for event in hub.round()] == ["change"]
    hub.round()
    hub.tell(f"/commits/{A}/check-runs", {"check_runs": [check]})
    assert [event.revision for event in hub.round()] == [A]
    hub.asked.clear()
    hub.round()
    assert not any(A in path for path in hub.asked), "it is over, and no branch is there"


def test_a_page_build_is_the_row_of_its_webhook(hub, hook, row) -> None:
    build = body_of(hook, "page_build.errored")["build"]
    hub.tell("/pages/builds", [build | {"status": "building", "error": None}])
    assert hub.round() == []
    hub.tell("/pages/builds", [build])
    (told,) = hub.round()
    assert row(told) == row(hook.event("page_build.errored"))
    assert hub.round() == []


@pytest.mark.parametrize(
    ("path", "name", "state"),
    [
        ("dependabot", "dependabot_alert.created", "open"),
        ("dependabot", "dependabot_alert.fixed", "fixed"),
        ("secret-scanning", "secret_scanning_alert.created", "open"),
        ("code-scanning", "code_scanning_alert.created", "open"),
        ("code-scanning", "code_scanning_alert.closed_by_user", "dismissed"),
    ],
)
def test_a_security_alert_is_the_row_of_its_webhook(hub, hook, row, path, name, state) -> None:
    alert = body_of(hook, name)["alert"] | {"state": state}
    hub.tell(f"/{path}/alerts", [alert])
    told = hub.round()[-1]
    hooked = hook.event(name, {"sender": {"login": ""}})
    assert (row(told), told.severity, told.url) == (row(hooked), hooked.severity, hooked.url)
    assert hub.round() == []


def test_an_alert_that_comes_back_is_news_and_one_that_is_only_changed_is_none(hub, hook) -> None:
    alert = body_of(hook, "dependabot_alert.created")["alert"] | {"state": "open"}
    fixed = alert | {
        "state": "fixed",
        "fixed_at": "2027-01-15T08:01:00Z",
        "updated_at": "2027-01-15T08:01:00Z",
    }
    told = []
    for body in (
        alert,
        alert | {"updated_at": "2027-01-15T08:00:30Z"},
        fixed,
        alert | {"updated_at": "2027-01-15T08:02:00Z"},
    ):
        hub.tell("/dependabot/alerts", [body])
        told += [(event.state, event.key) for event in hub.round()]
    assert [state for state, _ in told] == ["firing", "resolved", "firing"]
    assert len({key for _, key in told}) == 3


def test_what_a_token_may_not_read_is_asked_again_in_an_hour_and_fails_no_round() -> None:
    cursor = b'{"home": {"full_name": "acme/shop", "default_branch": "main"}}'
    asked = github.requests(cursor, SOURCE, RECEIVED)
    (alerts,) = [request for request in asked if "dependabot" in request.path]
    assert alerts.optional
    answer = Response(alerts, 403, {}, b"{}", RECEIVED)
    cursor = github.parse(answer, cursor, SOURCE).cursor

    def is_asked(now: int) -> bool:
        return any("dependabot" in one.path for one in github.requests(cursor, SOURCE, now))

    assert not is_asked(RECEIVED + 60_000)
    assert is_asked(RECEIVED + AGAIN + 60_000)


def test_many_branches_are_asked_for_within_bounds() -> None:
    heads = {f"release/{number}": f"{number:040x}" for number in range(40)}
    source = SourceInfo("gh", ("release/*",), url=SOURCE.url, options=SOURCE.options)
    cursor = json.dumps({"heads": {"release/*": heads}}).encode()
    asked = [one for one in github.requests(cursor, source, RECEIVED) if "/statuses" in one.path]
    assert len(asked) == MAX_COMMITS
