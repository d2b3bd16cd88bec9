"""The last word about a thing is the world's: after a return, a move, a run without a result."""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import Response, SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_collectors.sources import alertmanager
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.line import told

A, B = "a" * 40, "b" * 40
HOME = {
    "name": "shop",
    "full_name": "acme/shop",
    "html_url": "https://github.com/acme/shop",
    "default_branch": "main",
}


def broken(node) -> list[str]:
    with Reader(node.history.path) as reader:
        return [thing.line.event.number for thing in reader.red_now()]


def open_tickets(node) -> list[str]:
    with Reader(node.history.path) as reader:
        return [thing.line.event.number for thing in reader.open_tickets()]


def meanings(node) -> list[str]:
    return [line.transition.value for line in node.lines()]


class Asked:
    """An Alertmanager that a node asks for what fires now."""

    def __init__(self, node) -> None:
        self.node, self.cursor = node, b""

    async def look(self, *alerts: dict[str, object]) -> None:
        source, now = SourceInfo("am"), self.node.now
        waiting = list(alertmanager.requests(self.cursor, source, now))
        while waiting:
            request = waiting.pop(0)
            status = request.path == "/api/v2/status"
            body = json.dumps({"uptime": iso(now - 86_400_000)} if status else alerts).encode()
            answer = Response(request, 200, {}, body, now)
            polled = alertmanager.parse(answer, self.cursor, source)
            self.cursor = polled.cursor
            waiting += polled.requests
            await self.node.see(*polled.events)


async def test_an_alert_that_is_listed_again_with_its_first_begin_fires(pair) -> None:
    disk = {"labels": {"alertname": "Disk", "job": "shop"}, "startsAt": iso(pair[0].now)}
    asked = [Asked(node) for node in pair]
    for listed in ([], [disk], [], [disk], [disk]):
        pair[0].pass_time(600_000)
        for one in asked:
            await one.look(*listed)
    for node in pair:
        assert meanings(node) == ["new", "fixed", "regressed"]
        assert len(broken(node)) == 1


def pagerduty(node, action: str, began: int, **more: object) -> tuple[str, dict, dict]:
    incident = {
        "id": "PX1",
        "number": 7,
        "title": "Disk full",
        "created_at": iso(began),
        "html_url": "https://acme.pagerduty.com/incidents/PX1",
        "service": {"summary": "shop"},
        **more,
    }
    event = {
        "event_type": f"incident.{action}",
        "occurred_at": iso(node.now - 500),
        "agent": {"summary": "Ana"},
        "data": incident,
    }
    return "pagerduty", {"event": event}, {}


def sentry(node, action: str, began: int) -> tuple[str, dict, dict]:
    issue = {
        "id": "55",
        "title": "KeyError: x",
        "firstSeen": iso(began),
        "lastSeen": iso(node.now - 100),
        "project": {"slug": "shop"},
    }
    said = {"triggered": "created", "reopened": "unresolved"}.get(action, action)
    return "sentry", {"action": said, "data": {"issue": issue}}, {"sentry_hook_resource": "issue"}


@pytest.mark.parametrize("service", [pagerduty, sentry])
async def test_an_alert_that_comes_back_is_broken_again(node, service) -> None:
    began = node.now
    for action in ("triggered", "resolved", "reopened"):
        node.pass_time()
        kind, body, headers = service(node, action, began)
        for _ in range(2):
            await node.post(kind, body, **headers)
    assert meanings(node) == ["new", "fixed", "regressed"]
    assert len(broken(node)) == 1
    assert [line.event.state for line in node.rows()] == ["firing"]
    node.pass_time(120_000)
    kind, body, headers = service(node, "resolved", began)
    (end,) = await node.post(kind, body, **headers)
    assert meanings(node)[-1] == "fixed"
    assert not broken(node)
    # It lasted since it came back, not since it first began.
    assert end.duration == pytest.approx(120_000, abs=1000)


async def test_an_error_that_a_person_opens_again_is_open(node) -> None:
    began = node.now
    for action in ("created", "resolved", "unresolved"):
        node.pass_time()
        issue = {"id": "55", "title": "KeyError: x", "project": {"slug": "shop"}}
        # It did not happen again.
        issue |= {"firstSeen": iso(began), "lastSeen": iso(began)}
        body = {
            "action": action,
            "actor": {"type": "user", "name": "Ana"},
            "data": {"issue": issue},
        }
        await node.post("sentry", body, sentry_hook_resource="issue")
    assert broken(node) == ["55"]


async def test_an_item_that_a_person_reopens_is_open_until_it_is_resolved_again(node) -> None:
    began = node.now // 1000
    for number, action in enumerate(("new", "resolved", "reopened", "resolved", "reopened"), 1):
        node.pass_time()
        item = {
            "id": 9,
            "project_id": 90,
            "title": "E",
            "last_activated_timestamp": began,
            "last_occurrence_timestamp": began,
            "last_resolved_timestamp": node.now // 1000 - 1,
        }
        await node.post("rollbar", {"event_name": f"{action}_item", "data": {"item": item}})
        assert bool(broken(node)) == (action != "resolved"), number


async def test_a_late_report_of_an_alerts_begin_does_not_outrank_its_end(node) -> None:
    began = node.now
    node.pass_time()
    early = pagerduty(node, "triggered", began)
    node.pass_time()
    for kind, body, headers in (pagerduty(node, "resolved", began), early):
        await node.post(kind, body, **headers)
    assert not broken(node)


async def test_a_merged_incident_says_where_it_went(node) -> None:
    why = {"type": "merge_resolve_reason", "incident": {"summary": "[#9] All is down"}}
    for action, more in (("triggered", {}), ("resolved", {"resolve_reason": why})):
        kind, body, headers = pagerduty(node, action, node.now, **more)
        await node.post(kind, body, **headers)
        node.pass_time()
    assert "Disk full (#7, merged into #9)" in told(node.lines()[-1])


def jira(node, key: str, items: list[dict], number: int, category: str = "new") -> dict:
    project = key.partition("-")[0].title()
    issue = {
        "id": "100",
        "key": key,
        "self": "https://acme.atlassian.net/rest/api/2/issue/100",
        "fields": {
            "summary": "Coupon",
            "project": {"name": project},
            "status": {"name": "S", "statusCategory": {"key": category}},
            "created": iso(node.now),
        },
    }
    return {
        "webhookEvent": "jira:issue_updated" if items else "jira:issue_created",
        "timestamp": node.now - 300,
        "user": {"displayName": "Ana"},
        "issue": issue,
        **({"changelog": {"id": str(number), "items": items}} if items else {}),
    }


MOVED = [
    {"field": "project", "fromString": "Shop", "toString": "Ops"},
    {"field": "Key", "fromString": "SHOP-1", "toString": "OPS-7"},
]
CLOSED = {"field": "status", "fromString": "To Do", "toString": "Done"}


async def test_an_issue_that_changed_its_project_is_open_once(node) -> None:
    await node.post("jira", jira(node, "SHOP-1", [], 1))
    node.pass_time()
    for _ in range(2):
        await node.post("jira", jira(node, "OPS-7", MOVED, 2))
    assert open_tickets(node) == ["OPS-7"]
    assert [told(line) for line in node.lines()][1:] == [
        "Shop  Ana closed SHOP-1 · moved to OPS-7 — Coupon",
        "Ops  Ana opened OPS-7 — Coupon",
    ]
    node.pass_time()
    await node.post("jira", jira(node, "OPS-7", [CLOSED], 3, "done"))
    assert not open_tickets(node)


@pytest.mark.parametrize("items", [[CLOSED, *MOVED], [*MOVED, CLOSED]])
async def test_an_issue_closed_as_it_changed_its_project_is_open_nowhere(node, items) -> None:
    await node.post("jira", jira(node, "SHOP-1", [], 1))
    node.pass_time()
    await node.post("jira", jira(node, "OPS-7", items, 2, "done"))
    assert not open_tickets(node)


async def test_a_closed_issue_that_changes_its_project_is_no_news(node) -> None:
    assert not await node.post("jira", jira(node, "OPS-7", MOVED, 2, "done"))


async def test_an_issue_that_changed_its_team_is_open_once(node) -> None:
    def issue(action: str, number: str, **more: object) -> dict:
        data = {
            "id": "u1",
            "identifier": number,
            "title": "Slow",
            "team": {"key": number[:3], "name": number[:3].title()},
            "state": {"name": "Todo", "type": "unstarted"},
            "createdAt": iso(node.now),
            "previousIdentifiers": ["SHO-1"] if number != "SHO-1" else [],
        }
        return {"action": action, "type": "Issue", "createdAt": iso(node.now), "data": data, **more}

    await node.post("linear", issue("create", "SHO-1"))
    node.pass_time()
    moved = issue("update", "OPS-3", updatedFrom={"teamId": "t1", "number": 1})
    await node.post("linear", moved)
    assert open_tickets(node) == ["OPS-3"]
    assert told(node.lines()[1]) == "SHO  somebody closed SHO-1 · moved to OPS-3 — Slow"


def github(node, number: int, conclusion: str) -> tuple[str, dict, dict]:
    run = {
        "id": number,
        "workflow_id": 1,
        "run_number": number,
        "run_attempt": 1,
        "name": "CI",
        "head_branch": "main",
        "head_sha": A,
        "conclusion": conclusion or None,
        "updated_at": iso(node.now),
    }
    action = "completed" if conclusion else "requested"
    body = {"action": action, "workflow_run": run, "repository": HOME}
    return "github", body, {"x_github_event": "workflow_run"}


def jenkins(node, number: int, conclusion: str) -> tuple[str, dict, dict]:
    build = {
        "full_url": f"https://ci.example.org/job/shop/{number}/",
        "number": number,
        "phase": "FINALIZED" if conclusion else "STARTED",
        "status": "NOT_BUILT" if conclusion else None,
        "timestamp": node.now,
        "scm": {"branch": "origin/main"},
    }
    return "jenkins", {"name": "shop", "build": build}, {}


def gitea(node, number: int, conclusion: str) -> tuple[str, dict, dict]:
    run = {
        "id": number,
        "path": "ci.yml@refs/heads/main",
        "conclusion": conclusion,
        "head_branch": "main",
        "head_sha": A,
    }
    action = "completed" if conclusion else "in_progress"
    body = {"action": action, "workflow_run": run, "repository": HOME}
    return "gitea", body, {"x_gitea_event": "workflow_run"}


def gitlab(node, number: int, conclusion: str) -> tuple[str, dict, dict]:
    pipeline = {"id": number, "ref": "main", "sha": A, "status": conclusion or "pending"}
    project = {"name": "shop", "web_url": "https://gitlab.example.org/acme/shop"}
    body = {"object_kind": "pipeline", "object_attributes": pipeline, "project": project}
    return "gitlab", body, {"x_gitlab_event": "Pipeline Hook"}


def buildkite(node, number: int, conclusion: str) -> tuple[str, dict, dict]:
    page = "https://buildkite.com/acme/shop"
    build = {
        "number": number,
        "state": conclusion or "scheduled",
        "branch": "main",
        "commit": A,
        "web_url": f"{page}/builds/{number}",
        "finished_at": iso(node.now),
    }
    pipeline = {"name": "Shop", "slug": "shop", "default_branch": "main", "web_url": page}
    return "buildkite", {"event": "build.finished", "build": build, "pipeline": pipeline}, {}


@pytest.mark.parametrize("service", [github, jenkins, gitea, gitlab, buildkite])
async def test_a_run_without_a_result_is_not_under_way_for_ever(node, service) -> None:
    for number, conclusion in ((1, ""), (1, "skipped"), (1, "skipped"), (2, "skipped")):
        node.pass_time()
        kind, body, headers = service(node, number, conclusion)
        await node.post(kind, body, **headers)
    # The second was not under way, and is no news.
    (row,) = node.rows()
    assert (row.event.state, row.event.quiet) == ("cancelled", True)
    assert row.event.reason in ("skipped", "not built")
    assert len(node.lines()) == 2


@pytest.mark.parametrize("before", ["in_progress", "waiting", "success", "failure"])
async def test_a_deploy_that_another_displaced_does_not_go_on(node, before) -> None:
    for number, state in ((1, before), (2, "inactive"), (2, "inactive")):
        node.pass_time()
        body = {
            "deployment": {"id": 7, "environment": "production", "sha": A},
            "deployment_status": {"id": number, "state": state, "created_at": iso(node.now)},
            "repository": HOME,
        }
        await node.post("github", body, x_github_event="deployment_status")
    ended = before in ("success", "failure")
    assert [line.event.state for line in node.rows()] == [before if ended else "cancelled"]


async def test_a_check_run_again_for_an_older_commit_changes_nothing(node) -> None:
    pushed = {A: node.now, B: node.now + 60_000}
    for number, commit, conclusion in ((1, A, "failure"), (2, B, "failure"), (3, A, "success")):
        node.pass_time()
        check = {
            "id": number,
            "name": "circle",
            "head_sha": commit,
            "conclusion": conclusion,
            "started_at": iso(node.now - 1000),
            "completed_at": iso(node.now),
            "app": {"slug": "circleci"},
            "check_suite": {"head_branch": "main", "created_at": iso(pushed[commit])},
        }
        body = {"action": "completed", "check_run": check, "repository": HOME}
        await node.post("github", body, x_github_event="check_run")
    assert meanings(node) == ["failed", "still failing", "outdated"]
    assert broken(node) == ["2"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("DatasourceNoData", "no data for Latency"), ("DatasourceError", "data source error for")],
)
async def test_a_rule_that_could_not_be_evaluated_does_not_fire(node, name, said) -> None:
    labels = {"alertname": name, "rulename": "Latency"}
    alert = {"status": "firing", "labels": labels, "startsAt": iso(node.now), "fingerprint": "f1"}
    await node.post("grafana", {"status": "firing", "alerts": [alert]})
    assert f"firing: {said}" in told(node.lines()[0])


@pytest.mark.parametrize(
    ("moves", "presence"),
    [
        # B was there, and went; what runs is from before, from after, and in its place.
        (["a", "b", "a-"], "unknown"),
        (["a", "b", "a-", "c"], "unknown"),
        (["a", "b", "c!"], "unknown"),
        (["a", "b", "a-", "b", "c"], "included"),
        (["a", "b", "c"], "included"),
    ],
)
async def test_a_commit_that_the_branch_lost_is_not_said_to_run(node, moves, presence) -> None:
    before = ""
    for move in moves:
        node.pass_time()
        body = {
            "ref": "refs/heads/main",
            "before": before or "0" * 40,
            "after": move[0] * 40,
            "forced": move[1:] in ("-", "!"),
            "commits": [] if move[1:] == "-" else [{}],
            "repository": HOME | {"pushed_at": node.now // 1000},
        }
        before = move[0] * 40
        await node.post("github", body, x_github_event="push")
    node.pass_time()
    await node.emit("deploy", "success", environment="production", revision=before)
    with Reader(node.history.path) as reader:
        (place,) = reader.where(B)
        trail = reader.trail(B)
    assert place.presence.value == presence
    assert trail is not None
    assert bool(trail.deploys) == (presence == "included")


async def test_a_commit_that_was_only_deployed_is_said_to_run(node) -> None:
    for revision in (A, B):
        await node.emit("deploy", "success", environment="production", revision=revision)
        node.pass_time()
    with Reader(node.history.path) as reader:
        found = {commit: reader.where(commit)[0].presence.value for commit in (A, B)}
    assert found == {A: "unknown", B: "runs"}


@pytest.mark.parametrize(
    "order", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (1, 0, 2), (1, 2, 0), (2, 0, 1)]
)
async def test_an_incident_of_a_rule_that_comes_back_is_broken(node, order) -> None:
    began, steps = node.now, []
    for status in ("investigating", "resolved", "identified"):
        node.pass_time()
        incident = {
            "id": "i1",
            "name": "Slow payments",
            "status": status,
            "impact": "major",
            "created_at": iso(began),
            "updated_at": iso(node.now),
        }
        steps.append({"page": {"id": "p"}, "incident": incident})
    for step in order:
        node.pass_time()
        await node.post("statuspage", steps[step])
    assert broken(node) == ["i1"]


async def test_a_sentry_issue_that_was_set_aside_is_red_only_when_it_is_back(node):
    def issue(action: str) -> dict[str, object]:
        seen = iso(node.now - 60_000)
        told = {"id": "912", "title": "TypeError", "firstSeen": seen, "lastSeen": seen}
        return {"action": action, "data": {"issue": told | {"project": {"slug": "shop"}}}}

    first = issue("created")
    for action, red in (
        ("created", ["912"]),
        ("archived", []),
        ("unresolved", ["912"]),
        ("archived", []),
        ("unresolved", ["912"]),
    ):
        await node.post("sentry", first | {"action": action}, sentry_hook_resource="issue")
        assert broken(node) == red, action
        node.pass_time()


async def test_a_run_that_a_fast_clock_began_tomorrow_hides_no_failure_of_today(node) -> None:
    def build(number: int, status: str, began: int) -> dict[str, object]:
        told = jenkins(node, number, "x")[1]
        return told | {"build": told["build"] | {"status": status, "timestamp": began}}

    ahead = build(1, "SUCCESS", node.now + 86_400_000)
    for _ in range(2):
        await node.post("jenkins", ahead)
        node.pass_time(300_000)
    # The clock was set right.
    await node.post("jenkins", build(2, "FAILURE", node.now - 60_000))
    assert meanings(node) == ["", "failed"]
    assert broken(node) == ["2"]
