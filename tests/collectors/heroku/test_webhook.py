"""Heroku: releases and builds, the same rows by webhook and by API."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import heroku
from devstream_desktop.stream.line import render

POLLED = SourceInfo("heroku", url="https://api.heroku.com", options={"app": ("acme-shop",)})


@pytest.fixture
def told(reader):
    return reader("heroku", heroku.normalise)


def test_a_release_of_code(told):
    deploy = told.event("release")
    assert_event(
        deploy, kind="deploy", state="success", service="acme-shop", environment="acme-shop"
    )
    assert_event(deploy, revision="9a8b7c6d", number="v42", actor="bo", duration=60_000)
    assert render(deploy) == "acme-shop  bo deployed 9a8b7c6d to acme-shop in 1m00s"
    named = told.event("release", source=SourceInfo("h", service="shop", environment="production"))
    assert (named.service, named.environment) == ("shop", "production")
    assert named.key == deploy.key


def test_the_states_of_a_release(told):
    begun = told.event("release", {"data": {"status": "pending"}})
    failed = told.event("release", {"data": {"status": "failed"}})
    assert (begun.state, begun.duration) == ("in_progress", 0)
    assert (failed.state, failed.reason) == ("failure", "the release command failed")
    assert begun.subject == failed.subject
    assert told.dropped("release", {"data": {"status": None}}) == "release-not-news"


def test_a_release_of_a_setting_names_it(told):
    release = told.event(
        "release", {"data": {"description": "Set PAYMENT_HOST config vars", "user": None}}
    )
    assert (
        render(release)
        == "acme-shop  bo deployed v42 to acme-shop in 1m00s — Set PAYMENT_HOST config vars"
    )
    assert (
        told.dropped("release", {"data": {"description": "Enable Logplex"}})
        == "release-of-a-new-app"
    )


def test_a_build(told):
    build = told.event("build")
    assert_event(build, kind="build", state="failed", service="acme-shop", actor="bo")
    assert (build.revision[:7], build.duration) == ("9a8b7c6", 60_000)
    assert "secret" not in build.url
    assert told.event("build", {"data": {"status": "pending"}}).state == "running"


@pytest.mark.parametrize("change", [{"resource": "dyno"}, {"resource": None}, {"data": None}])
def test_what_is_not_mapped_is_dropped_by_name(told, change):
    assert told.dropped("release", change) == "event-not-mapped"


def test_the_sample_for_a_test_of_the_source_makes_a_line():
    assert heroku.normalise(heroku.sample(POLLED, RECEIVED), POLLED).events[0].state == "success"


def test_whatever_comes_is_events_or_a_named_drop(samples, survives, any_answers):
    survives(
        heroku.normalise,
        [Delivery({}, body, RECEIVED) for body in samples("heroku").values()],
        POLLED,
    )
    any_answers(heroku, POLLED, [[json.loads(body)["data"] for body in samples("heroku").values()]])
