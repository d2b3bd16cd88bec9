"""Hours of duty, by a clock that the test sets."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.desk.duty import Turn, Week, last_turn, next_end

WORK = Week(Mon="08:00-18:00", Tue="08:00-18:00", Fri="22:00-06:00")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "turn", "end"),
    [
        ("2026-11-23 07:59", Turn(at("2026-11-21 06:00"), begins=False), 0),
        ("2026-11-23 08:00", Turn(at("2026-11-23 08:00"), begins=True), at("2026-11-23 18:00")),
        ("2026-11-23 18:00", Turn(at("2026-11-23 18:00"), begins=False), 0),
        ("2026-11-28 02:00", Turn(at("2026-11-27 22:00"), begins=True), at("2026-11-28 06:00")),
        ("2026-11-29 12:00", Turn(at("2026-11-28 06:00"), begins=False), 0),
    ],
)
def test_the_last_turn_and_the_end(now, turn, end) -> None:
    assert last_turn(WORK, at(now)) == turn
    assert next_end(WORK, at(now)) == end


def test_no_hours_are_no_turn() -> None:
    assert last_turn(Week(), at("2026-11-23 08:00")) is None
    assert next_end(Week(), at("2026-11-23 08:00")) == 0


def test_hours_that_meet_are_one_duty() -> None:
    week = Week(Mon="22:00-06:00", Tue="06:00-14:00")
    assert last_turn(week, at("2026-11-24 07:00")) == Turn(at("2026-11-23 22:00"), begins=True)
    assert next_end(week, at("2026-11-24 05:00")) == at("2026-11-24 14:00")


def test_hours_all_around_the_clock_have_no_end() -> None:
    week = Week(**dict.fromkeys(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "00:00-00:00"))
    assert next_end(week, at("2026-11-24 05:00")) > at("2026-11-30 00:00")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_hours_are_those_of_the_wall_when_the_clock_changes(day) -> None:
    week = Week(Sun="08:00-18:00")
    assert last_turn(week, at(f"{day} 08:00")) == Turn(at(f"{day} 08:00"), begins=True)
    assert last_turn(week, at(f"{day} 08:00") - 1) != Turn(at(f"{day} 08:00"), begins=True)


def test_hours_are_those_of_the_place(monkeypatch) -> None:
    now = at("2026-11-23 08:30")
    assert last_turn(WORK, now).begins
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    assert not last_turn(WORK, now).begins


SPANS = st.none() | st.tuples(st.integers(0, 23), st.integers(0, 23)).map(
    lambda pair: f"{pair[0]:02}:00-{pair[1]:02}:30"
)


@given(st.tuples(*[SPANS] * 7), st.integers(0, 7 * 48 - 1))
def test_it_is_on_exactly_within_the_hours(spans, half_hours) -> None:
    """The oracle looks at the wall clock alone, minute by minute of nothing else."""
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    now = datetime(2026, 11, 16, tzinfo=BERLIN) + timedelta(minutes=30 * half_hours + 15)

    def holds(day: int, minute: int) -> bool:
        span = spans[day % 7]
        if span is None:
            return False
        begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in span.split("-"))
        return begin <= minute < (end if begin < end else end + 1440)

    minute = now.hour * 60 + now.minute
    wanted = holds(now.weekday(), minute) or holds(now.weekday() - 1, minute + 1440)
    week = Week(**{name: span for name, span in zip(names, spans, strict=True) if span})
    turn = last_turn(week, int(now.timestamp() * 1000))
    assert (turn is not None and turn.begins) == wanted
