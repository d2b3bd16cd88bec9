"""K8, K9 and K11 of the senders that are read by rules: the fact is theirs, as they say it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_desktop.intake.registry import webhook_collector
from devstream_desktop.stream.line import render

NOW = 1_800_000_000_000
A = "a" * 40


def read(kind: str, body: object, *branches: str, **headers: str) -> str:
    """The line that a body makes, or the reason why it makes none."""
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    source = SourceInfo("own", branches, service="shop")
    found = webhook_collector(kind).normalise(
        Delivery(said, json.dumps(body).encode(), NOW), source
    )
    return render(found.events[0]) if found.events else found.dropped


def travis(**more: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "number": "7",
        "type": "push",
        "status_message": "Failed",
        "branch": "main",
        "commit": A,
        "message": "Try another cache",
        "repository": {"name": "shop"},
        "finished_at": "2027-01-15T07:59:00Z",
    } | more


def netlify(**more: Any) -> dict[str, Any]:
    return {
        "id": "d1",
        "site_id": "s1",
        "name": "shop",
        "state": "ready",
        "context": "production",
        "branch": "main",
        "commit_ref": A,
        "locked": None,
    } | more


@pytest.mark.parametrize(
    ("kind", "body", "headers", "reason"),
    [
        ("travis", travis(type="pull_request", pull_request=None), {}, "pull-request"),
        ("travis", travis(pull_request=True, pull_request_number=4), {}, "pull-request"),
        ("newrelic", {"id": "i", "title": "Slow", "issueUrl": "x"}, {}, "state-not-mapped"),
        ("newrelic", {"incident_id": 3, "condition_name": "Slow"}, {}, "no-rule-matches"),
        (
            "netlify",
            netlify(locked=False),
            {"x_netlify_event": "deploy_unlocked"},
            "locked",
        ),
        ("netlify", netlify(locked=True), {}, "locked"),
        ("netlify", netlify(context="deploy-preview", branch="topic"), {}, "not-production"),
        ("netlify", netlify(context="branch-deploy", branch="topic"), {}, "not-production"),
        *(
            ("statuspage", {"incident": {"id": "i", "name": "Move", "status": status}}, {}, word)
            for status, word in (
                ("scheduled", "maintenance"),
                ("in_progress", "maintenance"),
                ("verifying", "maintenance"),
                ("completed", "maintenance"),
            )
        ),
        (
            "statuspage",
            {"incident": {"id": "i", "name": "x", "status": "resolved", "impact": "maintenance"}},
            {},
            "maintenance",
        ),
    ],
)
def test_k8_what_is_no_fact_of_the_team_makes_no_line(kind, body, headers, reason) -> None:
    assert read(kind, body, **headers) == reason


@pytest.mark.parametrize(
    ("kind", "body", "line"),
    [
        ("travis", travis(), "shop  build #7 FAILED on main at aaaaaaa — Try another cache"),
        (
            "travis",
            travis(status_message="Still Failing"),
            "shop  build #7 FAILED on main at aaaaaaa — Try another cache",
        ),
        (
            "travis",
            travis(status_message="Errored"),
            "shop  build #7 ERRORED on main at aaaaaaa — Try another cache",
        ),
        (
            "travis",
            travis(status_message="Canceled"),
            "shop  build #7 was cancelled on main at aaaaaaa — Try another cache",
        ),
        ("netlify", netlify(), "shop  somebody deployed aaaaaaa to production"),
        (
            "rundeck",
            {
                "trigger": "start",
                "status": "scheduled",
                "executionId": 9,
                "execution": {
                    "user": "chen",
                    "project": "ops",
                    "job": {"name": "Roll out", "options": {"environment": "staging"}},
                },
            },
            "shop  chen is deploying shop to staging — Roll out",
        ),
    ],
)
def test_k8_the_state_is_the_senders(kind, body, line) -> None:
    assert read(kind, body) == line


@pytest.mark.parametrize(
    ("kind", "body", "word"),
    [
        *(
            (
                "zabbix",
                {"status": "PROBLEM", "trigger": "Disk", "event": "1", "severity": said},
                word,
            )
            for said, word in (
                ("Disaster", "critical"),
                ("High", "error"),
                ("Average", "error"),
                ("Warning", "warning"),
                ("Information", "info"),
                ("Not classified", "info"),
            )
        ),
        *(
            (
                "opsgenie",
                {"action": "Create", "alert": {"alertId": "1", "message": "x", "priority": said}},
                word,
            )
            for said, word in (
                ("P1", "critical"),
                ("P2", "error"),
                ("P3", "warning"),
                ("P4", "notice"),
                ("P5", "info"),
            )
        ),
        *(
            ("newrelic", {"id": "i", "title": "x", "state": "ACTIVATED", "priority": said}, word)
            for said, word in (
                ("CRITICAL", "critical"),
                ("HIGH", "error"),
                ("MEDIUM", "warning"),
                ("LOW", "notice"),
            )
        ),
        *(
            (
                "statuspage",
                {"incident": {"id": "i", "name": "x", "status": "investigating", "impact": said}},
                word,
            )
            for said, word in (("critical", "critical"), ("major", "error"), ("minor", "warning"))
        ),
        *(
            (
                "pingdom",
                {
                    "check_id": 1,
                    "check_name": "x",
                    "current_state": "DOWN",
                    "importance_level": said,
                },
                word,
            )
            for said, word in (("HIGH", "error"), ("LOW", "warning"))
        ),
    ],
)
def test_k11_the_severity_is_the_senders(kind, body, word) -> None:
    found = webhook_collector(kind).normalise(
        Delivery({}, json.dumps(body).encode(), NOW), SourceInfo("own")
    )
    assert [event.severity.word for event in found.events] == [word], found


@pytest.mark.parametrize(
    ("kind", "began", "over"),
    [
        (
            "pingdom",
            {"check_id": 1, "check_name": "x", "current_state": "DOWN"},
            {"current_state": "UP"},
        ),
        (
            "zabbix",
            {"status": "PROBLEM", "trigger": "Disk", "event": "1"},
            {"status": "RESOLVED"},
        ),
        (
            "opsgenie",
            {"action": "Create", "alert": {"alertId": "1", "message": "x"}},
            {"action": "Close"},
        ),
        (
            "statuspage",
            {"incident": {"id": "i", "name": "x", "status": "investigating"}},
            {"incident": {"id": "i", "name": "x", "status": "resolved"}},
        ),
        (
            "newrelic",
            {"id": "i", "title": "x", "state": "ACTIVATED"},
            {"state": "CLOSED"},
        ),
    ],
)
def test_k11_what_is_over_closes_the_row_that_it_began(kind, began, over) -> None:
    events = [
        webhook_collector(kind)
        .normalise(Delivery({}, json.dumps(body).encode(), NOW), SourceInfo("own"))
        .events[0]
        for body in (began, began | over)
    ]
    assert [event.state for event in events] == ["firing", "resolved"]
    assert len({(event.subject, event.number) for event in events}) == 1


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("travis", travis(branch="topic")),
        (
            "semaphore",
            {
                "project": {"name": "shop"},
                "revision": {"branch": {"name": "topic"}, "commit_sha": A},
                "pipeline": {"id": "p1", "name": "Tests", "state": "done", "result": "failed"},
            },
        ),
        (
            "drone",
            {
                "event": "build",
                "action": "completed",
                "repo": {"slug": "acme/shop", "name": "shop"},
                "build": {"number": 4, "status": "failure", "target": "topic", "event": "push"},
            },
        ),
    ],
)
def test_k9_rules_tell_the_branches_that_count_alone(kind, body) -> None:
    assert read(kind, body) == "not-a-global-branch"
    assert "topic" in read(kind, body, "topic")
