"""Deliveries of any JSON, read by rules (`rules.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import msgspec

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_collectors.kit.outcome import Dropped, gathered, tolerant
from devstream_collectors.sources.generic.bounded import TooCostlyError
from devstream_collectors.sources.generic.line import event_of
from devstream_collectors.sources.generic.rules import Match, Rule, apply, parse_rules
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import without_escapes
from devstream_desktop.stream.words import Kind

_TEST = "devstream-source-test"


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """Read the events of one delivery by the source's rules."""
    return read(parse_rules(source.text("rules")), delivery, source)


def read(rules: Sequence[Rule], delivery: Delivery, source: SourceInfo) -> Normalised:
    """Read the events of one delivery.

    Raises:
        Dropped: there is none.
        msgspec.MsgspecError: it is no JSON.

    """
    document = msgspec.json.decode(delivery.body)
    # A coloured word would match no rule. In JSON the escape character is always spelt out.
    if b"\\u001" in delivery.body:
        _take_escapes_out(document)
    if isinstance(document, dict):
        if _TEST in document:
            return Normalised((_test_event(source, delivery.received),))
        document["_headers"] = dict(delivery.headers)
    matches = _matches(rules, document, delivery.body)
    makers = [partial(event_of, match, source, delivery.received) for match in matches]
    events, dropped, detail = gathered(makers)
    if not events:
        rule = matches[0].rule.name if matches else ""
        raise Dropped(next(iter(dropped), "empty-list"), detail or f"rule {rule}".strip())
    return Normalised(events, detail=detail)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a delivery that passes by the rules: it shows the way in, not the mapping."""
    return Delivery({}, msgspec.json.encode({_TEST: now}), now)


def _matches(rules: Sequence[Rule], document: object, body: bytes) -> list[Match]:
    try:
        rule, matches = apply(rules, document, body)
    except TooCostlyError as error:
        raise Dropped("rules-too-costly", str(error)) from None
    if rule is None:
        raise Dropped("no-rule-matches")
    if rule.drop:
        raise Dropped(rule.drop, f"rule {rule.name}")
    return matches


def _take_escapes_out(document: object) -> None:
    """Take terminals' escape sequences out of a document's texts, in place."""
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict | list):
            continue
        for place, value in part.items() if isinstance(part, dict) else enumerate(part):
            if isinstance(value, str):
                part[place] = without_escapes(value)
            else:
                waiting.append(value)


def _test_event(source: SourceInfo, now: int) -> Event:
    return make_event(
        kind=Kind.SOURCE,
        state="active",
        service=source.name,
        subject=f"source/{source.name}",
        key=fact_key(f"rules/{source.name}", Kind.SOURCE, "test", str(now)),
        time=now,
        source=source.name,
        number=str(now),
        title="test",
        quiet=True,
    )
