"""Two repositories of one sender are two things, whatever their pipelines are called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from collecting import HERE, RECEIVED, headers_of
from goldens import samples

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_desktop.intake.registry import webhook_collector
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.words import Kind

WITH_IDS = {"azuredevops", "heroku"}
"""Their pipelines and apps have ids of their own, which another name does not change."""
KINDS = (Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY)
RULES = HERE.parents[1] / "resources" / "rules"
BY_RULES = {file.stem for file in RULES.glob("*.toml")}


def events(sample: Path, body: str, source: SourceInfo | None = None) -> tuple[Event, ...]:
    kind = sample.parent.parent.name
    delivery = Delivery(headers_of(kind, sample.stem), body.encode(), RECEIVED)
    return webhook_collector(kind).normalise(delivery, source or SourceInfo(kind)).events


def told() -> list[Path]:
    """The samples that tell of a repository, a pipeline or a deploy."""
    known = [path for path in samples() if path.parent.parent.name not in WITH_IDS]
    return [path for path in known if any(e.kind in KINDS for e in events(path, path.read_text()))]


@pytest.mark.parametrize("sample", told(), ids=lambda path: str(path.relative_to(HERE)))
def test_another_services_line_is_about_another_thing(sample: Path) -> None:
    body = sample.read_text()
    for event in events(sample, body):
        if event.kind not in KINDS or event.service not in body:
            continue
        other = body.replace(event.service, f"zz{event.service[2:]}")
        assert topic_of(event) not in map(topic_of, events(sample, other))


@pytest.mark.parametrize("name", ["drone/samples/failure", "woodpecker/samples/failure"])
def test_a_fork_of_one_name_is_another_thing(name: str) -> None:
    sample = HERE / f"{name}.json"
    body = sample.read_text()
    # One name for all of a source does not make them one thing.
    source = SourceInfo("ci", service="Shop")
    (ours,) = events(sample, body, source)
    (theirs,) = events(sample, body.replace("acme/shop", "dev1/shop"), source)
    assert ours.service == theirs.service == "Shop"
    assert topic_of(ours) != topic_of(theirs)


def alerts() -> list[Path]:
    """The samples of alerts that a rule file reads."""
    known = [path for path in samples() if path.parent.parent.name in BY_RULES]
    return [
        path
        for path in known
        if any(e.kind is Kind.INCIDENT for e in events(path, path.read_text()))
        # It has an id of its own, and its end may say another component.
        and path.parent.parent.name != "statuspage"
    ]


@pytest.mark.parametrize("sample", alerts(), ids=lambda path: str(path.relative_to(HERE)))
def test_the_end_of_one_services_alert_ends_no_others(sample: Path) -> None:
    body = sample.read_text()
    for event in events(sample, body):
        if event.service not in body:
            continue
        other = body.replace(event.service, f"zz{event.service[2:]}")
        others = [one for one in events(sample, other) if one.service != event.service]
        assert topic_of(event) not in map(topic_of, others)


def test_an_incident_of_a_status_page_ends_whatever_components_it_has() -> None:
    sample = HERE / "statuspage" / "samples" / "incident.json"
    body = json.loads(sample.read_text())
    topics = set()
    for name in ("Checkout", "Search"):
        body["incident"]["components"] = [{"name": name}]
        (event,) = events(sample, json.dumps(body))
        topics.add(topic_of(event))
    assert len(topics) == 1
