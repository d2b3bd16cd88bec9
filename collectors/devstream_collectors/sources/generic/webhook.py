"""Anything that posts JSON, by a team's own rules (rules.py): the way in for senders that no module knows."""

from __future__ import annotations

import msgspec

from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    Option,
    SecretPath,
    SignatureScheme,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.generic.rules import RuleFailedError, apply, event_of, parse_rules
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind

_HEADERS = ("x-event", "x-event-key", "x-event-name", "x-event-type")
COLLECTOR = Collector(
    title="any JSON, by JMESPath rules of your own",
    setup="""\
Write a rules file (begin with one of the examples in resources/rules, try it with `devstream rules test RULES.toml SAMPLE.json`) and give
it with --rules. In the sender, paste the address of your receiver with the path that is printed behind it. With --secret-file the sender
must send that secret: as `Authorization: Bearer`, as HTTP Basic (user:password), or as the key of an HMAC-SHA256 in `X-Hub-Signature-256`
or `X-Signature`. Without it the path itself is the secret.""",
    options=(Option("rules", "the TOML file with the rules", kind="file", needed="always"),),
    webhook=Webhook(
        auth=(
            SignatureScheme(header="x-hub-signature-256"),
            SignatureScheme(header="x-signature"),
            Token(),
            Basic(),
            SecretPath(),
        ),
        headers=_HEADERS,
    ),
)
_TEST = "devstream-source-test"


def check(source: SourceInfo) -> None:
    """See that the rules can be read.

    Raises:
        ValueError: the first mistake, with its line.

    """
    parse_rules(source.text("rules"))


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none."""
    document = msgspec.json.decode(delivery.body)
    if isinstance(document, dict):
        if _TEST in document:
            return Normalised((_test_event(source, delivery.received),))
        if headers := {name: value for name, value in delivery.headers.items() if name in _HEADERS}:
            document["_headers"] = headers
    rule, matches = apply(parse_rules(source.text("rules")), document, delivery.body)
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
        raise Dropped("state-not-mapped" if failed else "empty-list", failed or f"rule {rule.name}")
    return Normalised(tuple(events), detail=failed)


def sample(source: SourceInfo, now: int) -> Delivery:
    """A harmless delivery that passes by the rules: it shows the way in, not the mapping."""
    del source
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
