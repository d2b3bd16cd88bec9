"""No pattern, ours or an operator's, takes more than linear time of a text that a sender chose."""

from __future__ import annotations

import contextlib
import re
import time

import msgspec
import pytest
from growth import Use, slow, uses
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import is_global
from devstream_collectors.kit.patterns import Pattern
from devstream_collectors.sources import generic, logfile
from devstream_collectors.sources.generic.bounded import TooCostlyError
from devstream_collectors.sources.generic.rules import RulesError, apply, parse_rules
from devstream_collectors.sources.logfile.lines import MAX_LINE
from devstream_desktop.control.messages.sources import RemoteSource
from devstream_desktop.intake.config.names import SourcesError
from devstream_desktop.intake.config.source_info import source_info
from devstream_desktop.stream.bounds import UnboundedError, check_json

pytestmark = pytest.mark.slow


def test_each_expression_of_ours_takes_time_as_the_text_is_long() -> None:
    # No parameters: to find the uses means to read the whole product, in each worker.
    found = {str(use): slow(use) for use in uses()}
    assert len(found) > 100
    assert {use: why for use, why in found.items() if why} == {}


@pytest.mark.parametrize("pattern", [r"\s+:", r"\d+-", r'"[^"\\]*(?:\\.[^"\\]*)*"'])
def test_one_that_takes_more_is_found(pattern: str) -> None:
    assert slow(Use("here", re.compile(pattern), "search"))


def test_strings_without_an_end_cost_what_they_are_long() -> None:
    body = b"[" * 200 + b'"' + b'\\"' * 100_000
    began = time.perf_counter()
    with pytest.raises(UnboundedError):
        check_json(body)
    assert time.perf_counter() - began < 10


WRITTEN = (
    r"(a+)+$",
    r"(a|a)*b",
    r"(?P<message>(?:x+x+)+y)",
    r"(.*)*error",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(?:(?:a?){40}){20}c",
)


@pytest.mark.parametrize("pattern", WRITTEN)
@pytest.mark.parametrize("option", ["pattern", "ignore"])
def test_an_operators_pattern_never_holds_the_node(pattern: str, option: str) -> None:
    source = SourceInfo("app", options={"path": "/var/log/app.log", option: (pattern,)})
    lines = tuple(letter * MAX_LINE + "!" for letter in "ax") * 20
    cursor = logfile.read((), b"", source, 1).cursor
    began = time.perf_counter()
    logfile.read(lines, cursor, source, 2)
    assert time.perf_counter() - began < 10


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab(|)*+?{}.[]^$\\123:<>P="), min_size=1, max_size=60))
def test_whatever_is_written_as_a_pattern_is_taken_in_bounded_time_or_refused_in_words(
    text: str,
) -> None:
    try:
        pattern = Pattern(text)
    except ValueError:
        return
    began = time.perf_counter()
    for line in ("a" * MAX_LINE, "ab" * (MAX_LINE // 2), "a" * (MAX_LINE - 1) + "\ud800"):
        pattern.find(line)
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(?=fail)x", "it cannot look ahead or behind"),
        (r"(?<!test )error", "it cannot look ahead or behind"),
        (r"(?P<word>\w+) \1", "it cannot refer to what a group has found"),
        (r"error\Z", r"write \\z for the end"),
        ("(", "missing"),
        ("(?:a{900}.{900})", "it repeats too much"),
        ("x" * 501, "longer than 500 characters"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_to_do_when_a_source_is_added(
    pattern: str, said: str
) -> None:
    source = SourceInfo("app", options={"path": "/var/log/app.log", "pattern": (pattern,)})
    with pytest.raises(ValueError, match=said):
        logfile.check(source)


def test_a_pattern_that_an_earlier_version_took_is_told_at_the_start_and_by_itself() -> None:
    source = RemoteSource(
        name="app",
        type="logfile",
        ways=("tail",),
        options={"path": "/var/log/app.log", "pattern": (r"(?!test)x",)},
    )
    with pytest.raises(
        SourcesError,
        match=r"source 'app': .*it cannot look ahead or behind: use a second pattern, or --ignore",
    ):
        source_info(source)


DOUBLES = "|".join(["[@,@]"] * 40)
COSTLY = (
    "|".join(["[@,@][]"] * 40) + "|length(@)",
    f"{DOUBLES}|to_string(@)",
    f"{DOUBLES}|@==[@]",
    f"{DOUBLES}|contains(@,`1`)",
    "'x'|" + "|".join(["join('',[@,@])"] * 40) + "|length(@)",
    "items[*].[@,@,@,@,@,@,@,@,@,@][]|[*].[@,@,@,@,@,@,@,@,@,@][]|length(@)",
    "map(&map(&map(&length(@),[@,@,@,@,@]),[@,@,@,@,@,@]),[items,items,items,items]|[])|length(@)",
)


@pytest.mark.parametrize("where", ["match", "each", "id", "title"])
@pytest.mark.parametrize("expression", COSTLY)
def test_rules_that_multiply_are_dropped_by_name_in_bounded_time(
    expression: str, where: str
) -> None:
    fields = {"state": "'success'", **({"title": expression} if where == "title" else {})}
    rule = (
        f"[[rule]]\nkind = 'deploy'\n{where} = {quoted(expression)}\n"
        if where != "title"
        else "[[rule]]\nkind = 'deploy'\n"
    )
    text = (
        rule
        + "[rule.fields]\n"
        + "".join(f"{name} = {quoted(value)}\n" for name, value in fields.items())
    )
    source = SourceInfo("any", options={"rules": text})
    body = msgspec.json.encode(
        {"items": [{"number": number, "text": "x" * 50} for number in range(400)]}
    )
    began = time.perf_counter()
    outcome = generic.normalise(Delivery({}, body, 1), source)
    assert time.perf_counter() - began < 10
    assert outcome.dropped == "rules-too-costly"


@pytest.mark.parametrize(
    "expression",
    [
        "!" * 900 + "a",
        "a||" * 200 + "a",
        "[" * 300 + "a" + "]" * 300,
        "a[?" * 100 + "a" + "]" * 100,
    ],
)
def test_rules_that_nest_too_deeply_are_refused_with_their_line(expression: str) -> None:
    with pytest.raises(
        RulesError, match=r"line 3: rule .*: match = .*: it nests more than 60 deep; take it apart"
    ):
        parse_rules(deploys(expression))


@pytest.mark.parametrize("expression", ["(" * 300 + "a" + ")" * 300, ".".join("a" * 400)])
def test_what_is_long_and_nests_little_is_taken(expression: str) -> None:
    apply(parse_rules(deploys(expression)), {"a": "x"}, b"")


def deploys(match: str) -> str:
    return (
        f"[[rule]]\nkind = 'deploy'\nmatch = {quoted(match)}\n[rule.fields]\nstate = "
        f"\"'success'\"\n"
    )


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "[@,@]",
                "[]",
                "[*]",
                "@",
                "items",
                "[?@]",
                "to_string(@)",
                "{a:@,b:@}",
                "*",
                "sort_by(@,&number)",
                "[0]",
            ]
        ),
        min_size=1,
        max_size=40,
    )
)
def test_whatever_is_written_as_a_rule_ends(parts: list[str]) -> None:
    try:
        rules = parse_rules(deploys("|".join(parts)))
    except RulesError:
        return
    began = time.perf_counter()
    with contextlib.suppress(TooCostlyError):
        apply(rules, {"items": [{"number": number} for number in range(50)]}, b"")
    assert time.perf_counter() - began < 10


def quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()


@pytest.mark.parametrize(
    "glob", ["*a" * 100, "*" * 200, "[!b]*" * 50, "*[a-z]" * 30 + "?" * 20, "a*" * 100]
)
def test_a_glob_of_an_operator_takes_little_of_a_name(glob: str) -> None:
    began = time.perf_counter()
    for _ in range(20):
        is_global("a" * 4_000 + "\n", (glob[:200],))
    assert time.perf_counter() - began < 10
