"""Two repositories of one sender are two things, whatever their pipelines are called."""

from __future__ import annotations

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
