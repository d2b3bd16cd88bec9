"""The rules that ship with devstream: each is a type of source, tried with samples of its own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from collecting import HERE, RECEIVED, headers_of, samples_of

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources.generic.rules import parse_rules, parse_sender
from devstream_desktop.intake.registry import collector_names, webhook_collector

FOLDER = HERE.parents[1] / "resources" / "rules"
FILES = sorted(FOLDER.glob("*.toml"))
NAMES = [file.stem for file in FILES]
each_file = pytest.mark.parametrize("file", FILES, ids=NAMES)
each_name = pytest.mark.parametrize("name", NAMES)


def deliveries(name: str) -> list[Delivery]:
    """The samples of a type as they are posted."""
    return [
        Delivery(headers_of(name, sample), body, RECEIVED)
        for sample, body in samples_of(name).items()
    ]


@each_file
def test_a_file_is_a_type_of_source_that_says_how_it_is_set_up(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    sender = parse_sender(text)
    assert sender is not None
    assert re.fullmatch(r"https://[^\s]+", sender.docs)
    assert "path that is printed" in sender.setup
    assert all(header == header.lower() for header in sender.headers)
    about = webhook_collector(file.stem).COLLECTOR
    assert file.stem in collector_names()
    assert about.title == sender.title
    assert set(about.kinds) == {rule.kind for rule in parse_rules(text) if rule.kind}


@each_name
def test_each_rule_of_a_file_decides_on_a_sample(name: str) -> None:
    rules = parse_rules((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    decided = {delivery.body: _deciding(name, delivery) for delivery in deliveries(name)}
    assert {rule.line for rule in rules} <= set(decided.values())


@each_name
def test_whatever_is_sent_is_events_or_a_named_drop(name: str, survives) -> None:
    survives(webhook_collector(name).normalise, deliveries(name), SourceInfo(name))


@each_name
def test_what_ends_closes_the_row_that_it_began(name: str) -> None:
    events = [
        event
        for delivery in deliveries(name)
        for event in webhook_collector(name).normalise(delivery, SourceInfo(name)).events
    ]
    ends = {"resolved", "closed", "success"}
    begun = {(one.subject, one.number) for one in events if one.state not in ends}
    over = [one for one in events if one.state in ends]
    begins = {"firing", "opened", "in_progress"}
    if over and any(one.state in begins for one in events):
        assert any((one.subject, one.number) in begun for one in over)


@each_name
def test_one_post_twice_is_one_fact_and_each_sample_another(name: str) -> None:
    normalise, source = webhook_collector(name).normalise, SourceInfo(name)
    keys: dict[str, tuple[object, ...]] = {}
    for delivery in deliveries(name):
        made = normalise(delivery, source)
        assert normalise(delivery, source) == made
        for event in made.events:
            what = (event.kind, event.state, event.subject, event.time)
            assert keys.setdefault(event.key, what) == what


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("airbrake", "error"),
        ("canary", "token"),
        ("datadog", "proposed"),
        ("freshping", "error"),
        ("healthchecks", "down"),
        ("pingdom", "down"),
        ("raygun", "reoccurred"),
        ("statuscake", "down"),
        ("updown", "down"),
        ("uptimekuma", "down"),
        ("uptimerobot", "down"),
        ("uptimerobot", "without-a-time"),
    ],
)
def test_what_fires_again_on_another_day_is_a_new_fact(name: str, sample: str) -> None:
    body, day = samples_of(name)[sample], 86_400_000
    other = body.replace(b"2027-01-15", b"2027-01-14").replace(b"17999", b"17998")
    # Datadog's events have ids of their own.
    other = other.replace(b'"8001"', b'"8000"')
    keys = set()
    for text, received in ((body, RECEIVED), (other, RECEIVED - day)):
        delivery = Delivery(headers_of(name, sample), text, received)
        (event,) = webhook_collector(name).normalise(delivery, SourceInfo(name)).events
        keys.add(event.key)
    assert len(keys) == 2


@each_name
def test_the_test_of_a_source_passes_by_the_rules(name: str) -> None:
    collector = webhook_collector(name)
    source = SourceInfo(name)
    (event,) = collector.normalise(collector.sample(source, RECEIVED), source).events
    assert event.quiet


@each_name
def test_real_payloads_make_clean_lines(name: str, payloads, check_payloads) -> None:
    files = sorted((payloads / name).iterdir()) if (payloads / name).is_dir() else []
    if not files:
        pytest.skip("no real payload of it is at hand")
    check_payloads(name, webhook_collector(name).normalise, files)


def _deciding(name: str, delivery: Delivery) -> int:
    from devstream_collectors.sources.generic.rules import apply

    rules = parse_rules((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    document = json.loads(delivery.body)
    if isinstance(document, dict):
        document["_headers"] = dict(delivery.headers)
    rule, _ = apply(rules, document, delivery.body)
    return rule.line if rule else 0
