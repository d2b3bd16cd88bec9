"""Duty by hours, on a clock that the test turns."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from PySide6.QtCore import QObject, Signal

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.desk.duty import AtEnd, AtStart, Duty, Week
from devstream_desktop.desk.store import DeskStore
from devstream_desktop.desktop import duty as person
from devstream_desktop.desktop.client import duty_keeper
from devstream_desktop.desktop.client.duty_keeper import DutyKeeper
from devstream_desktop.stream.rules import DAYS

WEEK = Week(Mon="08:00-18:00", Tue="08:00-18:00")
WORK = Duty(hours=WEEK)


@pytest.fixture(autouse=True)
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


class Desk:
    """A keeper, and a person who is on duty as it says."""

    def __init__(self, path, duty: Duty, now: str, *, on: bool) -> None:
        self.store, self.told = DeskStore(path), []
        self.on, self.refuses = on, False
        self.now = self.at(now)
        self.keeper = DutyKeeper(self.store, clock=lambda: self.now)
        self.keeper.switched.connect(self._switch)
        self.keeper.reminded.connect(lambda on: self.told.append(f"remind {'on' if on else 'off'}"))
        self.keeper.set_duty(duty)
        self.keeper.set_state(on_duty=on, ready=True)

    @staticmethod
    def at(text: str) -> int:
        zone = ZoneInfo("Europe/Berlin")
        return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)

    def _switch(self, on: bool, first: bool) -> None:
        self.told.append(("on" if on else "off") if first else "again")
        if not self.refuses:
            self.by_hand(on=on)

    def by_hand(self, *, on: bool) -> None:
        self.on = on
        self.keeper.settle(self.now)
        self.keeper.set_state(on_duty=on, ready=True)

    def turn(self, now: str) -> list[str]:
        """Set the clock; returns what was done."""
        self.now, self.told = self.at(now), []
        self.keeper.look()
        return self.told


@pytest.fixture
def desk(qapp, tmp_path):
    made = []

    def make(duty: Duty = WORK, now: str = "2026-11-23 07:00", *, on: bool = False):
        found = Desk(tmp_path / "desk.sqlite", duty, now, on=on)
        made.append(found)
        return found

    yield make
    for one in made:
        one.store.close()


def test_a_day(desk) -> None:
    found = desk()
    assert found.turn("2026-11-23 07:59") == []
    assert found.turn("2026-11-23 08:00") == ["on"]
    assert found.keeper.until == found.at("2026-11-23 18:00")
    assert found.turn("2026-11-23 12:00") == []
    assert found.turn("2026-11-23 18:00") == ["off"]
    assert found.keeper.until == 0
    assert found.turn("2026-11-24 08:01") == ["on"]


def test_what_is_switched_by_hand_holds_until_the_next_turn(desk) -> None:
    found = desk(now="2026-11-23 09:00")
    assert found.told == ["on"]
    found.by_hand(on=False)
    assert found.turn("2026-11-23 12:00") == []
    found.by_hand(on=True)
    assert found.turn("2026-11-23 18:00") == ["off"]
    found.by_hand(on=True)
    assert found.turn("2026-11-23 23:00") == []
    assert found.on


def test_a_machine_that_slept_does_only_what_is_due_when_it_wakes(desk) -> None:
    found = desk()
    assert found.turn("2026-11-24 10:00") == ["on"]
    assert found.turn("2026-11-26 10:00") == ["off"]
    assert found.turn("2026-12-07 19:00") == []


def test_a_restart_repeats_nothing(desk, tmp_path) -> None:
    first = desk(now="2026-11-23 09:00")
    first.by_hand(on=False)
    first.store.close()
    again = Desk(tmp_path / "desk.sqlite", Duty(hours=WEEK), "2026-11-23 09:05", on=False)
    assert again.told == []
    assert again.turn("2026-11-24 08:00") == ["on"]
    again.store.close()


def test_a_reminder_asks_and_switches_nothing(desk) -> None:
    duty = Duty(hours=WEEK, at_start=AtStart.REMIND, at_end=AtEnd.REMIND)
    found = desk(duty)
    assert found.turn("2026-11-23 08:00") == ["remind on"]
    assert found.turn("2026-11-23 09:00") == []
    found.by_hand(on=True)
    assert found.keeper.until == 0
    assert found.turn("2026-11-23 18:00") == ["remind off"]


def test_nothing_is_nothing(desk) -> None:
    duty = Duty(hours=WEEK, at_start=AtStart.NOTHING, at_end=AtEnd.NOTHING)
    found = desk(duty)
    assert found.turn("2026-11-23 08:00") == []
    found.by_hand(on=True)
    assert found.turn("2026-11-23 18:00") == []


def test_whoever_is_as_the_hours_want_is_left_alone(desk) -> None:
    found = desk(on=True, now="2026-11-23 08:30")
    assert found.told == []


def test_nothing_is_done_before_the_node_answers(desk) -> None:
    found = desk()
    found.keeper.set_state(on_duty=False, ready=False)
    assert found.turn("2026-11-23 08:00") == []
    found.keeper.set_state(on_duty=False, ready=True)
    assert found.told == ["on"]


def test_a_clock_that_was_ahead_does_not_stop_it(desk) -> None:
    found = desk()
    found.turn("2027-06-07 08:00")
    assert found.turn("2026-11-23 09:00") == []
    assert found.turn("2026-11-23 18:00") == ["off"]


def test_the_hours_are_those_of_where_the_machine_is(desk, monkeypatch) -> None:
    found = desk()
    # Midday in Berlin is six in the morning in New York.
    monkeypatch.setenv("TZ", "America/New_York")
    assert found.turn("2026-11-23 12:00") == []
    assert found.turn("2026-11-23 14:00") == ["on"]


def test_a_switch_that_the_node_refuses_is_tried_until_it_is_taken(desk) -> None:
    found = desk()
    found.refuses = True
    assert found.turn("2026-11-23 08:00") == ["on"]
    found.keeper.look()
    assert found.told == ["on"], "not by each look"
    assert found.turn("2026-11-23 08:01") == ["again"]
    found.refuses = False
    assert found.turn("2026-11-23 08:02") == ["again"]
    assert found.on
    assert found.turn("2026-11-23 08:03") == []
    found.by_hand(on=False)
    assert found.turn("2026-11-23 08:04") == [], "the person went off again"


def test_a_switch_without_an_answer_is_tried_by_the_next_start(desk, tmp_path) -> None:
    first = desk()
    first.refuses = True
    assert first.turn("2026-11-23 08:00") == ["on"]
    first.store.close()
    again = Desk(tmp_path / "desk.sqlite", WORK, "2026-11-23 08:05", on=False)
    assert again.told == ["on"]
    again.store.close()


class Screen(QObject):
    activated = Signal(str, str)


@pytest.fixture
def duty(written, asked, tmp_path):
    with DeskStore(tmp_path / "duty.sqlite") as store:
        made = person.Duty(written.state, store, Screen())
        asked.listen(made)
        yield made


def test_the_reason_why_a_turn_is_not_taken_is_told_once(duty, written, asked, monkeypatch) -> None:
    monkeypatch.setattr(duty_keeper, "_AGAIN_MS", 0)
    refused = []
    duty.refused.connect(refused.append)
    written.answer(on_duty=True)
    # Every day has one end of the hours, and it was less than a day ago.
    at = (datetime.now(ZoneInfo("Europe/Berlin")) - timedelta(hours=1)).strftime("%H:%M")
    before = (datetime.now(ZoneInfo("Europe/Berlin")) - timedelta(hours=2)).strftime("%H:%M")
    duty.set_hours(Duty(hours=Week(**dict.fromkeys(DAYS, f"{before}-{at}"))))
    asked.refuse("the disk is full", SetDuty)
    duty.set_hours(Duty(hours=Week(**dict.fromkeys(DAYS, f"{before}-{at}"))))
    asked.refuse("the disk is full", SetDuty)
    assert len(asked.of(SetDuty)) == 2
    assert refused == ["the disk is full"]


def test_the_hand_over_begins_where_a_command_ended_duty(duty, written, asked) -> None:
    came = []
    duty.came.connect(came.append)
    before = int(time.time() * 1000)
    written.answer(on_duty=True)
    written.answer(on_duty=False)
    duty.switch(on=True)
    asked.answer(Done(), SetDuty)
    assert len(came) == 1
    assert before <= came[0] <= time.time() * 1000
