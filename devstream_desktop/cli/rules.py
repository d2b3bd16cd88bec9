"""`devstream rules test`: the rule that a sample matches, its fields, and the line."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from devstream_desktop import machine
from devstream_desktop.cli.arguments import Commands
from devstream_desktop.cli.output import print_json
from devstream_desktop.clock import now_ms
from devstream_desktop.errors import DevstreamError
from devstream_desktop.home import Home
from devstream_desktop.stream.event import InvalidEventError
from devstream_desktop.stream.line import render
from devstream_desktop.stream.text import clean


class RulesTest(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one line that a sample makes."""

    rule: str
    """The name of the rule that matched; empty: none."""
    at: int
    """The line of the rule in its file."""
    drop: str
    """The reason that a drop is counted under; empty when it makes a line."""
    fields: dict[str, str]
    line: str
    mistake: str
    """The reason why a rule that matched makes no line."""


def add_commands(commands: Commands) -> None:
    """Add `rules` and its command."""
    rules = commands.add_parser(
        "rules", help="your own mapping, for senders that no collector knows"
    ).add_subparsers(title="rules commands", metavar="COMMAND", required=True)
    parser = rules.add_parser(
        "test", help="show which rule a sample matches, the extracted fields and the line"
    )
    about = "a rules file; examples are in resources/rules"
    parser.add_argument("rules", metavar="RULES.toml", help=about)
    about = "a file with the JSON that the sender posts"
    parser.add_argument("sample", metavar="SAMPLE", help=about)
    parser.add_argument("--json", action="store_true")
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
        from devstream_collectors.sources.generic.bounded import TooCostlyError
        from devstream_collectors.sources.generic.rules import (
            RuleFailedError,
            RulesError,
            apply,
            event_of,
            parse_rules,
        )
    except ModuleNotFoundError as error:
        raise DevstreamError(
            f"rules need the collector's libraries ({error.name}): "
            "pip install 'devstream[collector]'"
        ) from None
    try:
        rules = parse_rules(_read(options.rules).decode(errors="replace"))
    except RulesError as error:
        raise DevstreamError(f"{options.rules}: {error}") from None
    body = _read(options.sample)
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        # RecursionError: nested deeper than the decoder goes.
        raise DevstreamError(f"{options.sample}: this is no JSON: {error}") from None
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
            line = render(event_of(match, SourceInfo("test"), now_ms()))
        except (RuleFailedError, InvalidEventError) as error:
            # The other matches are still shown: a person mends one rule at a time.
            mistake = str(error)
        found.append(
            RulesTest(
                rule=match.rule.name,
                at=match.rule.line,
                drop="",
                fields=fields,
                line=line,
                mistake=mistake,
            )
        )
    # A rule may drop the sample by name, or match a list that is empty.
    if not found:
        drop = rule.drop or "empty-list" if rule is not None else "no-rule-matches"
        name, at = (rule.name, rule.line) if rule is not None else ("", 0)
        found.append(RulesTest(rule=name, at=at, drop=drop, fields={}, line="", mistake=""))
    if options.json:
        print_json(found)
    else:
        for one in found:
            _print(one, options.rules)
    return 0 if rule is not None and not any(one.mistake for one in found) else 1


def _print(one: RulesTest, file: str) -> None:
    if not one.rule:
        print("no rule matches: it would be dropped as no-rule-matches")
        return
    print(f"rule    {clean(one.rule)} ({file}, line {one.at})")
    for name, value in one.fields.items():
        print(f"  {name:12} {value or '(nothing)'}")
    if one.drop:
        print(f"drop    {one.drop}")
    else:
        print(f"line    {one.line}" if one.line else f"no line {one.mistake}")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DevstreamError(f"cannot read {path}: {machine.reason(error)}") from None
