"""CCTray: feeds of four servers, a line for each build that ended, and no trust in the XML."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, assert_event
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import Polled, Response, SourceInfo
from devstream_collectors.sources import cctray

URL = "https://ci.example.org/cc.xml"
SOURCE = SourceInfo("tray", url=URL)
SHOP = {
    "name": "shop",
    "activity": "Sleeping",
    "lastBuildStatus": "Failure",
    "lastBuildLabel": "93",
    "lastBuildTime": "2027-01-15T07:59:00Z",
    "webUrl": "https://ci.example.org/job/shop/",
}


class Feed:
    def __init__(self, source: SourceInfo = SOURCE) -> None:
        self.source, self.cursor, self.dropped = source, b"", dict[str, int]()

    def answer(self, body: bytes) -> Polled:
        (request,) = cctray.requests(self.cursor, self.source, RECEIVED)
        polled = cctray.parse(Response(request, 200, {}, body, RECEIVED), self.cursor, self.source)
        self.cursor, self.dropped = polled.cursor, dict(polled.dropped)
        return polled

    def say(self, *projects: dict[str, str], root: str = "<Projects>"):
        text = "".join(
            "<Project " + " ".join(f'{key}="{value}"' for key, value in one.items()) + "/>"
            for one in projects
        )
        return self.answer(
            f'<?xml version="1.0" encoding="UTF-8"?>\n{root}{text}</Projects>'.encode()
        ).events


def test_the_feed_is_asked_for_as_it_is():
    (request,) = cctray.requests(b"", SOURCE, RECEIVED)
    assert (request.path, request.method) == (URL, "GET")


def test_each_build_that_ends_is_one_line():
    feed = Feed()
    (first,) = feed.say(SHOP)
    assert_event(first, kind="build", state="failed", service="shop", subject="build/shop//shop")
    assert_event(
        first,
        number="93",
        title="shop",
        url="https://ci.example.org/job/shop/",
        time=RECEIVED - 60_000,
    )
    assert feed.say(SHOP) == ()
    assert feed.say(SHOP | {"activity": "Building"}) == ()
    (fixed,) = feed.say(
        SHOP
        | {
            "lastBuildStatus": "Success",
            "lastBuildLabel": "94",
            "lastBuildTime": "2027-01-15T07:59:50Z",
        }
    )
    assert_event(fixed, state="succeeded", subject=first.subject, number="94", quiet=False)
    assert fixed.key != first.key
    again = Feed(SourceInfo("another", url=URL))
    assert again.say(SHOP)[0].key == first.key, "a second collector tells the same fact"


@pytest.mark.parametrize(
    ("status", "state"), [("Success", "succeeded"), ("FAILURE", "failed"), ("Exception", "errored")]
)
def test_statuses(status, state):
    assert Feed().say(SHOP | {"lastBuildStatus": status})[0].state == state


def test_k5_the_first_build_of_a_project_is_news():
    feed = Feed()
    assert feed.say(SHOP | {"lastBuildStatus": "Unknown", "lastBuildLabel": ""}) == ()
    assert feed.dropped == {"status-unknown": 1}
    (event,) = feed.say(SHOP)
    assert not event.quiet


def test_k5_a_feed_that_says_no_result_while_a_build_runs_loses_none():
    feed = Feed()
    feed.say(SHOP)
    building = SHOP | {"lastBuildStatus": "Unknown", "activity": "Building"}
    assert feed.say(building) == ()
    assert feed.say(SHOP) == (), "it is the build that was told"
    assert feed.say(building) == ()
    (failed,) = feed.say(SHOP | {"lastBuildLabel": "94", "lastBuildTime": "2027-01-15T08:00:00Z"})
    assert_event(failed, state="failed", number="94", quiet=False)


def test_k5_a_time_without_a_zone_is_not_believed():
    (event,) = Feed().say(SHOP | {"lastBuildTime": "2027-01-15T03:59:00"})
    assert event.time == RECEIVED


def test_k5_without_number_and_time_each_change_of_the_result_has_one_row():
    feed = Feed()
    plain = {
        name: text for name, text in SHOP.items() if name not in ("lastBuildLabel", "lastBuildTime")
    }
    told = [
        feed.say(plain | {"lastBuildStatus": word}) for word in ("Failure", "Success", "Failure")
    ]
    (first,), (second,), (third,) = told
    assert first.key == third.key != second.key
    assert first.number == second.number == third.number


def test_a_project_that_is_missing_for_a_while_was_not_deleted():
    feed = Feed()
    feed.say(SHOP)
    assert feed.say() == ()
    assert feed.say(SHOP) == ()


@pytest.mark.parametrize(
    ("name", "service", "title"),
    [
        ("shop", "shop", "shop"),
        ("acme/shop", "shop", "acme/shop"),
        ("Acme / Shop :: Build", "Shop", "Build"),
        ("Acme » Shop » main", "Shop", "Shop/main"),
        ("shop :: unit-tests", "shop", "unit-tests"),
    ],
)
def test_names(name, service, title):
    (event,) = Feed().say(SHOP | {"name": name})
    assert (event.service, event.title) == (service, title)


def test_gocds_jobs_are_told_by_their_stage():
    feed = Feed()
    (event,) = feed.say(SHOP | {"name": "shop :: test"}, SHOP | {"name": "shop :: test :: unit"})
    assert event.title == "test"
    assert feed.dropped == {"part-of-another": 1}


def test_only_the_projects_that_count():
    feed = Feed(SourceInfo("tray", url=URL, options={"project": ("sho*",)}))
    assert len(feed.say(SHOP, SHOP | {"name": "till"})) == 1


def test_what_teamcity_and_ccnet_write_around_it():
    assert len(Feed().say(SHOP, root='<Projects xmlns="http://www.thoughtworks.com/cc">')) == 1
    odd = {
        "name": "shop",
        "lastBuildStatus": "Success",
        "lastBuildTime": "2027-01-15T07:59:00.0000000-00:00",
        "webUrl": "javascript:x",
    }
    (event,) = Feed().say(odd, {"activity": "Sleeping"})
    assert_event(event, time=RECEIVED - 60_000, url="", number="2027-01-15T07:59:00.0000000-00:00")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no XML"),
        (b"<html><body>Sign in</body></html>", "not of Projects"),
        (b"<Projects><Project", "no XML"),
        (b"{}", "no XML"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Projects><Project name="&a;"/></Projects>', "Entities"),
        (
            (
                b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
                b'<Projects><Project name="&a;"/></Projects>'
            ),
            "Entities",
        ),
    ],
)
def test_what_is_no_such_feed_is_refused(body, why):
    with pytest.raises(ValueError, match=why):
        Feed().answer(body)


def test_a_feed_that_is_too_large_says_what_to_do():
    many = [SHOP | {"name": f"shop-{number}"} for number in range(cctray.MAX_PROJECTS)]
    feed = Feed()
    assert len(feed.say(*many)) == cctray.MAX_PROJECTS
    assert len(feed.cursor) < 64 * 1024
    with pytest.raises(ValueError, match="--project"):
        feed.say(*many, SHOP)


TEXT = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters='<&"'), max_size=30
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(sorted(SHOP)), TEXT), max_size=4))
def test_whatever_a_feed_holds_is_events_or_counted(projects):
    feed = Feed()
    named = [one for one in projects if one.get("name", "").strip()]
    events = feed.say(*projects)
    assert len(events) + sum(feed.dropped.values()) <= len(named)
    assert bool(events or feed.dropped) == bool(named)
    assert 0 < len(feed.cursor) < 64 * 1024
