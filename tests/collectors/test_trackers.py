"""Rollbar and Honeybadger: an error is one row, whatever is said of it; their deploys are deploys."""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import honeybadger, rollbar
from devstream_desktop.stream.line import render

RECEIVED = 1_800_000_000_000
MODULES = {"rollbar": rollbar, "honeybadger": honeybadger}
SHOP = SourceInfo("errors", service="shop")


def normalised(samples, kind: str, name: str):
    return MODULES[kind].normalise(Delivery({}, samples(kind)[name], RECEIVED), SHOP)


@pytest.mark.parametrize(
    ("kind", "name", "line"),
    [
        ("rollbar", "new_item", "shop  TypeError: total is undefined (#7) firing on production · error"),
        ("rollbar", "reactivated_item", "shop  TypeError: total is undefined (#7) firing on production · error · seen again"),
        ("rollbar", "exp_repeat_item", "shop  TypeError: total is undefined (#7) firing on production · error · 100 times"),
        ("rollbar", "item_velocity", "shop  TypeError: total is undefined (#7) firing on production · error · 40 times in 5 minutes"),
        ("rollbar", "resolved_item", "shop  TypeError: total is undefined (#7) resolved after 1m50s on production · by ana"),
        ("rollbar", "deploy", "shop  bo deployed 9a8b7c6 to production in 3m12s — Retry card capture once"),
        ("honeybadger", "occurred", "shop  TypeError: total is undefined firing on production · error · checkout#total"),
        ("honeybadger", "rate_exceeded", "shop  TypeError: total is undefined firing on production · error · 100 times"),
        ("honeybadger", "resolved", "shop  TypeError: total is undefined resolved after 2m00s on production · by Ana"),
        ("honeybadger", "unresolved", "shop  TypeError: total is undefined firing on production · error · reopened · by Ana"),
        ("honeybadger", "down", "shop  Shop is down firing · error · Expected 2xx status code. Got 503"),
        ("honeybadger", "up", "shop  Shop is down resolved after 18m00s"),
        ("honeybadger", "check_in_missing", "shop  nightly check-in is missing firing · error"),
        ("honeybadger", "check_in_reporting", "shop  nightly check-in is missing resolved"),
        ("honeybadger", "alarm_alert", "shop  Orders per minute alarm firing · error · Orders per minute is below 10"),
        ("honeybadger", "deployed", "shop  bo deployed 9a8b7c6 to production"),
    ],
)
def test_lines(samples, kind, name, line):
    result = normalised(samples, kind, name)
    assert not result.dropped, result
    assert [render(event) for event in result.events] == [line]


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("rollbar", "occurrence", "each-occurrence"),
        ("rollbar", "test", "ping"),
        ("honeybadger", "assigned", "error-not-news"),
    ],
)
def test_what_is_no_news(samples, kind, name, reason):
    assert normalised(samples, kind, name).dropped == reason


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("rollbar", ("new_item", "exp_repeat_item", "item_velocity", "resolved_item", "reactivated_item")),
        ("honeybadger", ("occurred", "rate_exceeded", "resolved", "unresolved")),
        ("honeybadger", ("down", "up")),
        ("honeybadger", ("check_in_missing", "check_in_reporting")),
    ],
)
def test_all_that_is_said_of_one_thing_is_one_row_of_different_facts(samples, kind, names):
    made = [normalised(samples, kind, name).events[0] for name in names]
    assert len({(event.subject, event.number) for event in made}) == 1
    assert len({event.key for event in made}) == len(made)


def test_an_item_that_is_resolved_a_second_time_is_news(samples):
    body = json.loads(samples("rollbar")["resolved_item"])
    body["data"]["item"]["last_activated_timestamp"] += 3600
    again = rollbar.normalise(Delivery({}, json.dumps(body).encode(), RECEIVED), SHOP).events[0]
    assert again.key != normalised(samples, "rollbar", "resolved_item").events[0].key


def test_a_project_that_has_a_name_is_the_service(samples):
    body = samples("honeybadger")["occurred"]
    assert honeybadger.normalise(Delivery({}, body, RECEIVED), SourceInfo("hb")).events[0].service == "shop"


@pytest.mark.parametrize("kind", MODULES)
def test_the_sample_makes_a_line(kind):
    assert MODULES[kind].normalise(MODULES[kind].sample(SHOP, RECEIVED), SHOP).events


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("body", [b"{}", b'{"event": "odd"}', b'{"event_name": "odd", "data": null}'])
def test_what_is_not_mapped_is_dropped_by_name(kind, body):
    assert MODULES[kind].normalise(Delivery({}, body, RECEIVED), SHOP).dropped == "event-not-mapped"


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    assert check_payloads("rollbar", rollbar.normalise, sorted((payloads / "rollbar").glob("*.json"))) == {"lines": 2}


@pytest.mark.parametrize("kind", MODULES)
def test_whatever_comes_is_events_or_a_named_drop(samples, survives, kind):
    survives(MODULES[kind].normalise, [Delivery({}, body, RECEIVED) for body in samples(kind).values()], SHOP)
