"""Rollbar by webhook: an error is one row, whatever is said of it; its deploys are deploys."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import rollbar
from devstream_desktop.stream.line import render

SHOP = SourceInfo("errors", service="shop")


@pytest.fixture
def sent(reader):
    return reader("rollbar", rollbar.normalise, source=SHOP)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("new_item", "shop  error: TypeError: total is undefined (#7) on production"),
        (
            "reactivated_item",
            "shop  error: TypeError: total is undefined (#7) on production · seen again",
        ),
        (
            "exp_repeat_item",
            "shop  error: TypeError: total is undefined (#7) on production · 100 times",
        ),
        (
            "item_velocity",
            (
                "shop  error: TypeError: total is undefined (#7) on production"
                " · 40 times in 5 minutes"
            ),
        ),
        (
            "resolved_item",
            "shop  resolved: TypeError: total is undefined (#7) after 1m50s on production · by ana",
        ),
        ("deploy", "shop  bo deployed 9a8b7c6 to production in 3m12s — Retry card capture once"),
    ],
)
def test_lines(sent, name, line):
    assert render(sent.event(name)) == line


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("occurrence", "each-occurrence"),
        ("test", "ping"),
    ],
)
def test_what_is_no_news(sent, name, reason):
    assert sent.dropped(name) == reason


@pytest.mark.parametrize(
    "names",
    [
        ("new_item", "exp_repeat_item", "item_velocity", "resolved_item", "reactivated_item"),
    ],
)
def test_all_that_is_said_of_one_thing_is_one_row_of_different_facts(sent, names):
    made = [sent.event(name) for name in names]
    assert len({(event.subject, event.number) for event in made}) == 1
    assert len({event.key for event in made}) == len(made)


def test_an_item_that_is_resolved_a_second_time_is_news(sent):
    activated = json.loads(sent.body("resolved_item"))["data"]["item"]["last_activated_timestamp"]
    again = sent.event(
        "resolved_item", {"data": {"item": {"last_activated_timestamp": activated + 3600}}}
    )
    assert again.key != sent.event("resolved_item").key


def test_the_sample_makes_a_line():
    assert rollbar.normalise(rollbar.sample(SHOP, RECEIVED), SHOP).events


@pytest.mark.parametrize(
    "body", [b"{}", b'{"event": "odd"}', b'{"event_name": "odd", "data": null}']
)
def test_what_is_not_mapped_is_dropped_by_name(body):
    assert rollbar.normalise(Delivery({}, body, RECEIVED), SHOP).dropped == "event-not-mapped"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    assert check_payloads(
        "rollbar", rollbar.normalise, sorted((payloads / "rollbar").glob("*.json"))
    ) == {"lines": 2}


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        rollbar.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("rollbar").values()],
        SHOP,
    )
