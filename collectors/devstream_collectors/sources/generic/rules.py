"""A team's own mapping: JMESPath rules that make a line of any JSON.

https://jmespath.org/specification.html. A rules file is TOML. Rules are tried from the top; the
first whose `match` is true makes the line, or drops the delivery by name:

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
    state = "result"                   # environment ref revision previous, time (ISO 8601, or a
                                       # number), duration (ms), count, total, severity

    [rule.states]                      # the sender's words for a state, and the stream's
    ok = "succeeded"

    [[rule]]
    match = "event == 'ping'"
    drop = "ping"

Beside JMESPath's own functions there are `lower(text)`, `first_line(text)`, `before(text,
separator)` and `after(text, separator)`, the last two at the last separator. JMESPath runs no code
and reads nothing but the document.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import jmespath
import jmespath.exceptions
import jmespath.functions
import jmespath.parser
import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import milliseconds
from devstream_collectors.kit.place import moment
from devstream_collectors.sources.generic.bounded import MAX_DEPTH, Budget, Interpreter, depth
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import clean, first_line
from devstream_desktop.stream.words import STATES, Kind, Severity

KINDS = (Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET)
"""The kinds that a source may say; the others are the team's own words."""
FIELDS = frozenset(
    {
        "service", "state", "subject", "number", "actor", "title", "reason", "url", "environment",
        "ref", "revision", "previous", "time", "duration", "count", "total", "severity",
    }
)  # fmt: skip
MAX_RULES, MAX_EXPRESSION, MAX_EACH = 200, 1000, 100
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HEADER = re.compile(r"^\s*\[\[\s*rule\s*\]\]")
_DIGITS = {10: 1000, 13: 1, 16: 0.001, 19: 0.000_001}
"""The factor to milliseconds by a Unix time's number of digits: s, ms, µs, ns."""


class RulesError(ValueError):
    """A mistake in a rules file: the line, the rule, the expression and what is wrong with it."""


class RuleFailedError(Exception):
    """A rule matched, but its values make no line; the message says why."""


class _Functions(jmespath.functions.Functions):
    """Functions that JMESPath lacks: to take a branch out of a ref, a subject out of a message."""

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_lower(self, text: str | None) -> str | None:
        return text.lower() if text else text

    @jmespath.functions.signature({"types": ["string", "null"]})
    def _func_first_line(self, text: str | None) -> str | None:
        return first_line(text) if text else text

    @jmespath.functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_before(self, text: str | None, separator: str) -> str | None:
        return (text.rpartition(separator)[0] or text) if text and separator else text

    @jmespath.functions.signature({"types": ["string", "null"]}, {"types": ["string"]})
    def _func_after(self, text: str | None, separator: str) -> str | None:
        return text.rpartition(separator)[2] if text and separator else text


_FUNCTIONS = _Functions()


@dataclass(frozen=True)
class Expression:
    """One JMESPath expression and where it stands."""

    text: str
    line: int
    parsed: jmespath.parser.ParsedResult

    def value(self, document: object, budget: Budget) -> object:
        """Take its value from a document; null where it does not fit.

        Raises:
            TooCostlyError: there are not enough steps left.

        """
        try:
            found: object = Interpreter(_FUNCTIONS, budget).visit(self.parsed.parsed, document)
        except jmespath.exceptions.JMESPathError:
            return None  # a function was given another type, as a number where it wants a text
        return found


@dataclass(frozen=True)
class Rule:
    """One rule of a file."""

    name: str
    line: int
    match: Expression | None
    drop: str
    kind: Kind | None
    each: Expression | None
    id: Expression | None
    fields: Mapping[str, Expression]
    states: Mapping[str, str]


class _RuleTable(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    match: str = ""
    drop: str = ""
    kind: str = ""
    each: str = ""
    id: str = ""
    fields: dict[str, str] = {}
    states: dict[str, str] = {}


class _File(msgspec.Struct, forbid_unknown_fields=True):
    rule: list[dict[str, object]] = []


@lru_cache(maxsize=16)
def parse_rules(text: str) -> tuple[Rule, ...]:
    """Read the rules of a file's text.

    Raises:
        RulesError: the first mistake, with its line.

    """
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise RulesError(str(error)) from None
    try:
        tables = msgspec.convert(raw, _File).rule
    except msgspec.ValidationError as error:
        raise RulesError(str(error)) from None
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
        _rule(_table(raw_table, start), lines, start, end)
        for raw_table, start, end in zip(tables, starts, ends, strict=True)
    )


def _table(raw: dict[str, object], start: int) -> _RuleTable:
    try:
        return msgspec.convert(raw, _RuleTable)
    except msgspec.ValidationError as error:
        raise RulesError(f"line {start}: in this rule: {error}") from None


def _rule(table: _RuleTable, lines: Sequence[str], start: int, end: int) -> Rule:
    def line_of(key: str) -> int:
        pattern = re.compile(rf'(?:^|[{{,.\s])"?{re.escape(key)}"?\s*=')
        return next(
            (number for number in range(start, end) if pattern.search(lines[number - 1])), start
        )

    def wrong(key: str, what: str) -> RulesError:
        return RulesError(f"line {line_of(key)}: rule {table.name or start}: {what}")

    def compiled(key: str, text: str) -> Expression | None:
        if not text:
            return None
        if len(text) > MAX_EXPRESSION:
            raise wrong(key, f"{key} is longer than {MAX_EXPRESSION} characters")
        try:
            parsed = jmespath.compile(text)
        except jmespath.exceptions.JMESPathError as error:
            raise wrong(key, f"{key} = {text!r}: {' '.join(str(error).split())}") from None
        except RecursionError:
            parsed = None
        if parsed is None or depth(parsed) > MAX_DEPTH:
            raise wrong(key, f"{key} nests more than {MAX_DEPTH} deep; take it apart")
        return Expression(text, line_of(key), parsed)

    drop = table.drop
    if drop:
        if not _NAME.fullmatch(drop):
            raise wrong(
                "drop",
                f"drop = {drop!r}: the name of a reason is small letters, digits and hyphens, "
                "as 'not-production'",
            )
        if table.kind or table.fields or table.states:
            raise wrong(
                "drop", "a rule either drops or makes a line; take out drop, or kind and fields"
            )
        return Rule(
            table.name or drop,
            start,
            compiled("match", table.match),
            drop,
            None,
            None,
            None,
            {},
            {},
        )
    if table.kind not in KINDS:
        raise wrong("kind", f"kind = {table.kind!r} is not one of {', '.join(KINDS)}")
    kind = Kind(table.kind)
    for field in table.fields:
        if field not in FIELDS:
            raise wrong(
                field, f"there is no field {field!r}; there are {', '.join(sorted(FIELDS))}"
            )
    if "state" not in table.fields:
        raise wrong(
            "fields", "fields need a state, as state = \"'success'\" when it is always the same"
        )
    for theirs, ours in table.states.items():
        if ours not in STATES[kind]:
            raise wrong(theirs, f"state {ours!r} is not one of {kind}: {', '.join(STATES[kind])}")
    fields = {
        field: found
        for field, text in table.fields.items()
        if (found := compiled(field, text)) is not None
    }
    each, identity = compiled("each", table.each), compiled("id", table.id)
    return Rule(
        table.name or f"line {start}",
        start,
        compiled("match", table.match),
        "",
        kind,
        each,
        identity,
        fields,
        table.states,
    )


@dataclass(frozen=True)
class Match:
    """The values that a rule took from a document, before the event."""

    rule: Rule
    values: Mapping[str, object]
    identity: str


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
    identity = _text(rule.id.value(item, budget)) if rule.id is not None else ""
    return Match(rule, values, identity or f"{hashlib.sha256(body).hexdigest()}/{place}")


def event_of(match: Match, source: SourceInfo, received: int) -> Event:
    """Make the event of a match.

    Raises:
        RuleFailedError: the state is none that the rule or the stream knows.
        InvalidEventError: as `make_event`.

    """
    rule, values = match.rule, match.values
    if rule.kind is None:  # pragma: no cover - a rule that drops makes no match
        raise RuleFailedError("this rule drops")
    said = _text(values.get("state"))
    state = rule.states.get(said) or rule.states.get(said.lower(), said)
    if state not in STATES[rule.kind]:
        raise RuleFailedError(
            f"state {clean(said, 40)!r} is none of {rule.kind}'s; name it under [rule.states]"
        )
    service = source.service or _text(values.get("service")) or source.name
    title, number = _text(values.get("title")), _text(values.get("number"))
    environment = _text(values.get("environment")) or source.environment
    row = _text(values.get("subject")) or first_line(title) or rule.name
    time, late = moment(_time(values.get("time")), received)
    return make_event(
        kind=rule.kind,
        state=state,
        service=service,
        subject="/".join(part for part in (str(rule.kind), service, environment, row) if part),
        key=fact_key(f"rules/{source.name}", rule.kind, match.identity, state),
        time=time,
        severity=_severity(values.get("severity")),
        environment=environment,
        ref=_text(values.get("ref")),
        revision=_text(values.get("revision")),
        actor=_actor(_text(values.get("actor"))),
        title=title or _text(values.get("subject")),
        url=_text(values.get("url")),
        source=source.name,
        number=number or match.identity[:40],
        previous=_text(values.get("previous")),
        count=_whole(values.get("count")),
        total=_whole(values.get("total")),
        duration=_whole(values.get("duration")),
        reason=_text(values.get("reason")),
        quiet=late,
    )


def truthy(value: object) -> bool:
    """Judge as JMESPath does: zero is true; null, false, and what is empty are not."""
    return value is not None and value is not False and value not in ("", [], {})


def _actor(text: str) -> str:
    """Take the name of `name <mail>` or of a mail address."""
    return text.partition("<")[0].partition("@")[0].strip()


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def _whole(value: object) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    return (
        int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 53
        else 0
    )


def _time(value: object) -> int:
    if isinstance(value, str) and not (value.isascii() and value.isdigit()):
        return milliseconds(value)
    number = int(value) if isinstance(value, str) and len(value) < 20 else value
    if not isinstance(number, int | float) or isinstance(number, bool) or not 0 < number < 1e19:
        return 0
    return int(number * _DIGITS.get(len(str(int(number))), 0))


def _severity(value: object) -> Severity | None:
    word = _text(value).lower()
    return next((severity for severity in Severity if severity.word == word), None)
