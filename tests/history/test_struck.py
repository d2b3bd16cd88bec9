"""Events of a revoked device beyond its end.

They are still there to be seen, struck out, and decide nothing.
"""

from __future__ import annotations

import pytest

from devstream_desktop.intake.occurrence import news_of
from devstream_desktop.stream.fact import fact_id
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.query_text import parse_query
from devstream_desktop.stream.words import Kind, Transition

RUN = {"subject": "build/shop/main", "number": "7"}


def add(history, arrival, *entries) -> None:
    history.add([arrival(entry, "peer") for entry in entries])


def shown(reader, **options) -> list[tuple[str, bool]]:
    return [(line.event.title, line.struck) for line in reader.page(Query(), **options)]


def test_what_is_beyond_the_end_is_struck_and_what_is_before_it_is_not(
    history, reader, feed, new_feed, make, arrival
) -> None:
    other = new_feed()
    add(
        history,
        arrival,
        *(feed.entry(make(title=title)) for title in ("one", "two", "three")),
        other.entry(make(title="honest")),
    )
    history.follow({}, {feed.feed[:32]: 0, feed.feed: 2})
    assert sorted(shown(reader)) == [
        ("honest", False),
        ("one", False),
        ("three", True),
        ("two", False),
    ]
    assert [line.event.title for line in reader.page(parse_query("three"))] == ["three"], (
        "it is still found"
    )
    history.follow({}, {feed.feed[:32]: 0})
    assert sorted(shown(reader)) == [
        ("honest", False),
        ("one", True),
        ("three", True),
        ("two", True),
    ]
    history.follow({}, {})
    assert {struck for _, struck in shown(reader)} == {False}


def test_a_struck_result_takes_no_rows_place_and_gives_no_row_its_meaning(
    history, reader, feed, new_feed, make, arrival
) -> None:
    thief = new_feed()
    add(
        history,
        arrival,
        feed.entry(make(Kind.BUILD, "failed", title="red", **RUN), clock=1000 << 16),
    )
    add(
        history,
        arrival,
        thief.entry(make(Kind.BUILD, "succeeded", title="a lie", **RUN), clock=2000 << 16),
    )
    add(
        history,
        arrival,
        feed.entry(
            make(Kind.BUILD, "failed", title="red again", **(RUN | {"number": "8"})),
            clock=3000 << 16,
        ),
    )
    before = [(line.event.title, line.transition) for line in reader.page(Query())]
    assert before == [("red again", Transition.FAILED), ("a lie", Transition.FIXED)], (
        "a lie that is believed hides the truth"
    )
    history.follow({}, {thief.feed[:32]: 0})
    after = [(line.event.title, line.transition, line.struck) for line in reader.page(Query())]
    assert after == [
        ("red again", Transition.STILL_FAILING, False),
        ("a lie", Transition.NONE, True),
        ("red", Transition.FAILED, False),
    ]
    history.follow({}, {})
    assert [(line.event.title, line.transition) for line in reader.page(Query())] == before


def test_a_fact_that_another_tells_too_is_no_lie(
    history, reader, feed, new_feed, make, arrival
) -> None:
    thief, event = new_feed(), make(title="true after all")
    add(history, arrival, thief.entry(event, clock=1000 << 16))
    history.follow({}, {thief.feed[:32]: 0})
    assert shown(reader) == [("true after all", True)]
    add(history, arrival, feed.entry(event, clock=2000 << 16))
    assert shown(reader) == [("true after all", False)]


def test_what_only_a_stolen_device_told_is_news_to_the_next_that_sees_it(
    history, reader, feed, new_feed, make, arrival, check_index
) -> None:
    thief = new_feed()
    alert = make(Kind.INCIDENT, "firing", subject="incident/shop/disk", title="disk full")
    fact = fact_id(alert, "")
    add(history, arrival, thief.entry(alert, clock=1000 << 16))
    assert history.knows(fact)
    history.follow({}, {thief.feed[:32]: 0})
    assert not history.knows(fact)
    assert news_of(alert, history) == alert
    add(history, arrival, feed.entry(alert, clock=2000 << 16))
    assert [thing.line.event.title for thing in reader.red_now()] == ["disk full"]
    assert history.knows(fact)
    assert [line.struck for line in reader.page(parse_query("disk"))] == [False]
    check_index()


def test_a_fact_that_another_had_told_later_is_its_again(
    history, reader, feed, new_feed, make, arrival, check_index
) -> None:
    thief, event = new_feed(), make(title="true after all")
    add(history, arrival, thief.entry(event, clock=1000 << 16), feed.entry(event, clock=2000 << 16))
    first = [line.id for line in reader.page(Query())]
    history.follow({}, {thief.feed[:32]: 0})
    assert shown(reader) == [("true after all", False)]
    assert [line.id for line in reader.page(parse_query("after"))] == [2000 << 16]
    history.follow({}, {})
    assert [line.id for line in reader.page(Query())] == first
    check_index()


@pytest.mark.parametrize("rebuilt", [False, True])
def test_it_stays_struck_after_a_restart_and_when_rows_are_made_anew(
    open_history, reader, feed, new_feed, make, arrival, rebuilt, sql
) -> None:
    history = open_history()
    add(history, arrival, *(feed.entry(make(title=title)) for title in ("one", "two")))
    history.follow({}, {feed.feed[:32]: 0, feed.feed: 1})
    if rebuilt:
        sql("UPDATE meta SET value = 0 WHERE name = 'index_version'")
    history.close()
    history = open_history()
    assert shown(reader) == [("two", True), ("one", False)]
    add(history, arrival, feed.entry(make(title="three")))
    assert shown(reader)[0] == ("three", True)
    history.close()


def test_what_is_struck_is_forgotten_with_the_rest(
    history, reader, feed, make, arrival, check_index
) -> None:
    entries = [feed.entry(make(title=f"n{number}")) for number in range(3)]
    add(history, arrival, *entries)
    history.follow({}, {feed.feed[:32]: 0})
    history.settle(feed.feed, 2, entries[1])
    assert shown(reader) == [("n2", True)]
    check_index()
