"""A team's own mapping: JMESPath rules that make a line of any JSON.

A rules file is TOML. Rules are tried from the top; the first whose `match` is true makes the line,
or drops the delivery by name:

    [[rule]]
    name = "finished"                  # told by `devstream rules test`
    match = "event == 'finished'"      # true: this rule decides; without one it always does
    kind = "build"                     # change build test deploy incident ticket
    each = "builds"                    # a list in the document: one line each (may be left out);
                                       # `_root` is the document
    id = "join('/', [job, to_string(number)])"   # what makes the fact one; without it the
                                                 # delivery's bytes do

    [rule.fields]                      # what the line is made of: an expression each
    service = "repository.name"        # and: state subject number actor title reason url
    state = "result"                   # environment ref default_branch revision previous severity,
                                       # time and started (ISO 8601, or a number), duration (ms),
                                       # seconds (how long it took), count, total, order (of a
                                       # build: a number that grows; else when it started),
                                       # scope (the full name, where two repositories may have one
                                       # service's name, or an alert's end says another service)

    [rule.states]                      # the sender's words for a state, and the stream's
    ok = "succeeded"

    [rule.drops]                       # its words that make no line, and the reason
    waiting = "build-not-finished"

    [rule.severities]                  # the same for a severity; usual words are known
    P5 = "info"

    [[rule]]
    match = "event == 'ping'"
    drop = "ping"

Headers `x-...` are in `_headers`: `_headers."x-event"`. The functions beside JMESPath's own are in
`expressions.py`. A file that ships with devstream also says how its sender posts (`sender.py`).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from devstream_collectors.sources.generic.bounded import Budget
from devstream_collectors.sources.generic.expressions import Expression, ExpressionError, compiled
from devstream_collectors.sources.generic.sender import Sender
from devstream_desktop.stream.words import STATES, Kind, Severity

KINDS = (Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET)
"""The kinds that a source may say; the others are the team's own words."""
FIELDS = frozenset(
    {
        "service", "state", "subject", "number", "actor", "title", "reason", "url", "environment",
        "ref", "default_branch", "revision", "previous", "time", "started", "duration", "seconds",
        "count", "total", "severity", "order", "scope",
    }
)  # fmt: skip
MAX_RULES, MAX_EACH = 200, 100
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HEADER = re.compile(r"^\s*\[\[\s*rule\s*\]\]")


class RulesError(ValueError):
    """A mistake in a rules file: the line, the rule, the expression and what is wrong with it."""


@dataclass(frozen=True)
class Rule:
    """One rule of a file."""

    name: str
    line: int
    match: Expression | None
    drop: str = ""
    kind: Kind | None = None
    each: Expression | None = None
    id: Expression | None = None
    fields: Mapping[str, Expression] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    drops: Mapping[str, str] = field(default_factory=dict)
    severities: Mapping[str, Severity] = field(default_factory=dict)


@dataclass(frozen=True)
class Match:
    """The values that a rule took from a document, before the event."""

    rule: Rule
    values: Mapping[str, object]
    identity: str
    unnamed: bool = False
    """No `id` names the fact: the identity is the delivery's bytes."""


class _RuleTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    match: str = ""
    drop: str = ""
    kind: str = ""
    each: str = ""
    id: str = ""
    fields: dict[str, str] = {}
    states: dict[str, str] = {}
    drops: dict[str, str] = {}
    severities: dict[str, str] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    sender: Sender | None = None
    rule: list[dict[str, object]] = []


def parse_sender(text: str) -> Sender | None:
    """Read how the sender of a rules file posts; None where the file says nothing of it.

    Raises:
        RulesError: as `parse_rules`.

    """
    return _file(text).sender


@lru_cache(maxsize=128)
def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read the rules of a file's text.

    Raises:
        RulesError: the first mistake, with its line.

    """
    tables = _file(text).rule
    if not tables:
        raise RulesError("there is no [[rule]] in it, so nothing would ever make a line")
    if len(tables) > MAX_RULES:
        raise RulesError(f"there are {len(tables)} rules; {MAX_RULES} are the most")
    lines = text.splitlines()
    starts = [number for number, line in enumerate(lines, 1) if _HEADER.match(line)]
    if len(starts) != len(tables):
        raise RulesError(
            "write each rule as a [[rule]] of its own, "
            "so that a mistake in it can be named by its line"
        )
    ends = [*starts[1:], len(lines) + 1]
    return tuple(
        _Reader(_table(raw, start), lines, start, end).rule()
        for raw, start, end in zip(tables, starts, ends, strict=True)
    )


def _file(text: str) -> _File:
    try:
        return msgspec.convert(tomllib.loads(text), _File)
    except (ValueError, RecursionError) as error:
        raise RulesError(str(error)) from None


def _table(raw: dict[str, object], start: int) -> _RuleTable:
    try:
        return msgspec.convert(raw, _RuleTable)
    except msgspec.ValidationError as error:
        raise RulesError(f"line {start}: in this rule: {error}") from None


class _Reader:
    """Reads one rule, and knows the lines that it stands in."""

    def __init__(self, table: _RuleTable, lines: Sequence[str], start: int, end: int) -> None:
        self._table = table
        self._lines = lines
        self._start, self._end = start, end

    def rule(self) -> Rule:
        table = self._table
        match = self._compiled("match", table.match)
        if table.drop:
            self._check_drop(table)
            return Rule(table.name or table.drop, self._start, match, table.drop)
        if table.kind not in KINDS:
            raise self._wrong("kind", f"kind = {table.kind!r} is not one of {', '.join(KINDS)}")
        kind = Kind(table.kind)
        self._check_fields(table, kind)
        fields = {
            name: found
            for name, text in table.fields.items()
            if (found := self._compiled(name, text)) is not None
        }
        return Rule(
            table.name or f"line {self._start}",
            self._start,
            match,
            kind=kind,
            each=self._compiled("each", table.each),
            id=self._compiled("id", table.id),
            fields=fields,
            states=table.states,
            drops={
                theirs.lower(): self._reason(theirs, reason)
                for theirs, reason in table.drops.items()
            },
            severities={
                theirs.lower(): self._severity(theirs, ours)
                for theirs, ours in table.severities.items()
            },
        )

    def _check_drop(self, table: _RuleTable) -> None:
        self._reason("drop", table.drop)
        if table.kind or table.fields or table.states:
            raise self._wrong(
                "drop", "a rule either drops or makes a line; take out drop, or kind and fields"
            )

    def _check_fields(self, table: _RuleTable, kind: Kind) -> None:
        for name in table.fields:
            if name not in FIELDS:
                raise self._wrong(
                    name, f"there is no field {name!r}; there are {', '.join(sorted(FIELDS))}"
                )
        if "state" not in table.fields:
            raise self._wrong(
                "fields", "fields need a state, as state = \"'success'\" when it is always the same"
            )
        for theirs, ours in table.states.items():
            if ours not in STATES[kind]:
                raise self._wrong(
                    theirs, f"state {ours!r} is not one of {kind}: {', '.join(STATES[kind])}"
                )

    def _reason(self, key: str, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise self._wrong(
                key,
                f"{key} = {name!r}: the name of a reason is small letters, digits and "
                "hyphens, as 'not-production'",
            )
        return name

    def _severity(self, theirs: str, ours: str) -> Severity:
        for severity in Severity:
            if severity.word == ours:
                return severity
        known = ", ".join(severity.word for severity in Severity)
        raise self._wrong(theirs, f"severity {ours!r} is not one of {known}")

    def _compiled(self, key: str, text: str) -> Expression | None:
        if not text:
            return None
        try:
            return compiled(text, self._line_of(key))
        except ExpressionError as error:
            shown = text if len(text) <= 200 else f"{text[:200]}..."
            raise self._wrong(key, f"{key} = {shown!r}: {error}") from None

    def _wrong(self, key: str, what: str) -> RulesError:
        return RulesError(
            f"line {self._line_of(key)}: rule {self._table.name or self._start}: {what}"
        )

    def _line_of(self, key: str) -> int:
        pattern = re.compile(rf'(?:^|[{{,.\s])"?{re.escape(key)}"?\s*=')
        return next(
            (n for n in range(self._start, self._end) if pattern.search(self._lines[n - 1])),
            self._start,
        )


def apply(rules: Sequence[Rule], document: object, body: bytes) -> tuple[Rule | None, list[Match]]:
    """Find the rule that decides on a document (None: none does), and what it takes.

    A rule that drops takes nothing; one with a list takes one of each of its items.

    `body` stands for the fact where a rule has no `id`.

    Raises:
        TooCostlyError: the expressions need more steps than a delivery may take.

    """
    budget = Budget()
    rule = next(
        (one for one in rules if one.match is None or truthy(one.match.value(document, budget))),
        None,
    )
    if rule is None or rule.drop:
        return rule, []
    items = enumerate(_items(rule, document, budget))
    return rule, [_take(rule, item, place, body, budget) for place, item in items]


def truthy(value: object) -> bool:
    """Judge as JMESPath does: zero is true; null, false, and what is empty are not."""
    return value is not None and value is not False and value not in ("", [], {})


def as_text(value: object) -> str:
    """Return a value as text; empty for a list or an object."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def _items(rule: Rule, document: object, budget: Budget) -> Iterator[object]:
    if rule.each is None:
        yield document
        return
    found = rule.each.value(document, budget)
    for item in found[:MAX_EACH] if isinstance(found, list) else []:
        yield (
            {**item, "_root": document}
            if isinstance(item, dict)
            else {"item": item, "_root": document}
        )


def _take(rule: Rule, item: object, place: int, body: bytes, budget: Budget) -> Match:
    values = {name: expression.value(item, budget) for name, expression in rule.fields.items()}
    for value in values.values():
        budget.look_into(value)
    identity = as_text(rule.id.value(item, budget)) if rule.id is not None else ""
    if identity:
        return Match(rule, values, identity)
    return Match(rule, values, f"{hashlib.sha256(body).hexdigest()}/{place}", unnamed=True)
