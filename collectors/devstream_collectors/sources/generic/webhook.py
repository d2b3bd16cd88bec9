"""Deliveries of any JSON, read by a team's own rules (`rules.py`)."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.sources.generic.bounded import TooCostlyError
from devstream_collectors.sources.generic.rules import RuleFailedError, apply, event_of, parse_rules
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind

HEADERS = ("x-event", "x-event-key", "x-event-name", "x-event-type")
_TEST = "devstream-source-test"


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """Read the events of one delivery."""
    document = msgspec.json.decode(delivery.body)
    if isinstance(document, dict):
        if _TEST in document:
            return Normalised((_test_event(source, delivery.received),))
        headers = {name: value for name, value in delivery.headers.items() if name in HEADERS}
        if headers:
            document["_headers"] = headers
    try:
        rule, matches = apply(parse_rules(source.text("rules")), document, delivery.body)
    except TooCostlyError as error:
        raise Dropped("rules-too-costly", str(error)) from None
    if rule is None:
        raise Dropped("no-rule-matches")
    if rule.drop:
        raise Dropped(rule.drop, f"rule {rule.name}")
    events = []
    failed = ""
    for match in matches:
        try:
            events.append(event_of(match, source, delivery.received))
        except RuleFailedError as error:
            failed = str(error)
    if not events:
        reason = "state-not-mapped" if failed else "empty-list"
        raise Dropped(reason, failed or f"rule {rule.name}")
    return Normalised(tuple(events), detail=failed)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a delivery that passes by the rules: it shows the way in, not the mapping."""
    return Delivery({}, msgspec.json.encode({_TEST: now}), now)


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
