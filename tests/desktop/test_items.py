"""The folding of lines into items, for any lines: nothing lost, nothing doubled, days in order."""

from __future__ import annotations

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.desktop.windows.history.items import Greens, Heading, Step, Thing, fold
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import RED_STATES, STATES, Kind, Transition

NOON = int(datetime(2026, 11, 25, 12, 0).astimezone().timestamp() * 1000)
HOUR = 3_600_000
KINDS = (Kind.CHANGE, Kind.BUILD, Kind.TEST, Kind.DEPLOY, Kind.INCIDENT, Kind.TICKET)


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
    items = fold(made)
    held = [line.id for item in items if isinstance(item, (Thing, Greens)) for line in item.lines]
    assert sorted(held) == sorted(line.id for line in made)
    assert len({item.key for item in items}) == len(items)


@given(lines())
def test_days_come_once_and_items_newest_first_within(made: list[Line]) -> None:
    items = fold(made)
    days = [item.day for item in items if isinstance(item, Heading)]
    assert days == sorted(set(days), reverse=True)
    newest = [
        max(line.id for line in item.lines) for item in items if isinstance(item, (Thing, Greens))
    ]
    assert newest == sorted(newest, reverse=True)


@given(lines())
def test_red_is_never_folded_away(made: list[Line]) -> None:
    for item in fold(made):
        if isinstance(item, Greens):
            assert not any((one.event.kind, one.event.state) in RED_STATES for one in item.lines)
        elif isinstance(item, Thing):
            last = {topic_of(one.event): one for one in item.lines}.values()
            red = [one for one in last if (one.event.kind, one.event.state) in RED_STATES]
            assert not red or item.line in red


@given(lines())
def test_unfolded_items_are_followed_by_their_lines(made: list[Line]) -> None:
    keys = frozenset(item.key for item in fold(made))
    items = fold(made, unfolded=keys)
    steps = [item.line.id for item in items if isinstance(item, Step)]
    assert sorted(steps) == sorted(line.id for line in made)


@given(lines())
def test_a_search_shows_each_line(made: list[Line]) -> None:
    items = [item for item in fold(made, together=False) if not isinstance(item, Heading)]
    assert [item.line.id for item in items] == [line.id for line in made]
