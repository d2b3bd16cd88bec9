"""Honeybadger by webhook: an error or a check is one row, whatever is said of it."""

from __future__ import annotations

import pytest
from collecting import RECEIVED

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import honeybadger
from devstream_desktop.stream.line import render

SHOP = SourceInfo("errors", service="shop")


@pytest.fixture
def sent(reader):
    return reader("honeybadger", honeybadger.normalise, source=SHOP)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "occurred",
            "shop  error: TypeError: total is undefined on production · checkout#total",
        ),
        (
            "rate_exceeded",
            "shop  error: TypeError: total is undefined on production · 100 times",
        ),
        (
            "resolved",
            "shop  resolved: TypeError: total is undefined after 2m00s on production · by Ana",
        ),
        (
            "unresolved",
            "shop  error: TypeError: total is undefined on production · reopened · by Ana",
        ),
        ("down", "shop  firing: Shop is down · error · Expected 2xx status code. Got 503"),
        ("up", "shop  Shop is up after 18m00s"),
        ("check_in_missing", "shop  firing: nightly check-in is missing · error"),
        ("check_in_reporting", "shop  resolved: nightly check-in is missing"),
        (
            "alarm_alert",
            "shop  firing: Orders per minute alarm · error · Orders per minute is below 10",
        ),
        ("deployed", "shop  bo deployed 9a8b7c6 to production"),
    ],
)
def test_lines(sent, name, line):
    assert render(sent.event(name)) == line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("assigned", "error-not-news"),
    ],
)
def test_what_is_no_news(sent, name, reason):
    assert sent.dropped(name) == reason


@pytest.mark.parametrize(
    "names",
    [
        ("occurred", "rate_exceeded", "resolved", "unresolved"),
        ("down", "up"),
        ("check_in_missing", "check_in_reporting"),
    ],
)
def test_all_that_is_said_of_one_thing_is_one_row_of_different_facts(sent, names):
    made = [sent.event(name) for name in names]
    assert len({(event.subject, event.number) for event in made}) == 1
    assert len({event.key for event in made}) == len(made)


def test_a_project_that_has_a_name_is_the_service(sent):
    assert sent.event("occurred", source=SourceInfo("hb")).service == "shop"


def test_the_sample_makes_a_line():
    assert honeybadger.normalise(honeybadger.sample(SHOP, RECEIVED), SHOP).events


@pytest.mark.parametrize(
    "body", [b"{}", b'{"event": "odd"}', b'{"event_name": "odd", "data": null}']
)
def test_what_is_not_mapped_is_dropped_by_name(body):
    assert honeybadger.normalise(Delivery({}, body, RECEIVED), SHOP).dropped == "event-not-mapped"


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        honeybadger.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("honeybadger").values()],
        SHOP,
    )
