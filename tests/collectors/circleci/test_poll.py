"""CircleCI asked through its API: the rows of its webhooks, re-runs included, little asked."""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import circleci
from devstream_collectors.sources.circleci import poll as circleci_poll

PROJECT, LIST = "/api/v2/project/gh/acme/shop", "/api/v2/project/gh/acme/shop/pipeline"
SOURCE = SourceInfo("ci", url="https://circleci.com", options={"project": "gh/acme/shop"})
SHOP = {
    "slug": "gh/acme/shop",
    "name": "shop",
    "vcs_info": {"provider": "GitHub", "default_branch": "main"},
}


@pytest.fixture
def hook(reader):
    return reader("circleci", circleci.normalise)


@pytest.fixture
def told(samples):
    """The webhook's pipeline and workflow, as the API has them."""
    body = json.loads(samples("circleci")["workflow"])
    pipeline = body["pipeline"] | {
        "trigger": {"type": "webhook", "actor": {"login": "Ana"}},
        "trigger_parameters": None,
    }
    workflow = {key: value for key, value in body["workflow"].items() if key != "url"}
    return pipeline, workflow


@pytest.fixture
def circle(rounds, told):
    circle = rounds(circleci, SOURCE)
    circle.say(PROJECT, SHOP)
    circle.say(LIST, {"items": []})
    return circle


def asked_for(pipeline: dict[str, object]) -> str:
    return f"/api/v2/pipeline/{pipeline['id']}/workflow"


def test_a_workflow_is_the_row_of_its_webhook(circle, told, hook, row):
    pipeline, workflow = told
    assert circle.round() == []
    circle.say(LIST, {"items": [pipeline]})
    circle.say(
        asked_for(pipeline), {"items": [workflow | {"status": "running", "stopped_at": None}]}
    )
    (running,) = circle.round()
    assert (running.state, running.actor) == ("running", "Ana")
    assert circle.round() == []
    circle.say(asked_for(pipeline), {"items": [workflow]})
    (failed,) = circle.round()
    assert row(failed) == row(hook.event("workflow"))
    assert (failed.url, failed.duration) == (hook.event("workflow").url, 180_000)
    assert (running.subject, running.number) == (failed.subject, failed.number)
    circle.say(
        asked_for(pipeline), {"items": [workflow | {"id": "again", "status": "success"}, workflow]}
    )
    (again,) = circle.round()
    assert (again.state, again.number) == ("succeeded", failed.number)


def test_no_text_of_a_push_makes_the_cursor_large(circle, told):
    pipeline, workflow = told
    circle.round()
    # Of a pipeline whose host tells it to CircleCI in words of its own.
    said = {"branch": "main", "commit_title": "t" * 9000, "commit_message": "m" * 70_000}
    vcs = pipeline["vcs"] | {"commit": {"subject": "\U0001f600" * 70_000}}
    many = [
        pipeline
        | {"id": f"{number:036}", "number": number}
        | ({"vcs": vcs} if number % 2 else {"vcs": None, "trigger_parameters": {"gitlab": said}})
        for number in range(60, 0, -1)
    ]
    circle.say(LIST, {"items": many})
    for one in many:
        runs = [workflow | {"id": f"w{one['number']:035}", "status": "running", "stopped_at": ""}]
        circle.say(asked_for(one), {"items": runs})
    assert len(circle.round()) == 60
    assert circle.round() == []


def test_first_contact_asks_for_few(circle, told):
    pipeline, workflow = told
    many = [pipeline | {"id": f"p{number}", "number": number} for number in range(40, 20, -1)]
    circle.say(LIST, {"items": many})
    for one in many:
        circle.say(asked_for(one), {"items": [workflow | {"id": f"w{one['number']}"}]})
    assert [event.number for event in circle.round()] == ["36", "37", "38", "39", "40"]
    assert len(circle.asked) == 2 + 5


def test_a_pipeline_that_waits_is_followed_and_one_that_is_over_is_not(circle, told):
    pipeline, workflow = told
    circle.round()
    circle.say(LIST, {"items": [pipeline]})
    circle.say(
        asked_for(pipeline), {"items": [workflow | {"status": "on_hold", "stopped_at": None}]}
    )
    assert circle.round() == []
    assert circle.dropped == {"run-not-news": 1}
    later = [pipeline | {"id": f"p{number}", "number": number} for number in range(140, 130, -1)]
    circle.say(LIST, {"items": later})
    for one in later:
        circle.say(asked_for(one), {"items": [workflow | {"id": f"w{one['number']}"}]})
    assert len(circle.round()) == 10
    circle.say(asked_for(pipeline), {"items": [workflow]})
    assert [event.number for event in circle.round()] == ["130"]
    before = len(circle.asked)
    assert circle.round() == []
    assert len(circle.asked) - before == 1 + circleci_poll.WATCHED


def test_only_the_branches_that_count_are_asked_for(circle, rounds, told):
    pipeline, _ = told
    topic = pipeline | {"vcs": pipeline["vcs"] | {"branch": "topic"}}
    circle.round()
    circle.say(LIST, {"items": [topic]})
    assert circle.round() == []
    assert not any("workflow" in path for path in circle.asked)
    other = rounds(
        circleci,
        SourceInfo("ci", ("to*",), url="https://circleci.com", options={"project": "gh/acme/shop"}),
    )
    other.like(circle)
    other.say(asked_for(topic), {"items": []})
    other.round()
    assert any("workflow" in path for path in other.asked)


@pytest.mark.parametrize(
    "name", ["acme/shop", "gh/acme/shop/x", "https://circleci.com/gh/acme/shop", "gh/acme/sh op"]
)
def test_a_wrong_name_is_said_when_the_source_is_added(name):
    with pytest.raises(ValueError, match="slug"):
        circleci.check(SourceInfo("x", options={"project": name}))
    circleci.check(SourceInfo("x", options={"project": "gh/acme/shop"}))
    circleci.check(SourceInfo("x"))


def test_any_answer_is_understood_or_refused(any_answers, told):
    pipeline, workflow = told
    any_answers(circleci_poll, SOURCE, [SHOP, {"items": [pipeline]}, {"items": [workflow]}])
