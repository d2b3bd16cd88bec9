"""Sentry's webhooks and its API: an issue is one row, told when it is new, back or resolved."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import sentry
from devstream_desktop.stream.line import render

SE = SourceInfo("se", url="https://sentry.io", options={"project": "acme/shop-api"})


def normalised(samples, name: str):
    return sentry.normalise(
        Delivery(
            {"sentry-hook-resource": name.split(".", maxsplit=1)[0]},
            samples("sentry")[name],
            RECEIVED,
        ),
        SE,
    )


def event(samples, name: str):
    result = normalised(samples, name)
    assert not result.dropped, result
    (made,) = result.events
    return made


def test_an_issue(samples):
    new, gone, back = (
        event(samples, f"issue.{name}") for name in ("created", "resolved", "unresolved")
    )
    assert {(one.subject, one.number, one.service) for one in (new, gone, back)} == {
        ("incident/shop-api/error/1170820242", "1170820242", "shop-api")
    }
    assert len({new.key, gone.key, back.key}) == 3
    assert render(new) == "shop-api  error: TypeError: total is undefined · SHOP-API-3F"
    assert render(gone) == "shop-api  resolved: TypeError: total is undefined after 1m59s · by Ana"
    assert (new.time, gone.time, back.time) == (1_799_999_880_104, RECEIVED, RECEIVED)


def test_an_issue_that_is_archived_is_red_no_more_and_no_news(samples):
    new, aside = event(samples, "issue.created"), event(samples, "issue.archived")
    assert (aside.subject, aside.number) == (new.subject, new.number)
    assert_event(aside, state="resolved", quiet=True, reason="archived", actor="Ana")
    ignored = samples("sentry")["issue.archived"].replace(b'"archived"', b'"ignored"')
    (old,) = sentry.normalise(Delivery({}, ignored, RECEIVED), SE).events
    assert old == aside


def test_an_alert_rule_is_in_the_row_of_its_issue(samples):
    new, rule = event(samples, "issue.created"), event(samples, "event_alert.triggered")
    assert (rule.subject, rule.number) == (new.subject, new.number)
    assert_event(rule, environment="prod", revision="9a8b7c6", reason="checkout.total")
    assert (
        rule.url
        == "https://sentry.io/organizations/acme/issues/1170820242/events/e4874d664c3540c1a32eab185f12c5ab/"
    )
    plugin = event(samples, "plugin")
    assert (plugin.subject, plugin.key) == (rule.subject, rule.key)


def test_a_metric_alert(samples):
    warned, critical, ended = (
        event(samples, f"metric_alert.{name}") for name in ("warning", "critical", "resolved")
    )
    assert {(one.subject, one.number) for one in (warned, critical, ended)} == {
        ("incident/shop-api/metric-9", "12")
    }
    assert len({warned.key, critical.key, ended.key}) == 3
    assert (
        render(critical)
        == "shop-api  firing: Too many errors · critical · 1000 events in the last 10 minutes"
    )
    assert render(ended) == "shop-api  resolved: Too many errors after 10m00s"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("error.created", "each-occurrence"),
        ("comment.created", "event-not-mapped"),
        ("installation.created", "event-not-mapped"),
    ],
)
def test_what_is_no_news(samples, name, reason):
    assert normalised(samples, name).dropped == reason


def test_the_sample_makes_a_line_and_the_project_is_checked():
    delivery = sentry.sample(SE, RECEIVED)
    assert (
        render(sentry.normalise(delivery, SE).events[0])
        == "devstream-test  error: A test of this source · info · DEVSTREAM-1"
    )
    sentry.check(SE)
    with pytest.raises(ValueError, match="ORGANISATION/PROJECT"):
        sentry.check(SourceInfo("se", options={"project": "shop"}))


def test_every_real_payload_is_a_clean_line_or_a_named_drop(payloads, check_payloads):
    outcomes = check_payloads(
        "sentry", sentry.normalise, sorted((payloads / "sentry").glob("*.json"))
    )
    assert outcomes == {"lines": 5, "issue-not-news": 1}


def test_whatever_comes_is_events_or_a_named_drop(samples, survives):
    survives(
        sentry.normalise, [Delivery({}, body, RECEIVED) for body in samples("sentry").values()], SE
    )
