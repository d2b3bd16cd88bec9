"""Jira, Linear and Redmine by webhook: a ticket is one row, told when it is opened, closed or reopened."""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import jira, linear, redmine
from devstream_desktop.stream.line import render

RECEIVED = 1_800_000_000_000
MODULES = {"jira": jira, "linear": linear, "redmine": redmine}
QA = SourceInfo("qa")


def normalised(samples, kind: str, name: str, source: SourceInfo = QA, **change: object):
    body = json.loads(samples(kind)[name]) | change
    return MODULES[kind].normalise(Delivery({}, json.dumps(body).encode(), RECEIVED), source)


def event(samples, kind: str, name: str, source: SourceInfo = QA, **change: object):
    result = normalised(samples, kind, name, source, **change)
    assert not result.dropped, result
    (made,) = result.events
    return made


@pytest.mark.parametrize(
    ("kind", "name", "line"),
    [
        ("jira", "created", "Shop  Eva opened SHOP-912 · critical · Bug — Coupon applied twice"),
        ("jira", "done", "Shop  Ana closed SHOP-912 · Done — Coupon applied twice"),
        ("jira", "reopened", "Shop  Bo reopened SHOP-912 · critical · Bug — Coupon applied twice"),
        ("jira", "deleted", "Shop  Ana closed SHOP-912 · deleted — Coupon applied twice"),
        ("jira", "transition", "Shop  Ana closed SHOP-912 — Coupon applied twice"),
        ("linear", "create", "Shop  Eva opened SHOP-912 · critical — Coupon applied twice"),
        ("linear", "done", "Shop  Ana closed SHOP-912 · Done — Coupon applied twice"),
        ("linear", "reopened", "Shop  Bo reopened SHOP-912 · critical — Coupon applied twice"),
        ("linear", "remove", "Shop  Ana closed SHOP-912 · deleted — Coupon applied twice"),
        ("redmine", "created", "Shop  Eva opened 912 · critical · Bug — Coupon applied twice"),
        ("redmine", "closed", "Shop  Ana closed 912 · Closed — Coupon applied twice"),
        ("redmine", "reopened", "Shop  Bo reopened 912 · critical · Bug — Coupon applied twice"),
        ("redmine", "deleted", "Shop  somebody closed 912 · deleted — Coupon applied twice"),
        ("redmine", "plugin_opened", "Shop  Eva Lang opened 912 · Bug — Coupon applied twice"),
        ("redmine", "plugin_closed", "Shop  Ana Roth closed 912 · Closed — Coupon applied twice"),
    ],
)
def test_lines(samples, kind, name, line):
    assert render(event(samples, kind, name)) == line


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("jira", "in_progress", "status-not-news"),
        ("jira", "assigned", "ticket-not-news"),
        ("jira", "commented", "comment"),
        ("jira", "comment_created", "comment"),
        ("jira", "sprint_started", "event-not-mapped"),
        ("linear", "started", "status-not-news"),
        ("linear", "renamed", "ticket-not-news"),
        ("linear", "comment", "event-not-mapped"),
        ("redmine", "in_progress", "status-not-news"),
        ("redmine", "assigned", "ticket-not-news"),
        ("redmine", "wiki", "event-not-mapped"),
    ],
)
def test_what_is_no_news(samples, kind, name, reason):
    assert normalised(samples, kind, name).dropped == reason


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("jira", ("created", "done", "reopened", "deleted")),
        ("linear", ("create", "done", "reopened")),
        ("redmine", ("created", "closed", "reopened")),
    ],
)
def test_the_steps_of_a_ticket_are_one_row_and_different_facts(samples, kind, names):
    made = [event(samples, kind, name) for name in names]
    assert len({(one.subject, one.number) for one in made}) == 1
    assert len({one.key for one in made}) == len(made)
    assert {one.kind for one in made} == {"ticket"}


def test_addresses(samples):
    assert event(samples, "jira", "created").url == "https://acme.atlassian.net/browse/SHOP-912"
    assert event(samples, "linear", "create").url == "https://linear.app/acme/issue/SHOP-912/coupon-applied-twice"
    assert event(samples, "redmine", "created").url == ""
    assert (
        event(samples, "redmine", "created", SourceInfo("qa", url="https://redmine.example.org")).url
        == "https://redmine.example.org/issues/912"
    )
    assert event(samples, "redmine", "plugin_opened").url == "https://redmine.example.org/issues/912"


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
def test_what_jira_calls_an_end(samples, items, category, outcome):
    issue = json.loads(samples("jira")["done"])["issue"]
    issue["fields"]["status"] = {"name": "x", "statusCategory": {"key": category}} if category else None
    changes = [{"field": field, "fromString": old or None, "toString": new or None} for field, old, new in items]
    result = normalised(samples, "jira", "done", issue=issue, changelog={"id": "1", "items": changes})
    assert (result.dropped or result.events[0].state) == outcome


def test_jira_on_a_server_of_its_own_and_an_issue_that_says_little():
    body = {
        "webhookEvent": "jira:issue_created",
        "issue": {"key": "BUG-15", "self": "http://jira.example.org:8080/jira/rest/api/2/issue/10400"},
    }
    (made,) = jira.normalise(Delivery({}, json.dumps(body).encode(), RECEIVED), QA).events
    assert (made.service, made.number, made.url) == ("BUG", "BUG-15", "http://jira.example.org:8080/jira/browse/BUG-15")
    assert made.time == RECEIVED


@pytest.mark.parametrize("kind", MODULES)
def test_the_sample_makes_a_line(kind):
    (made,) = MODULES[kind].normalise(MODULES[kind].sample(QA, RECEIVED), QA).events
    assert (made.state, made.service, made.time) == ("opened", "devstream-test", RECEIVED)


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("body", [b"{}", b'{"type": "odd.created"}', b'{"issue": null}'])
def test_what_is_not_mapped_is_dropped_by_name(kind, body):
    assert MODULES[kind].normalise(Delivery({}, body, RECEIVED), QA).dropped == "event-not-mapped"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    outcomes = check_payloads("jira", jira.normalise, sorted((payloads / "jira").glob("*.json")))
    assert outcomes == {"lines": 5, "comment": 4, "ticket-not-news": 2}


@pytest.mark.parametrize("kind", MODULES)
def test_whatever_comes_is_events_or_a_named_drop(samples, survives, kind):
    survives(MODULES[kind].normalise, [Delivery({}, body, RECEIVED) for body in samples(kind).values()], QA)
