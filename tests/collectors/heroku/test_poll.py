"""Heroku: releases and builds, the same rows by webhook and by API."""

from __future__ import annotations

import json

import pytest
from collecting import RECEIVED

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import heroku

POLLED = SourceInfo("heroku", url="https://api.heroku.com", options={"app": ("acme-shop",)})


@pytest.fixture
def told(reader):
    return reader("heroku", heroku.normalise)


def test_polling_gives_the_rows_of_the_webhooks(samples, told, rounds, row):
    release, build = (json.loads(samples("heroku")[name])["data"] for name in ("release", "build"))
    service = rounds(heroku, POLLED)
    service.say("/apps/acme-shop/releases", [release])
    service.say("/apps/acme-shop/builds", [build])
    assert [row(event) for event in service.round()] == [
        row(told.event("release")),
        row(told.event("build")),
    ]
    assert service.round() == []
    fresh = release | {"id": "next", "version": 43, "status": "pending"}
    service.say("/apps/acme-shop/releases", [fresh, release])
    assert [(event.number, event.state) for event in service.round()] == [("v43", "in_progress")]
    service.say("/apps/acme-shop/releases", [fresh | {"status": "failed"}, release])
    assert [(event.number, event.state) for event in service.round()] == [("v43", "failure")]


def test_the_newest_are_asked_for():
    releases, builds = heroku.requests(b"", POLLED, RECEIVED)
    assert releases.headers == {"range": "version ..; order=desc, max=10"}
    assert builds.headers == {"range": "started_at ..; order=desc, max=10"}
    assert releases.accept == "application/vnd.heroku+json; version=3"


@pytest.mark.parametrize("apps", [("../x",), ("Acme",), ("a",) * 51])
def test_a_wrong_app_is_said(apps):
    with pytest.raises(ValueError, match="names of apps"):
        heroku.check(SourceInfo("h", options={"app": apps}))
