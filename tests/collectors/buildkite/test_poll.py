"""Buildkite asked through its API: the rows of its webhooks, nothing missed."""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import buildkite

PATH = "/organizations/acme/builds"


@pytest.fixture
def bodies(samples):
    """A build as the API has it, by its state: with its pipeline in it."""
    found = {name: json.loads(body) for name, body in samples("buildkite").items()}
    return {
        name: found[name]["build"] | {"pipeline": found[name]["pipeline"]}
        for name in found
        if name.startswith("build.")
    }


@pytest.fixture
def kite(rounds):
    kite = rounds(
        buildkite,
        SourceInfo("bk", url="https://api.buildkite.com/v2", options={"organization": "acme"}),
    )
    kite.say(PATH, [])
    return kite


@pytest.fixture
def hook(reader):
    return reader("buildkite", buildkite.normalise)


def test_builds_are_the_rows_of_their_webhooks(kite, bodies, hook, row):
    assert kite.round() == []
    for name in ("build.scheduled", "build.running", "build.finished"):
        kite.say(PATH, [bodies[name]])
        (event,) = kite.round()
        assert row(event) == row(hook.event(name))
        assert kite.round() == []


def test_a_build_under_way_that_left_the_page_is_asked_for(kite, bodies):
    kite.say(PATH, [bodies["build.running"]])
    kite.round()
    kite.say(
        PATH,
        [
            bodies["build.finished"] | {"number": number, "branch": "topic"}
            for number in range(90, 60, -1)
        ],
    )
    kite.say("/organizations/acme/pipelines/shop-ci/builds/27", bodies["build.finished"])
    assert [(event.number, event.state) for event in kite.round()] == [("27", "failed")]
    assert kite.dropped["not-a-global-branch"] == 30
    asked = len(kite.asked)
    assert kite.round() == []
    assert len(kite.asked) == asked + 1


def test_a_build_that_was_deleted_is_forgotten(kite, bodies):
    kite.say(PATH, [bodies["build.running"]])
    kite.round()
    kite.say(PATH, [bodies["build.finished"] | {"number": 90}])
    assert len(kite.round()) == 1
    assert kite.round() == []
    assert sum("builds/27" in path for path in kite.asked) == 1


def test_more_news_than_a_page(kite, bodies):
    kite.say(PATH, [bodies["build.finished"]])
    kite.round()
    ended = bodies["build.finished"]
    kite.say(
        f"{PATH}?exclude_jobs=true&per_page=50&page=1",
        [ended | {"number": number} for number in range(127, 77, -1)],
    )
    kite.say(
        f"{PATH}?exclude_jobs=true&per_page=50&page=2",
        [ended | {"number": number} for number in range(77, 26, -1)],
    )
    assert len(kite.round()) == 100
    assert not any("page=3" in path for path in kite.asked)
    assert kite.round() == []


def test_one_pipeline(rounds, bodies):
    source = SourceInfo(
        "bk",
        url="https://api.buildkite.com/v2",
        options={"organization": "acme", "pipeline": "shop-ci"},
    )
    kite = rounds(buildkite, source)
    kite.say("/organizations/acme/pipelines/shop-ci/builds", [bodies["build.finished"]])
    assert len(kite.round()) == 1


def test_any_answer_is_understood_or_refused(any_answers, bodies):
    source = SourceInfo("bk", url="https://api.buildkite.com/v2", options={"organization": "acme"})
    any_answers(buildkite, source, list(bodies.values()))
