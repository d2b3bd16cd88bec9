"""The functions of expressions: what each gives, and what it does with what does not fit."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import generic
from devstream_collectors.sources.generic.bounded import Budget, TooCostlyError
from devstream_collectors.sources.generic.expressions import ExpressionError, compiled

DOCUMENT = {
    "text": "Build [#12] of shop FAILED\n\nlong",
    "ref": "refs/heads/main",
    "tags": "env:prod, service:shop, role=web",
    "list": ["env:prod", 7, "service=shop"],
    "inner": '{"alarm": "CPU", "values": [1, 2]}',
    "number": 7,
    "flag": True,
}


def value(text: str) -> object:
    return compiled(text, 1).value(DOCUMENT, Budget())


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("find(text, '#(\\d+)')", "12"),
        ("find(text, 'FAILED|PASSED')", "FAILED"),
        ("find(text, 'nothing')", None),
        ("find(missing, 'x')", None),
        ("find(number, 'x')", None),
        ("tag(tags, 'service')", "shop"),
        ("tag(tags, 'Role')", "web"),
        ("tag(list, 'service')", "shop"),
        ("tag(list, 'none')", None),
        ("tag(missing, 'none')", None),
        ("parse_json(inner).alarm", "CPU"),
        ("parse_json(inner).values[1]", 2),
        ("parse_json(text)", None),
        ("parse_json(missing)", None),
        ("path(number, missing, flag, ref)", "7/refs/heads/main"),
        ("path(missing)", ""),
        ("first_line(text)", "Build [#12] of shop FAILED"),
        ("before(ref, '/')", "refs/heads"),
        ("after(ref, '/')", "main"),
        ("lower(find(text, 'F[A-Z]+'))", "failed"),
    ],
)
def test_a_function_takes_what_it_can(expression: str, expected: object) -> None:
    assert value(expression) == expected


@pytest.mark.parametrize(
    "expression", ["find(text, ref)", "find(text, `5`)", "find(text)", "[find(text, @)]"]
)
def test_a_pattern_is_the_authors_own(expression: str) -> None:
    with pytest.raises(ExpressionError, match="a pattern in quotes"):
        compiled(expression, 1)


@pytest.mark.parametrize("pattern", ["(", "(?=x)", "(a{900}){900}"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(ExpressionError):
        compiled(f"find(text, '{pattern}')", 1)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("parse_json(text)", json.dumps([[1]] * 30_000)),
        ("[*].parse_json(text)", ""),
        ("parse_json(text)", '"' + "x" * 1_000_000 + '"'),
        ("find(text, 'y')", "x" * 1_000_000),
    ],
)
def test_what_a_function_reads_costs_steps(expression: str, text: str) -> None:
    document: object = {"text": text}
    if not text:
        document = [{"text": json.dumps([1] * 2000)}] * 100
    with pytest.raises(TooCostlyError):
        compiled(expression, 1).value(document, Budget())


def test_json_that_nests_without_end_is_none() -> None:
    deep = {"text": "[" * 3000 + "]" * 3000}
    assert compiled("parse_json(text)", 1).value(deep, Budget()) is None


RULES = """
[[rule]]
match = "_headers.\\"x-gone\\" == 'yes'"
drop = "gone"

[[rule]]
kind = "test"
id = "path(id)"
[rule.fields]
state = "state"
ref = "branch"
default_branch = "default"
severity = "level"
title = "'unit'"
started = "began"
time = "ended"
seconds = "took"
[rule.severities]
P9 = "critical"
"""


def read(document: object, branches: tuple[str, ...] = (), **headers: str):
    source = SourceInfo("own", branches=branches, options={"rules": RULES})
    named = {f"x-{name}": text for name, text in headers.items()}
    return generic.normalise(Delivery(named, json.dumps(document).encode(), RECEIVED), source)


@pytest.mark.parametrize(
    ("branch", "default", "branches", "counts"),
    [
        ("main", "", (), True),
        ("refs/heads/master", "", (), True),
        ("topic", "", (), False),
        ("trunk", "trunk", (), True),
        ("main", "trunk", (), False),
        ("release/2", "trunk", ("release/*",), True),
        ("main", "", ("release/*",), False),
        ("", "", (), True),
    ],
)
def test_only_branches_that_count_make_lines(branch, default, branches, counts):
    result = read({"id": 1, "state": "failed", "branch": branch, "default": default}, branches)
    assert (result.dropped == "not-a-global-branch") is not counts
    assert bool(result.events) is counts


def test_rules_read_every_header_that_a_sender_makes_up():
    assert read({"id": 1, "state": "failed"}, gone="yes").dropped == "gone"
    assert read({"id": 1, "state": "failed"}, gone="no").events
    assert "x-*" in generic.COLLECTOR.webhook.headers


@pytest.mark.parametrize(
    ("level", "word"),
    [("P9", "critical"), ("p9", "critical"), ("Warning", "warning"), ("fatal", "critical")],
)
def test_a_severity_is_the_rules_or_a_usual_word(level, word):
    (event,) = read({"id": 1, "state": "failed", "level": level}).events
    assert event.severity.word == word


def test_how_long_it_took_is_said_or_counted():
    def duration(**more: object) -> int:
        (event,) = read({"id": 1, "state": "failed", **more}).events
        return event.duration

    assert duration(took=61.5) == 61_000
    assert duration(began="2027-01-15T07:58:00Z", ended="2027-01-15T07:59:00Z") == 60_000
    assert duration(began="2027-01-15T07:59:00Z") == 0


def test_an_alert_without_a_name_fires_again_later():
    rules = '[[rule]]\nkind = "incident"\nfields = { state = "\'firing\'", title = "text" }\n'
    source = SourceInfo("own", options={"rules": rules})
    body = json.dumps({"text": "disk full"}).encode()

    def key(received: int) -> str:
        return generic.normalise(Delivery({}, body, received), source).events[0].key

    assert key(RECEIVED) == key(RECEIVED + 5_000) != key(RECEIVED + 3_600_000)
