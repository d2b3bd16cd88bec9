"""The folding of lines into items, for any lines: nothing lost, nothing doubled, days in order."""

from __future__ import annotations

import time
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.desktop.windows.history.items import (
    Greens,
    Heading,
    Item,
    Row,
    Step,
    days,
    fold,
)
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import RED_STATES, STATES, Kind, Transition


def folded(made: list[Line], **how: object) -> list[Item]:
    """The items of all days, as the model has them."""
    return [item for day, lines in days(made) for item in fold(day, lines, **how)]


NOON = int(datetime(2026, 11, 25, 12, 0).astimezone().timestamp() * 1000)
HOUR = 3_600_000
KINDS = (Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET)


def a_line(place: int, received: int) -> Line:
    key = fact_key("t", Kind.TICKET, str(place))
    event = make_event(
        kind=Kind.TICKET, state="opened", service="shop", subject="x", key=key, time=received
    )
    return Line(
        id=1000 - place,
        arrival=place,
        event=event,
        entry=str(place),
        received=received,
        device="d",
        author="x",
        transition=Transition.NONE,
        superseded=False,
    )


@st.composite
def lines(draw: st.DrawFn) -> list[Line]:
    """Some rows over three days, newest first."""
    count = draw(st.integers(0, 25))
    made = []
    for number in range(count):
        kind = draw(st.sampled_from(KINDS))
        state = draw(st.sampled_from(STATES[kind]))
        time = NOON - number * draw(st.integers(0, 5)) * HOUR
        event = make_event(
            kind=kind,
            state=state,
            service=draw(st.sampled_from(["shop", "search"])),
            subject=draw(st.sampled_from(["x", "y"])),
            revision=draw(st.sampled_from(["", "aa" * 20, "bb" * 20])),
            key=fact_key("t", kind, str(number)),
            time=time,
        )
        made.append((time, event))
    made.sort(key=lambda one: -one[0])
    return [
        Line(
            id=1000 - place,
            arrival=place,
            event=event,
            entry=str(place),
            received=time,
            device="d",
            author="x",
            transition=Transition.NONE,
            superseded=False,
            struck=draw(st.booleans()) if place % 7 == 0 else False,
        )
        for place, (time, event) in enumerate(made)
    ]


@given(lines())
def test_every_line_is_in_exactly_one_item(made: list[Line]) -> None:
    items = folded(made)
    held = [line.id for item in items if isinstance(item, (Row, Greens)) for line in item.lines]
    assert sorted(held) == sorted(line.id for line in made)
    assert len({item.key for item in items}) == len(items)


@given(lines())
def test_days_come_once_and_items_newest_first_within(made: list[Line]) -> None:
    items = folded(made)
    days = [item.day for item in items if isinstance(item, Heading)]
    assert days == sorted(set(days), reverse=True)
    newest = [
        max(line.id for line in item.lines) for item in items if isinstance(item, (Row, Greens))
    ]
    assert newest == sorted(newest, reverse=True)


@given(lines())
def test_each_line_stands_below_its_own_day(made: list[Line]) -> None:
    for day, of_day in days(made):
        for line in of_day:
            assert datetime.fromtimestamp(line.received / 1000).astimezone().date() == day


def test_a_day_of_a_clock_change_begins_at_its_midnight(monkeypatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        # In 2026 summer time ended at 3:00 on 25 October.
        moments = [datetime(2026, 10, 25, hour, 30).astimezone() for hour in (23, 12, 4, 0)]
        moments.append(datetime(2026, 10, 24, 23, 30).astimezone())
        made = [a_line(place, int(at.timestamp() * 1000)) for place, at in enumerate(moments)]
        assert [(day.day, len(of_day)) for day, of_day in days(made)] == [(25, 4), (24, 1)]
    finally:
        monkeypatch.undo()
        time.tzset()


@given(lines())
def test_red_is_never_folded_away(made: list[Line]) -> None:
    for item in folded(made):
        if isinstance(item, Greens):
            assert not any((one.event.kind, one.event.state) in RED_STATES for one in item.lines)
        elif isinstance(item, Row):
            last = {topic_of(one.event): one for one in item.lines}.values()
            red = [one for one in last if (one.event.kind, one.event.state) in RED_STATES]
            assert not red or item.line in red


@given(lines())
def test_unfolded_items_are_followed_by_their_lines(made: list[Line]) -> None:
    keys = frozenset(item.key for item in folded(made))
    items = folded(made, unfolded=keys)
    steps = [item.line.id for item in items if isinstance(item, Step)]
    assert sorted(steps) == sorted(line.id for line in made)


@given(lines())
def test_a_search_shows_each_line(made: list[Line]) -> None:
    items = [item for item in folded(made, together=False) if not isinstance(item, Heading)]
    assert [item.line.id for item in items] == [line.id for line in made]
