"""K12: names that tell two things apart, and words that are found as they are shown."""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import alertmanager, sentry
from devstream_desktop.stream.line import render
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.search_text import index_text
from devstream_desktop.stream.words import STATES, Kind, Transition, outcome

NOW = 1_800_000_000_000


def alerts(*labels: dict[str, str], common: dict[str, str], **notes: str) -> list[str]:
    body = {
        "version": "4",
        "status": "firing",
        "commonLabels": common,
        "alerts": [
            {
                "labels": own,
                "annotations": notes,
                "status": "firing",
                "startsAt": "2027-01-15T07:59:00Z",
            }
            for own in labels
        ],
    }
    delivery = Delivery({}, json.dumps(body).encode(), NOW)
    found = alertmanager.normalise(delivery, SourceInfo("own", service="shop"))
    return [render(event) for event in found.events]


def test_k12_alerts_of_a_group_say_what_tells_them_apart() -> None:
    common = {"alertname": "PodMemory", "severity": "warning"}
    pods = [common | {"name": name} for name in ("nginx", "redis")]
    assert alerts(*pods, common=common, summary="Memory over 90 %") == [
        "shop  firing: PodMemory (name=nginx) · warning · Memory over 90 %",
        "shop  firing: PodMemory (name=redis) · warning · Memory over 90 %",
    ]
    assert alerts(pods[0], common=pods[0]) == ["shop  firing: PodMemory · warning"]


def test_k12_names_of_labels_have_any_case_and_may_be_common_only() -> None:
    common = {"AlertName": "PodMemory", "Severity": "critical"}
    (line,) = alerts({"pod": "a"}, common=common, SUMMARY="Memory over 90 %")
    assert line == "shop  firing: PodMemory (a) · critical · Memory over 90 %"


def test_k12_the_name_of_an_alert_rule_is_no_reason() -> None:
    event = {"issue_id": "7", "event_id": "e1", "title": "TypeError", "project": 1}
    body = {
        "action": "triggered",
        "data": {"event": event, "triggered_rule": "Send a webhook to example.com"},
    }
    delivery = Delivery({"sentry-hook-resource": "event_alert"}, json.dumps(body).encode(), NOW)
    (found,) = sentry.normalise(delivery, SourceInfo("own", service="shop")).events
    assert render(found) == "shop  error: TypeError"


@pytest.mark.parametrize(
    ("kind", "state"), [(kind, state) for kind, states in STATES.items() for state in states]
)
def test_k12_search_finds_the_word_that_is_shown(kind: Kind, state: str) -> None:
    from devstream_desktop.stream.event import fact_key, make_event

    event = make_event(
        kind=kind,
        state=state,
        service="shop",
        subject="x",
        key=fact_key("t", kind, state),
        time=1,
        environment="production",
    )
    indexed = index_text(event).lower().replace("-", " ").replace("_", " ").split()
    # A word with a hyphen is two that stand side by side.
    text = f" {' '.join(indexed)} "
    for word in parse_query(outcome(kind, state)).words:
        assert f" {word.lower()} " in text
    asked = parse_query(f'state:"{outcome(kind, state)}"')
    assert state in (asked.state, *asked.states)


def test_k12_one_word_for_an_outcome() -> None:
    said = {
        outcome(Kind.BUILD, "succeeded"): "passed",
        outcome(Kind.BUILD, "failed", Transition.FAILED): "failed",
        outcome(Kind.BUILD, "succeeded", Transition.FIXED): "fixed",
        outcome(Kind.TEST, "errored", Transition.STILL_FAILING): "still failing",
        outcome(Kind.DEPLOY, "success"): "deployed",
        outcome(Kind.DEPLOY, "failure"): "deploy failed",
        outcome(Kind.INCIDENT, "firing", Transition.NEW): "firing",
        outcome(Kind.INCIDENT, "resolved", Transition.FIXED): "resolved",
        outcome(Kind.SOURCE, "active", Transition.FIXED): "back",
    }
    assert all(word == right for word, right in said.items())


def test_k12_a_transition_is_said_in_the_words_of_outcomes() -> None:
    shown = {
        Transition.FAILED: outcome(Kind.TEST, "failed", Transition.FAILED),
        Transition.STILL_FAILING: outcome(Kind.TEST, "failed", Transition.STILL_FAILING),
        Transition.FIXED: outcome(Kind.TEST, "succeeded", Transition.FIXED),
    }
    assert all(change.value == word for change, word in shown.items())
