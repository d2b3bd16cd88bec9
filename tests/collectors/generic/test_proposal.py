"""A proposed rules file: it is one, it fits its body, and it guesses no state."""

from __future__ import annotations

import contextlib
import json

import pytest
from collecting import HERE, JSON, RECEIVED
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import generic
from devstream_collectors.sources.generic.proposal import propose
from devstream_collectors.sources.generic.rules import parse_rules
from devstream_desktop.stream.line import render

BUILD = {
    "pipeline": {"name": "CI", "number": 12},
    "status": "failed",
    "branch": "main",
    "commit": {"sha": "a" * 40, "message": "Retry"},
    "repository": {"name": "shop"},
    "user": {"login": "ana"},
    "url": "https://ci.example.org/12",
    "finished_at": "2027-01-15T07:59:00Z",
}
ALERT = {
    "alert": {"name": "CPU is high", "severity": "Sev 9", "id": "a-1", "starts_at": 1_799_999_900},
    "service": "shop",
    "state": "Triggered",
    "env-ironment": "x",
    "environment": "production",
}


def line(document: object, rules: str) -> str:
    source = SourceInfo("own", options={"rules": rules})
    made = generic.normalise(Delivery({}, json.dumps(document).encode(), RECEIVED), source)
    return made.dropped or render(made.events[0])


def test_a_build_and_an_alert():
    assert line(BUILD, propose(BUILD)) == "shop  CI FAILED on main at aaaaaaa · by ana — Retry"
    rules = propose(ALERT)
    assert line(ALERT, rules) == "shop  firing: CPU is high on production · warning"
    assert '"Sev 9" = "warning"' in rules


def test_every_field_stands_beside_its_value():
    rules = propose(BUILD)
    assert 'service = "repository.name" # shop' in rules
    assert 'state = "to_string(status)" # failed' in rules
    assert "id =" in rules


def test_a_word_that_is_not_usual_is_left_to_its_author():
    document = BUILD | {"status": "sideways"}
    rules = propose(document)
    assert '# "sideways" = "cancelled"' in rules
    assert line(document, rules) == "state-not-mapped"


def test_odd_names_and_values_are_quoted():
    document = {"a\"b'c\\": {"state": 'fai"led\\'}, "build-number": "7\x7f", "é": {"title": "x\n#"}}
    assert parse_rules(propose(document))


@pytest.mark.parametrize("document", [[], {}, "text", 5, None, {"a": {}}, [[1]]])
def test_nothing_comes_of_nothing(document):
    with pytest.raises(ValueError, match="no named field"):
        propose(document)


@settings(deadline=None, max_examples=150)
@given(
    st.dictionaries(
        st.sampled_from(["state", "id", "title", "build", "url", "time", "x y", "service"]), JSON
    )
)
def test_whatever_the_body_it_is_a_rules_file_or_a_sentence(document):
    rules = ""
    with contextlib.suppress(ValueError):
        rules = propose(document)
    if rules:
        assert parse_rules(rules)
        line(document, rules)


@pytest.mark.parametrize(
    "file", sorted(HERE.glob("*/samples/*.json"))[::7], ids=lambda file: file.parent.parent.name
)
def test_it_fits_what_services_send(file):
    document = json.loads(file.read_bytes())
    made = line(document, propose(document))
    # Two things are its author's to say: words that are not usual, and branches.
    assert made in ("state-not-mapped", "not-a-global-branch") or made.isprintable()
    assert made != "no-rule-matches"
