"""`devstream rules new` and `test`: rules out of a sample, and a sample by rules."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import msgspec

from devstream_desktop.cli.arguments import add_json
from devstream_desktop.cli.given_file import read_bytes
from devstream_desktop.cli.output import print_json
from devstream_desktop.clock import now_ms
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.line import render
from devstream_desktop.stream.text import clean

if TYPE_CHECKING:
    from devstream_collectors.sources.generic.rules import Rule


class RulesTest(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one line that a sample makes."""

    rule: str
    """The name of the rule that matched; empty: none."""
    at: int
    """The line of the rule in its file."""
    drop: str
    """The reason that a drop is counted under; empty when it makes a line."""
    fields: dict[str, str]
    expressions: dict[str, str]
    """The expression behind each field, and behind `match`, `each` and `id`."""
    line: str
    mistake: str
    """The reason why a rule that matched makes no line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of `rules`."""
    rules = parser.add_subparsers(title="rules commands", metavar="COMMAND", required=True)
    about = "propose a rules file for posts like this one, to read and to correct"
    parser = rules.add_parser("new", help=about)
    about = "a file with the JSON that the sender posts; see `devstream source unmatched`"
    parser.add_argument("sample", metavar="SAMPLE.json", help=about)
    parser.set_defaults(command=new)
    parser = rules.add_parser(
        "test", help="show which rule a sample matches, the extracted fields and the line"
    )
    about = "a rules file; `devstream paths` names the folder of those that ship"
    parser.add_argument("rules", metavar="RULES.toml", help=about)
    about = "a file with the JSON that the sender posts"
    parser.add_argument("sample", metavar="SAMPLE", help=about)
    about = "a header that comes with it, as 'X-Event: push'"
    parser.add_argument("--header", action="append", default=[], metavar="H", help=about)
    about = "the branches that count, as in `source add` (default: main and master)"
    parser.add_argument("--branch", nargs="+", default=[], metavar="GLOB", help=about)
    add_json(parser)
    parser.set_defaults(command=test)


def test(home: Home, options: argparse.Namespace) -> int:
    """Try a rules file on a sample.

    Exit 0 when it makes lines or a rule drops it, 1 when no rule matches or one makes no line.
    """
    # Every command gets the home; this one needs none, so that rules can be tried anywhere.
    del home
    try:
        # The extra with the expression language may not be installed where only the tray runs.
        from devstream_collectors.contract import SourceInfo
        from devstream_collectors.kit.outcome import Dropped
        from devstream_collectors.sources.generic.bounded import TooCostlyError
        from devstream_collectors.sources.generic.line import event_of
        from devstream_collectors.sources.generic.rules import RulesError, apply, parse_rules
    except ModuleNotFoundError as error:
        raise _no_libraries(error) from None
    try:
        rules = parse_rules(read_bytes(options.rules).decode(errors="replace"))
    except RulesError as error:
        raise DevstreamError(f"{options.rules}: {error}") from None
    body = read_bytes(options.sample)
    document = _document(options.sample, body)
    if isinstance(document, dict):
        document["_headers"] = {**_kept_headers(document), **_headers(options.header)}
    source = SourceInfo("test", branches=tuple(options.branch))
    try:
        rule, matches = apply(rules, document, body)
    except TooCostlyError as error:
        # What it would be counted as, so that the count in `devstream status` is understood.
        raise DevstreamError(
            f"{options.rules}: for this sample {error}; it would be dropped as rules-too-costly"
        ) from None
    found: list[RulesTest] = []
    for match in matches:
        fields = {name: clean(_shown(value), 140) for name, value in match.values.items()}
        line = mistake = ""
        try:
            line = render(event_of(match, source, now_ms()))
        except Dropped as verdict:
            # The other matches are still shown: a person mends one rule at a time.
            mistake = f"{verdict.reason}: {verdict.detail}" if verdict.detail else verdict.reason
        except InvalidEventError as error:
            mistake = str(error)
        found.append(
            RulesTest(
                rule=match.rule.name,
                at=match.rule.line,
                drop="",
                fields=fields,
                expressions=_expressions(match.rule),
                line=line,
                mistake=mistake,
            )
        )
    # A rule may drop the sample by name, or match a list that is empty.
    if not found:
        drop = rule.drop or "empty-list" if rule is not None else "no-rule-matches"
        name, at = (rule.name, rule.line) if rule is not None else ("", 0)
        made = {} if rule is None else _expressions(rule)
        found.append(
            RulesTest(rule=name, at=at, drop=drop, fields={}, expressions=made, line="", mistake="")
        )
    if options.json:
        print_json(found)
    else:
        for one in found:
            _print(one, options.rules)
    return 0 if rule is not None and not any(one.mistake for one in found) else 1


def new(home: Home, options: argparse.Namespace) -> int:
    """Print a rules file that makes a line of a sample."""
    del home
    try:
        from devstream_collectors.sources.generic.proposal import propose
    except ModuleNotFoundError as error:
        raise _no_libraries(error) from None
    document = _document(options.sample, read_bytes(options.sample))
    try:
        print(propose(document), end="")
    except ValueError as error:
        raise DevstreamError(f"{options.sample}: {error}") from None
    return 0


def _no_libraries(error: ModuleNotFoundError) -> DevstreamError:
    return DevstreamError(
        f"rules need the collector's libraries ({error.name}): pip install 'devstream[collector]'"
    )


def _document(file: str, body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        # RecursionError: nested deeper than the decoder goes.
        raise DevstreamError(f"{file}: this is no JSON: {error}") from None


def _kept_headers(document: dict[str, object]) -> dict[str, str]:
    """Return the headers that `devstream source unmatched` has written into a sample."""
    kept = document.get("_headers")
    pairs = kept.items() if isinstance(kept, dict) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}


def _print(one: RulesTest, file: str) -> None:
    if not one.rule:
        print("no rule matches: it would be dropped as no-rule-matches")
        return
    print(f"rule    {clean(one.rule)} ({file}, line {one.at})")
    for name in ("match", "each", "id"):
        if name in one.expressions:
            print(f"  {name:14} {clean(one.expressions[name], 200)}")
    for name, value in one.fields.items():
        print(f"  {name:14} {value or '(nothing)'}  <-  {clean(one.expressions[name], 200)}")
    if one.drop:
        print(f"drop    {one.drop}")
    else:
        print(f"line    {one.line}" if one.line else f"no line {one.mistake}")


def _expressions(rule: Rule) -> dict[str, str]:
    around = {"match": rule.match, "each": rule.each, "id": rule.id}
    return {name: one.text for name, one in {**around, **rule.fields}.items() if one is not None}


def _headers(given: list[str]) -> dict[str, str]:
    pairs = (text.partition(":") for text in given)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
