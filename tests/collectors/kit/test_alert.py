"""The common parts of alerts: row, identity, severity, and the values that services write."""

from __future__ import annotations

import pytest
from collecting import RECEIVED
from hypothesis import given
from hypothesis import strategies as st

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import iso, person, when, whole, word
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.line import render

HERE = SourceInfo("here", environment="prod")


def at(source: SourceInfo, received: int) -> Place:
    return Place(source, received, "x")


def alert(state: str = "firing", **more: object) -> Alert:
    return Alert(
        **(
            {
                "identity": "f1",
                "state": state,
                "name": "Slow",
                "service": "shop",
                "started": RECEIVED - 60_000,
            }
            | more
        )
    )


def test_an_alert_and_its_end_are_one_row_and_two_facts():
    fired, ended = (
        alert_event(alert(state), at(HERE, RECEIVED)) for state in ("firing", "resolved")
    )
    assert (
        (fired.subject, fired.number)
        == (ended.subject, ended.number)
        == ("incident/shop/f1", str(RECEIVED - 60_000))
    )
    assert fired.key != ended.key
    assert (fired.time, ended.time, ended.duration) == (RECEIVED - 60_000, RECEIVED, 60_000)
    assert render(ended) == "shop  resolved: Slow after 1m00s on prod"


def test_the_same_start_is_the_same_fact_whenever_it_is_said_and_another_start_is_another():
    one = alert_event(alert(), at(HERE, RECEIVED))
    assert one.key == alert_event(alert(), at(SourceInfo("there"), RECEIVED + 900_000)).key
    assert one.key != alert_event(alert(started=RECEIVED), at(HERE, RECEIVED)).key


def test_who_did_it_is_in_the_line():
    assert (
        render(alert_event(alert("resolved", actor="ana"), at(HERE, RECEIVED)))
        == "shop  resolved: Slow after 1m00s on prod · by ana"
    )
    line = render(
        alert_event(alert(severity="page", reason="5xx 7 %", actor="bo"), at(HERE, RECEIVED))
    )
    assert line == "shop  firing: Slow on prod · critical · 5xx 7 % · by bo"


@pytest.mark.parametrize(
    ("said", "means"),
    [("PAGE", "critical"), ("Warn", "warning"), ("40", "error"), ("none", "info"), ("?", "error")],
)
def test_severities(said, means):
    assert alert_event(alert(severity=said), at(HERE, RECEIVED)).severity.word == means


def test_what_says_no_time_at_all_is_one_fact_a_minute():
    bare = alert(started=0)
    first, again, later = (
        alert_event(bare, at(HERE, RECEIVED + after)) for after in (0, 1_000, 120_000)
    )
    assert first.key == again.key != later.key
    assert first.number == "f1"


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2027-01-15T08:00:00Z", RECEIVED),
        ("2027-01-15T09:00:00.000+0100", RECEIVED),
        (1_800_000_000, RECEIVED),
        (1_800_000_000.0, RECEIVED),
        ("1800000000", RECEIVED),
        (RECEIVED, RECEIVED),
        ("0001-01-01T00:00:00Z", 0),
        (None, 0),
        (True, 0),
        (-5, 0),
        (["x"], 0),
        ("9" * 400, 0),
        ("soon", 0),
    ],
)
def test_times(value, time):
    assert when(value) == time


@given(st.integers(0, 1 << 43))
def test_a_time_that_we_write_is_read_as_it_was(moment):
    assert when(iso(moment)) == moment


def test_loose_values():
    assert [word(value) for value in (None, True, 7, 7.0, 7.5, " x ", [], {})] == [
        "",
        "",
        "7",
        "7",
        "7.5",
        "x",
        "",
        "",
    ]
    assert [whole(value) for value in ("12", 12, 12.0, "x", "²", None, -1, "9" * 30)] == [
        12,
        12,
        12,
        0,
        0,
        0,
        0,
        0,
    ]
    assert person(None, "ana@example.org") == "ana"
    assert person("", "Bo <bo@example.org>") == "Bo"
    assert person(None) == ""
