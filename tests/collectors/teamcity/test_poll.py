"""TeamCity asked through its API: the rows of its webhooks, nothing missed."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.polling import Step
from devstream_collectors.sources import teamcity
from devstream_collectors.sources.teamcity import poll as teamcity_poll

PATH = "/app/rest/builds"
SOURCE = SourceInfo("tc", url="https://ci.example.org", options={"project": "Shop"})


@pytest.fixture
def bodies(samples):
    found = {
        name: json.loads(body)["payload"]
        for name, body in samples("teamcity").items()
        if name.startswith("BUILD_") and "." not in name
    }
    return {
        name: {key: value for key, value in body.items() if key != "href"}
        for name, body in found.items()
    }


@pytest.fixture
def city(rounds):
    city = rounds(teamcity, SOURCE)
    city.say(PATH, {"count": 0})
    return city


@pytest.fixture
def hook(reader):
    return reader("teamcity", teamcity.normalise)


def test_what_is_asked(city, rounds):
    city.round()
    query = parse_qs(urlsplit(city.asked[0]).query)
    assert query["locator"] == [
        "defaultFilter:false,running:any,personal:false,branch:(default:true),affectedProject:(id:Shop),start:0,count:50"
    ]
    assert "href" not in query["fields"][0]
    every = rounds(teamcity, SourceInfo("tc", ("release/*",), options={"build_type": "Shop_Build"}))
    every.like(city)
    every.round()
    (locator,) = parse_qs(urlsplit(every.asked[0]).query)["locator"]
    assert "branch:(default:any),buildType:(id:Shop_Build)" in locator


@pytest.mark.parametrize("end", ["BUILD_FINISHED", "BUILD_INTERRUPTED"])
def test_builds_are_the_rows_of_their_webhooks(city, bodies, hook, row, end):
    assert city.round() == []
    for name in ("BUILD_STARTED", end):
        city.say(PATH, {"count": 1, "build": [bodies[name]]})
        (event,) = city.round()
        assert row(event) == row(hook.event(name))
        assert city.round() == []


def test_a_build_under_way_that_left_the_page_is_asked_for(city, bodies):
    city.say(PATH, {"build": [bodies["BUILD_STARTED"]]})
    city.round()
    city.say(
        PATH,
        {"build": [bodies["BUILD_FINISHED"] | {"id": number} for number in range(9030, 9000, -1)]},
    )
    city.say(f"{PATH}/id:8134", bodies["BUILD_FINISHED"])
    assert "8134" in {event.number for event in city.round()}
    asked = len(city.asked)
    assert city.round() == []
    assert len(city.asked) == asked + 1


def test_a_build_that_was_deleted_is_forgotten(city, bodies):
    city.say(PATH, {"build": [bodies["BUILD_STARTED"]]})
    city.round()
    city.say(PATH, {"build": None})
    assert city.round() == city.round() == []
    assert sum("id:8134?" in path for path in city.asked) == 1


def test_more_news_than_a_page(city, bodies):
    ended = bodies["BUILD_FINISHED"]
    city.say(PATH, {"build": [ended]})
    city.round()

    def page(start: int, first: int) -> None:
        request = teamcity_poll._page(SOURCE, Step("builds", count=start // 50 + 1))
        city.say(
            request.path,
            {"build": [ended | {"id": number} for number in range(first, first - 50, -1)]},
        )

    page(0, 8234)
    page(50, 8184)
    page(100, 8134)
    assert len(city.round()) == 100 + 49
    assert city.round() == []


def test_a_build_in_a_state_that_nobody_knows_is_counted_once(city, bodies):
    city.say(PATH, {"build": [bodies["BUILD_FINISHED"] | {"status": "NEW"}]})
    assert city.round() == city.round() == []
    assert city.dropped == {"state-not-mapped": 1}


@pytest.mark.parametrize("name", ["Acme / Shop", "Shop),personal:any", "a:b"])
def test_a_wrong_name_is_said_when_the_source_is_added(name):
    with pytest.raises(ValueError, match="id"):
        teamcity.check(SourceInfo("x", options={"project": name}))
    teamcity.check(SourceInfo("x", options={"project": "Acme_Shop"}))
    teamcity.check(SourceInfo("x"))


def test_any_answer_is_understood_or_refused(any_answers, bodies):
    any_answers(teamcity_poll, SOURCE, [*bodies.values(), {"build": list(bodies.values())}])
