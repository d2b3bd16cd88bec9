"""A team's own rules: the first match decides, mistakes name their line, the examples fit."""

from __future__ import annotations

import contextlib
import json

import pytest
from collecting import RECEIVED, assert_event
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import generic
from devstream_collectors.sources.generic.rules import MAX_EACH, RulesError, parse_rules
from devstream_desktop.stream.line import render
from devstream_desktop.stream.words import Severity

RULES = """
# a comment before the first rule
[[rule]]
match = "type == 'ping'"
drop = "ping"

[[rule]]
name = "rollout"
match = "type == 'rollout' && env"
kind = "deploy"
id = "join('/', [app, to_string(run)])"
[rule.fields]
service = "app"
environment = "env"
state = "result"
number = "to_string(run)"
ref = "after(ref, '/')"
title = "first_line(message)"
actor = "user.mail"
duration = "took"
time = "at"
severity = "level"
[rule.states]
done = "success"
"bad" = "failure"

[[rule]]
name = "checks"
match = "checks"
each = "checks"
kind = "test"
[rule.fields]
service = "_root.app"
subject = "name"
state = "lower(state)"
count = "failed"
total = "total"
"""
DOCUMENT = {
    "type": "rollout", "env": "production", "app": "shop", "run": 7, "result": "Done",
    "ref": "refs/heads/main", "took": 61_000, "message": "Retry card capture\n\nlong text",
    "user": {"mail": "ana@example.org"}, "at": 1_799_999_999, "level": "warning",
}  # fmt: skip


def read(document: object, rules: str = RULES):
    source = SourceInfo("own", options={"rules": rules})
    return generic.normalise(Delivery({}, json.dumps(document).encode(), RECEIVED), source)


def test_the_first_rule_that_matches_makes_the_line():
    (event,) = read(DOCUMENT).events
    assert_event(
        event, kind="deploy", state="success", service="shop", environment="production", number="7"
    )
    assert_event(event, ref="main", title="Retry card capture", actor="ana", duration=61_000)
    assert_event(event, time=1_799_999_999_000, severity=Severity.WARNING, source="own")


def test_one_fact_has_one_key_and_each_state_its_own():
    again = DOCUMENT | {"message": "sent again with other words"}
    failed = DOCUMENT | {"result": "bad"}
    key, same, other = (read(document).events[0].key for document in (DOCUMENT, again, failed))
    assert key == same
    assert key != other
    assert (
        read(failed).events[0].subject
        == read(DOCUMENT | {"run": 8, "result": "bad"}).events[0].subject
    )


def test_without_an_id_the_bytes_are_the_fact():
    rules = '[[rule]]\nkind = "incident"\nfields = { state = "\'firing\'", title = "text" }\n'
    one, same, other = (read({"text": text}, rules).events[0] for text in ("down", "down", "up"))
    assert one.key == same.key != other.key
    assert (one.service, one.title) == ("own", "down")


def test_a_list_makes_a_line_each():
    events = read(
        {
            "app": "shop",
            "checks": [
                {"name": "unit", "state": "FAILED", "failed": 2, "total": "40"},
                {"name": "e2e", "state": "x"},
            ],
        }
    )
    (event,) = events.events
    assert_event(event, service="shop", state="failed", count=2, total=40)
    assert "'x' is none of test's" in events.detail
    many = {
        "app": "shop",
        "checks": [{"name": str(n), "state": "failed"} for n in range(MAX_EACH + 50)],
    }
    assert len(read(many).events) == MAX_EACH


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"type": "ping"}, "ping"),
        ({"type": "other"}, "no-rule-matches"),
        (DOCUMENT | {"result": "sideways"}, "state-not-mapped"),
        ({"checks": [{"state": None}]}, "state-not-mapped"),
        ({"checks": {"a": 1}}, "empty-list"),
        (["type"], "no-rule-matches"),
    ],
)
def test_what_makes_no_line_has_a_name(document, reason):
    result = read(document)
    assert (result.events, result.dropped) == ((), reason)


@pytest.mark.parametrize(
    ("rules", "line", "said"),
    [
        ("[[rule]]\nkind = 'build'\n[rule.fields]\nstate = \"a ==\"\n", 4, "state = 'a =='"),
        (
            "\n\n[[rule]]\nmatch = 'nosuch(a)'\nkind = 'bild'\n",
            5,
            "'bild' is not one of change, build",
        ),
        (
            (
                "[[rule]]\ndrop = 'x'\n[[rule]]\nkind = 'build'\n"
                'fields = { state = "a", colour = "b" }\n'
            ),
            5,
            "no field 'colour'",
        ),
        ("[[rule]]\nkind = 'build'\nfields = { service = \"a\" }\n", 3, "fields need a state"),
        (
            "[[rule]]\nkind = 'build'\nfields = { state = \"a\" }\nstates = { ok = 'fine' }\n",
            4,
            "'fine' is not one of build",
        ),
        ("[[rule]]\ndrop = 'Not A Name'\n", 2, "small letters"),
        ("[[rule]]\nmatch = 'a'\ndrop = 'x'\nkind = 'build'\n", 3, "either drops or makes a line"),
        ("[[rule]]\ndrop = 'x'\n[[rule]]\nkinds = 'build'\n", 3, "`kinds`"),
        ("x = 1\n", 0, "unknown field `x`"),
        ("rule = [{ drop = 'x' }]\n", 0, "a [[rule]] of its own"),
        ("[[rule]\n", 1, "line 1"),
        ("", 0, "no [[rule]]"),
    ],
)
def test_a_mistake_names_its_line_and_expression(rules, line, said):
    with pytest.raises(RulesError, match=r".+") as raised:
        parse_rules(rules)
    assert said in str(raised.value)
    assert not line or f"line {line}" in str(raised.value)
    with pytest.raises(ValueError, match=r".+"):
        generic.check(SourceInfo("own", options={"rules": rules}))


def test_a_function_that_does_not_fit_takes_nothing():
    fields = 'state = "\'failed\'", title = "join(\'/\', number)", number = "to_string(number)"'
    rules = f'[[rule]]\nkind = "build"\nfields = {{ {fields} }}\n'
    assert read({"number": 7}, rules).events[0].number == "7"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
KEYS = st.sampled_from(list(DOCUMENT))
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=8)
)


@settings(deadline=None, max_examples=200)
@given(DOCUMENTS)
def test_any_document_is_events_or_a_named_drop(document):
    for changed in (document, DOCUMENT | document if isinstance(document, dict) else document):
        result = read(changed)
        assert bool(result.events) != bool(result.dropped)
        assert all(render(event).isprintable() for event in result.events)


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="[]rule={}'\"\n kindfeltsa._", max_size=80))
def test_any_text_is_rules_or_a_mistake(text):
    with contextlib.suppress(RulesError):
        assert parse_rules(text)


def test_k6_rules_see_words_without_their_colours():
    red, plain = "\x1b[31m", "\x1b[0m"
    coloured = DOCUMENT | {
        "type": f"{red}rollout{plain}",
        "result": f"{red}bad{plain}",
        "message": f"{plain}\n{red}Retry card capture{plain}\n",
    }
    rules = RULES.replace('"bad" = "failure"', 'bad = "failure"')
    (event,) = read(coloured, rules).events
    assert_event(event, state="failure", title="Retry card capture")
