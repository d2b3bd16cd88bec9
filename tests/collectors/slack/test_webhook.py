"""Messages as Slack takes them: read by words and colour, never guessed."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, samples_of

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import slack

SOURCE = SourceInfo("chat")


def read(text: str, colour: str = "", received: int = RECEIVED, source: SourceInfo = SOURCE):
    body = {"text": text, "attachments": [{"color": colour}] if colour else []}
    return slack.normalise(Delivery({}, json.dumps(body).encode(), received), source)


@pytest.mark.parametrize(
    ("text", "kind", "state"),
    [
        ("Build #12 failed", "build", "failed"),
        ("shop #12 passed", "build", "succeeded"),
        ("Pipeline <https://ci.example.org/9|#9> of shop *has failed*", "build", "failed"),
        ("e2e tests: FAILED", "test", "failed"),
        ("Quality gate passed for shop", "test", "succeeded"),
        ("Nightly backup failed: disk full", "build", "failed"),
        ("shop deployed to production", "deploy", "success"),
        ("Rollout of shop failed", "deploy", "failure"),
        ("Deployment of shop started", "deploy", "in_progress"),
        ("[FIRING:2] HighErrorRate", "incident", "firing"),
        ("[RESOLVED] HighErrorRate", "incident", "resolved"),
        ("shop.example.org is down", "incident", "firing"),
        ("shop.example.org is back up", "incident", "resolved"),
        ("DOWN: shop.example.org", "incident", "firing"),
        ("Triggered: CPU of web1", "incident", "firing"),
        ("CPU of web1 recovered", "incident", "resolved"),
    ],
)
def test_the_words_say_what_it_is(text, kind, state):
    (event,) = read(text).events
    assert (event.kind, event.state) == (kind, state)


@pytest.mark.parametrize(
    ("text", "colour", "dropped"),
    [
        ("Lunch at noon?", "", "no-state"),
        ("Scaling down web", "", "no-state"),
        ("Please follow up", "", "no-state"),
        ("What's up with the build?", "", "no-state"),
        ("Somebody broke it", "#cccccc", "no-state"),
        ("Build failed", "good", "contradicts-itself"),
        ("Build passed", "#ff0000", "contradicts-itself"),
        ("Build failed, then passed", "", "contradicts-itself"),
        ("Build #3 is running", "", "build-not-finished"),
        ("", "danger", "no-text"),
    ],
)
def test_nothing_is_guessed(text, colour, dropped):
    assert read(text, colour).dropped == dropped


@pytest.mark.parametrize(
    ("colour", "state"),
    [
        ("danger", "firing"),
        ("#E01E5A", "firing"),
        ("#a30200", "firing"),
        ("warning", "firing"),
        ("#DAA038", "firing"),
        ("good", "resolved"),
        ("#2EB67D", "resolved"),
        ("36a64f", "resolved"),
        ("#439FE0", ""),
        ("#not", ""),
    ],
)
def test_a_colour_says_it_where_the_words_do_not(colour, state):
    result = read("CPU of web1", colour)
    assert [event.state for event in result.events] == ([state] if state else [])


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("[FIRING:1] HighErrorRate", "[RESOLVED] HighErrorRate"),
        ("🔴 shop.example.org is down", "✅ shop.example.org is back up"),
        ("Disk of db1 is critical: 91 %", "Disk of db1 recovered: 40 %"),
        ("Alert triggered: CPU of web1", "Alert resolved: CPU of web1"),
    ],
)
def test_what_is_well_again_closes_its_row(bad, good):
    (before,), (after,) = read(bad).events, read(good).events
    assert (before.subject, before.number) == (after.subject, after.number)


def test_two_builds_are_two_and_the_same_message_at_once_is_one():
    keys = {read(f"Build #{number} failed").events[0].key for number in (1, 2)}
    assert len(keys) == 2
    one, again = read("backup failed"), read("backup failed", received=RECEIVED + 1000)
    later = read("backup failed", received=RECEIVED + 86_400_000)
    assert one.events[0].key == again.events[0].key != later.events[0].key


def test_two_hosts_never_share_a_row():
    rows = {read(f"db{number} is down").events[0].subject for number in (1, 2)}
    assert len(rows) == 2


def test_a_source_can_say_of_what_kind_all_of_it_is():
    source = SourceInfo("chat", options={"kind": "incident"})
    (event,) = read("Nightly backup failed", source=source).events
    assert event.kind == "incident"
    with pytest.raises(ValueError, match="kind must be one of"):
        slack.check(SourceInfo("chat", options={"kind": "party"}))


def test_whatever_is_sent_is_an_event_or_a_named_drop(survives):
    deliveries = [Delivery({}, body, RECEIVED) for body in samples_of("slack").values()]
    survives(slack.normalise, deliveries, SOURCE)


def test_a_sample_of_it_makes_a_line():
    (event,) = slack.normalise(slack.sample(SOURCE, RECEIVED), SOURCE).events
    assert (event.kind, event.state, event.number) == ("test", "succeeded", "1")
