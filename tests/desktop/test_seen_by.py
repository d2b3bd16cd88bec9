"""Sightings of a critical thing: what a desk tells, what the row says, and who is told next."""

from __future__ import annotations

import time

import msgspec
import pytest
from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QWidget
from test_red_now import alert, claim

from devstream_desktop.control.messages.stream import Saw
from devstream_desktop.desk.store import DeskStore
from devstream_desktop.desktop.client import sightings
from devstream_desktop.desktop.popups.popups import Popups
from devstream_desktop.desktop.windows.history import visit
from devstream_desktop.desktop.windows.history.items import Pinned
from devstream_desktop.desktop.windows.history.spoken import red_more
from devstream_desktop.stream.attention import Desk
from devstream_desktop.stream.fact import SEEN
from devstream_desktop.stream.subject import Tone
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.widening import Step, seen_text, step_of
from devstream_desktop.stream.words import Kind, Severity

MINUTE = 60_000


def now() -> int:
    return int(time.time() * 1000)


def thing(story, minutes, seen_by=(), service="shop", **fields) -> Thing:
    line = story.line_of(alert(story, minutes=minutes, service=service, **fields))
    return Thing(1, Tone.OPEN, line, line, seen_by=seen_by)


def saw(story, who):
    at = now() - MINUTE + len(who)
    subject = "incident/shop/5xx"
    said = {"number": "7", "actor": who, "action": SEEN, "quiet": True}
    return story.event(Kind.CLAIM, "released", "shop", at, subject, **said)


@pytest.fixture
def desk(monkeypatch, written):
    monkeypatch.setattr(sightings, "SPREAD_MS", 1)
    return sightings.Sightings(written.state)


@pytest.mark.parametrize(("duty", "told"), [(True, 1), (False, 0)])
def test_who_looks_while_on_duty_tells_it_once(qtbot, desk, written, asked, story, duty, told):
    written.add(alert(story))
    written.answer(person="ana", on_duty=duty)
    written.state.set_seen(written.state.seen)
    for _ in range(2):
        written.state.see()
    qtbot.wait(20)
    assert len(asked.of(Saw)) == told


@pytest.mark.parametrize("seen_by", [("ana",), ("bo", "eva", "chen")])
def test_what_is_known_is_not_told_again(qtbot, desk, written, asked, story, seen_by):
    written.add(alert(story), *(saw(story, who) for who in seen_by))
    written.answer(person="ana", on_duty=True)
    assert written.state.red[0].seen_by == seen_by
    written.state.see()
    qtbot.wait(20)
    assert asked.of(Saw) == []


def test_a_desk_that_starts_has_looked_at_nothing(qtbot, desk, written, asked, story):
    written.add(alert(story))
    written.answer(person="ana", on_duty=True)
    written.state.set_seen(written.state.seen)
    qtbot.wait(20)
    assert asked.of(Saw) == []


class Clock:
    """A clock that a test sets forward."""

    def __init__(self) -> None:
        self.ms = now()

    def __call__(self) -> int:
        return self.ms


@pytest.mark.parametrize("back", ["key", "pointer", "activation"])
def test_a_window_that_is_left_in_front_is_nobody(
    qtbot, monkeypatch, desk, window, written, asked, story, back
):
    monkeypatch.setattr(visit, "LOOK_MS", 1)
    clock = Clock()
    written.answer(person="ana", on_duty=True)
    shown = window(clock=clock)
    written.state.set_seen(written.state.seen)
    with qtbot.waitActive(shown):
        shown.bring_up()
    written.add(alert(story, minutes=0))
    assert shown.watched
    qtbot.waitUntil(lambda: len(asked.of(Saw)) == 1, timeout=20_000)
    clock.ms += 10 * MINUTE
    assert not shown.watched, "whoever left it in front has gone"
    written.add(alert(story, service="billing", minutes=0))
    qtbot.wait(20)
    assert len(asked.of(Saw)) == 1
    assert [line.event.service for line in written.state.unseen] == ["billing"]
    if back == "key":
        qtbot.keyClick(shown.windowHandle(), Qt.Key.Key_Down)
    elif back == "pointer":
        qtbot.mouseMove(shown.windowHandle(), QPoint(300, 300))
    else:
        other = QWidget()
        qtbot.addWidget(other)
        with qtbot.waitActive(other):
            other.show()
            other.activateWindow()
        assert not shown.watched
        with qtbot.waitActive(shown):
            shown.activateWindow()
    qtbot.waitUntil(lambda: shown.watched, timeout=20_000)
    qtbot.waitUntil(lambda: len(asked.of(Saw)) == 2, timeout=20_000)
    assert written.state.unseen == []


@pytest.mark.parametrize(
    ("minutes", "seen_by", "said"),
    [
        (1, (), ""),
        (31, (), ""),
        (6, (), "nobody has seen it, all on duty are told again"),
        (11, (), "nobody has seen it, those off duty are told too"),
        (1, ("bo",), "1 of 3 on duty has seen it"),
        (11, ("bo", "ana"), "2 of 3 on duty have seen it"),
        (11, ("bo", "ana", "chen"), "3 of 3 on duty have seen it"),
        (11, ("bo", "ana", "dara"), "3 or more of 4 on duty have seen it"),
    ],
)
def test_the_row_says_who_has_seen_it_and_who_is_asked(story, minutes, seen_by, said):
    one = thing(story, minutes, seen_by)
    assert seen_text(one, ("ana", "bo", "chen"), now()) == said
    assert said in red_more(Pinned(one, ("ana", "bo", "chen")))


def test_what_is_claimed_is_asked_of_nobody(written, story):
    written.add(alert(story), claim(story))
    (one,) = written.state.red
    assert step_of(one, now()) is Step.NONE
    assert seen_text(one, (), now()) == ""


class Screen(QObject):
    activated = Signal(str, str)
    closed = Signal(str)

    def __init__(self):
        super().__init__()
        self.shown: list[str] = []

    def show_notice(self, notice):
        self.shown.append(notice.summary)

    def withdraw(self, _):
        pass


@pytest.mark.parametrize(
    ("minutes", "on_duty", "off_duty", "times"),
    [
        (4, True, False, 0),
        (6, True, False, 1),
        (11, True, False, 1),
        (6, False, True, 0),
        (11, False, True, 1),
        (11, False, False, 0),
        (45, True, True, 0),
    ],
)
def test_what_nobody_saw_pops_up_once_more_also_across_a_restart(
    qapp, tmp_path, story, minutes, on_duty, off_duty, times
):
    desk = Desk(person="ana", on_duty=on_duty)
    screen, red = Screen(), [thing(story, minutes), thing(story, minutes, ("bo",), "cart")]
    for _ in range(2):
        with DeskStore(tmp_path / "desk.sqlite") as store:
            popups = Popups(screen, store)
            popups.widen(red, desk, off_duty=off_duty)
            popups.widen(red, desk, off_duty=off_duty)
            if times:
                assert "had seen it after" in popups.why(red[0].line)
    assert screen.shown == ["Production: shop 5xx over 2 %"] * times


def published(story, at, fired, **fields) -> Thing:
    """A critical thing that the team is told of at `at`, so many minutes after it fired."""
    one = thing(story, fired, **fields)
    told = msgspec.structs.replace(one.line, received=at)
    return msgspec.structs.replace(one, line=told, since=told)


@pytest.mark.parametrize("fired", [0, 12, 45])
@pytest.mark.parametrize(
    ("on_duty", "told_at"), [(True, [5]), (False, [10])], ids=["on duty", "off duty"]
)
def test_the_steps_count_from_when_the_team_was_told(
    qapp, tmp_path, story, fired, on_duty, told_at
):
    start = now()
    one, screen, clock = published(story, start, fired), Screen(), [start]
    popped = []
    with DeskStore(tmp_path / "desk.sqlite") as store:
        popups = Popups(screen, store, clock=lambda: clock[0])
        for minute in range(40):
            clock[0] = start + minute * MINUTE
            popups.widen([one], Desk(person="ana", on_duty=on_duty), off_duty=True)
            popped += [minute] * (len(screen.shown) - len(popped))
    assert popped == told_at
    said = [seen_text(one, (), start + minute * MINUTE) for minute in (4, 5, 10, 31)]
    assert [bool(text) for text in said] == [False, True, True, False]


def test_nobody_is_asked_whether_they_saw_what_came_in_as_history(story):
    start = now()
    one = published(story, start, 6, quiet=True)
    assert step_of(one, start + 6 * MINUTE) is Step.NONE
    assert seen_text(one, (), start + 6 * MINUTE) == ""


def test_what_got_worse_is_asked_of_people_from_then_on(story):
    start = now()
    worse = published(story, start, 45)
    before = story.line_of(alert(story, minutes=45))
    warned = msgspec.structs.replace(before.event, severity=Severity.WARNING)
    grown = msgspec.structs.replace(worse, since=msgspec.structs.replace(before, event=warned))
    assert [step_of(grown, start + minute * MINUTE) for minute in (4, 5, 10)] == [
        Step.DUTY,
        Step.AGAIN,
        Step.ALL,
    ]
    assert seen_text(grown, (), start + 6 * MINUTE)


def test_who_muted_it_or_sleeps_is_left_alone(qapp, tmp_path, story):
    screen, red = Screen(), [thing(story, 6)]
    with DeskStore(tmp_path / "desk.sqlite") as store:
        popups = Popups(screen, store)
        popups.widen(red, Desk(person="ana", on_duty=True, snoozed=True), off_duty=True)
        popups.mute(red[0].line)
        popups.widen(red, Desk(person="ana", on_duty=True), off_duty=True)
    assert screen.shown == []


def test_the_row_follows_what_others_see(window, written, story):
    shown = window(alert(story))
    written.answer(person="ana", on_duty=True, duty=("bo",))
    written.add(saw(story, "bo"))
    pinned = shown.browser.model.item(0)
    assert "1 of 2 on duty has seen it" in red_more(pinned)
    assert not [one for one in shown.browser.model.lines if one.event.action == SEEN]
