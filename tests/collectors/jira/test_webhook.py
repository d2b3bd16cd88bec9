"""Jira by webhook: a ticket is one row, told when it is opened, closed or reopened."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import jira
from devstream_desktop.stream.line import render

QA = SourceInfo("qa")


@pytest.fixture
def sent(reader):
    return reader("jira", jira.normalise, source=QA)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("created", "Shop  Eva opened SHOP-912 · highest · Bug — Coupon applied twice"),
        ("done", "Shop  Ana closed SHOP-912 · Done — Coupon applied twice"),
        ("reopened", "Shop  Bo reopened SHOP-912 · highest · Bug — Coupon applied twice"),
        ("deleted", "Shop  Ana closed SHOP-912 · deleted — Coupon applied twice"),
        ("transition", "Shop  Ana closed SHOP-912 — Coupon applied twice"),
    ],
)
def test_lines(sent, name, line):
    assert render(sent.event(name)) == line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("in_progress", "status-not-news"),
        ("assigned", "ticket-not-news"),
        ("commented", "comment"),
        ("comment_created", "comment"),
        ("sprint_started", "event-not-mapped"),
    ],
)
def test_what_is_no_news(sent, name, reason):
    assert sent.dropped(name) == reason


def test_the_steps_of_a_ticket_are_one_row_and_different_facts(sent):
    made = [sent.event(name) for name in ("created", "done", "reopened", "deleted")]
    assert len({(one.subject, one.number) for one in made}) == 1
    assert len({one.key for one in made}) == len(made)
    assert {one.kind for one in made} == {"ticket"}


def test_address(sent):
    assert sent.event("created").url == "https://acme.atlassian.net/browse/SHOP-912"


@pytest.mark.parametrize(
    ("items", "category", "outcome"),
    [
        ([("status", "Open", "Resolved")], "", "closed"),
        ([("status", "Resolved", "Reopened")], "", "reopened"),
        ([("status", "Open", "Reopened")], "", "reopened"),
        ([("status", "Resolved", "Closed")], "", "status-not-news"),
        ([("status", "Open", "In Progress")], "", "status-not-news"),
        ([("status", "Offen", "Ausgeliefert")], "done", "closed"),
        ([("status", "Done", "Offen")], "new", "reopened"),
        ([("resolution", "", "Fixed"), ("status", "Offen", "Ausgeliefert")], "", "closed"),
        ([("resolution", "Fixed", ""), ("status", "Ausgeliefert", "Offen")], "", "reopened"),
        ([("resolution", "Fixed", "Duplicate")], "done", "status-not-news"),
        ([("assignee", "", "ana")], "done", "ticket-not-news"),
    ],
)
def test_what_jira_calls_an_end(sent, items, category, outcome):
    status = {"name": "x", "statusCategory": {"key": category}} if category else None
    changes = [
        {"field": field, "fromString": old or None, "toString": new or None}
        for field, old, new in items
    ]
    change = {"issue": {"fields": {"status": status}}, "changelog": {"id": "1", "items": changes}}
    result = sent.read("done", change)
    assert (result.dropped or result.events[0].state) == outcome


HR = {"id": "10000", "name": "Only HR"}


def level(old: str, new: str) -> dict[str, object]:
    """A change of an issue's security level."""
    item = {"field": "security", "from": old or None, "fromString": old or None}
    return {"id": "77", "items": [item | {"to": new or None, "toString": new or None}]}


@pytest.mark.parametrize("name", ["created", "done", "reopened", "deleted", "transition"])
@pytest.mark.parametrize("mark", [HR, "10000", True, {}])
def test_an_issue_of_a_security_level_is_for_nobody_else(sent, name, mark):
    assert sent.dropped(name, {"issue": {"fields": {"security": mark}}}) == "confidential"


def test_an_open_issue_that_gets_a_security_level_ends_without_its_title(sent):
    status = {"name": "Open", "statusCategory": {"key": "new"}}
    hides = {
        "issue": {"fields": {"security": HR, "status": status, "summary": "Dismissal of E. M."}},
        "changelog": level("", "Only HR"),
    }
    made = sent.event("assigned", hides)
    assert render(made) == "Shop  Bo closed SHOP-912 · private"
    assert (made.subject, made.number) == (sent.event("created").subject, "SHOP-912")
    # One that was over, or that had a level before, has no open row.
    over = {"name": "Done", "statusCategory": {"key": "done"}}
    fields = hides["issue"]["fields"]
    assert sent.read("assigned", hides | {"issue": {"fields": fields | {"status": over}}}).dropped
    assert sent.read("assigned", hides | {"changelog": level("Only HR", "Only QA")}).dropped
    shows = {"issue": {"fields": {"status": status}}, "changelog": level("Only HR", "")}
    made = sent.event("assigned", shows)
    assert (made.state, made.title) == ("opened", "Coupon applied twice")


def test_a_secret_move_ends_the_old_row(sent):
    moved = level("", "Only HR")
    moved["items"] += [
        {"field": "Key", "fromString": "SHOP-912", "toString": "HR-7"},
        {"field": "project", "fromString": "Shop", "toString": "People"},
    ]
    issue = {"key": "HR-7", "fields": {"security": HR, "project": {"name": "People"}}}
    made = sent.event("assigned", {"issue": issue, "changelog": moved})
    assert render(made) == "Shop  Bo closed SHOP-912 · private"


def test_jira_on_a_server_of_its_own_and_an_issue_that_says_little():
    body = {
        "webhookEvent": "jira:issue_created",
        "issue": {
            "key": "BUG-15",
            "self": "http://jira.example.org:8080/jira/rest/api/2/issue/10400",
        },
    }
    (made,) = jira.normalise(Delivery({}, json.dumps(body).encode(), RECEIVED), QA).events
    assert_event(
        made, service="BUG", number="BUG-15", url="http://jira.example.org:8080/jira/browse/BUG-15"
    )
    assert made.time == RECEIVED


def test_the_sample_makes_a_line():
    (made,) = jira.normalise(jira.sample(QA, RECEIVED), QA).events
    assert_event(made, state="opened", service="devstream-test", time=RECEIVED)


@pytest.mark.parametrize("body", [b"{}", b'{"type": "odd.created"}', b'{"issue": null}'])
def test_what_is_not_mapped_is_dropped_by_name(body):
    assert jira.normalise(Delivery({}, body, RECEIVED), QA).dropped == "event-not-mapped"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    outcomes = check_payloads("jira", jira.normalise, sorted((payloads / "jira").glob("*.json")))
    assert outcomes == {"lines": 5, "comment": 4, "ticket-not-news": 2}


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        jira.normalise, [Delivery({}, body, RECEIVED) for body in samples("jira").values()], QA
    )
