"""Redmine by webhook: a ticket is one row, told when it is opened, closed or reopened."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import redmine
from devstream_desktop.stream.line import render

QA = SourceInfo("qa")


@pytest.fixture
def sent(reader):
    return reader("redmine", redmine.normalise, source=QA)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("created", "Shop  Eva opened #912 · urgent · Bug — Coupon applied twice"),
        ("closed", "Shop  Ana closed #912 · Closed — Coupon applied twice"),
        ("reopened", "Shop  Bo reopened #912 · urgent · Bug — Coupon applied twice"),
        ("deleted", "Shop  somebody closed #912 · deleted — Coupon applied twice"),
        ("plugin_opened", "Shop  Eva Lang opened #912 · Bug — Coupon applied twice"),
        ("plugin_closed", "Shop  Ana Roth closed #912 · Closed — Coupon applied twice"),
    ],
)
def test_lines(sent, name, line):
    assert render(sent.event(name)) == line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("in_progress", "status-not-news"),
        ("assigned", "ticket-not-news"),
        ("wiki", "event-not-mapped"),
    ],
)
def test_what_is_no_news(sent, name, reason):
    assert sent.dropped(name) == reason


def test_the_steps_of_a_ticket_are_one_row_and_different_facts(sent):
    made = [sent.event(name) for name in ("created", "closed", "reopened")]
    assert len({(one.subject, one.number) for one in made}) == 1
    assert len({one.key for one in made}) == len(made)
    assert {one.kind for one in made} == {"ticket"}


def privacy(old: str, new: str) -> dict[str, object]:
    """A journal of an issue that was made private or public."""
    change = {"property": "attr", "prop_key": "is_private", "old_value": old, "value": new}
    return {"id": 77, "details": [change]}


@pytest.mark.parametrize("name", ["created", "closed", "reopened", "deleted", "assigned"])
@pytest.mark.parametrize("mark", [True, "1", [1]])
def test_a_private_issue_is_for_nobody_else(sent, name, mark):
    assert sent.dropped(name, {"data": {"issue": {"is_private": mark}}}) == "confidential"


@pytest.mark.parametrize("name", ["plugin_opened", "plugin_closed"])
def test_a_private_issue_of_the_plugin_is_for_nobody_else(sent, name):
    assert sent.dropped(name, {"payload": {"issue": {"is_private": True}}}) == "confidential"


def test_an_open_issue_that_is_made_private_ends_without_its_title(sent):
    hides = {"data": {"issue": {"is_private": True}, "journal": privacy("0", "1")}}
    made = sent.event("in_progress", hides)
    assert render(made).endswith("closed #912 · private")
    assert (made.title, made.subject) == ("", sent.event("created").subject)
    # One that was over has no open row.
    assert sent.dropped("closed", hides) == "confidential"
    shows = {"data": {"issue": {"is_private": False}, "journal": privacy("1", "0")}}
    made = sent.event("in_progress", shows)
    assert (made.state, made.title) == ("opened", "Coupon applied twice")


def test_addresses(sent):
    assert sent.event("created").url == ""
    at_home = SourceInfo("qa", url="https://redmine.example.org")
    assert sent.event("created", source=at_home).url == "https://redmine.example.org/issues/912"
    assert sent.event("plugin_opened").url == "https://redmine.example.org/issues/912"


def test_the_sample_makes_a_line():
    (made,) = redmine.normalise(redmine.sample(QA, RECEIVED), QA).events
    assert_event(made, state="opened", service="devstream-test", time=RECEIVED)


@pytest.mark.parametrize("body", [b"{}", b'{"type": "odd.created"}', b'{"issue": null}'])
def test_what_is_not_mapped_is_dropped_by_name(body):
    assert redmine.normalise(Delivery({}, body, RECEIVED), QA).dropped == "event-not-mapped"


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        redmine.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("redmine").values()],
        QA,
    )


def test_the_plugin_writes_fractions_that_the_api_does_not(sent, samples):
    """A database that keeps them makes the plugin say them; the fact is the same."""
    body = samples("redmine")["plugin_opened"].replace(b'07:58:00Z"', b'07:58:00.417Z"')
    assert b".417Z" in body
    (event,) = redmine.normalise(Delivery({}, body, RECEIVED), QA).events
    plain = sent.event("plugin_opened")
    assert (event.key, event.subject, event.time) == (plain.key, plain.subject, plain.time)
