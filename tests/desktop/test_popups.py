"""Popups: one a subject, one digest for the rest of a burst, and a reason for each."""

from __future__ import annotations

import time

import msgspec
import pytest
from PySide6.QtCore import QObject, Signal

from devstream_desktop.desk.store import DeskStore
from devstream_desktop.desktop.popups import digest
from devstream_desktop.desktop.popups.digest import Tally
from devstream_desktop.desktop.popups.notifier import Notice, Urgency
from devstream_desktop.desktop.popups.popups import (
    DIGEST,
    Popups,
    line_notice,
    popup_key,
)
from devstream_desktop.stream.attention import Desk
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.rules import Attention, Rule
from devstream_desktop.stream.subject import Line, Tone
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import Kind, Severity, Transition

ALL = (Rule(name="everything", then=Attention.POPUP),)
ON = Desk(person="ana", on_duty=True, rules=ALL)
NOW = int(time.time() * 1000)


class Screen(QObject):
    activated = Signal(str, str)
    closed = Signal(str)

    def __init__(self):
        super().__init__()
        self.notices: list[Notice] = []
        self.withdrawn: list[str] = []

    def show_notice(self, notice):
        self.notices.append(notice)

    def withdraw(self, key):
        self.withdrawn.append(key)


def row(event, place=1, *, superseded=False, transition=Transition.NONE, received=None) -> Line:
    return Line(
        id=place,
        arrival=place,
        event=event,
        entry=f"entry of {event.key}",
        received=event.time if received is None else received,
        device="d",
        author="x",
        transition=transition,
        superseded=superseded,
    )


@pytest.fixture
def screen(qapp):
    return Screen()


@pytest.fixture
def store(tmp_path):
    with DeskStore(tmp_path / "desk.sqlite") as store:
        yield store


@pytest.fixture
def popups(screen, store):
    return Popups(screen, store, clock=lambda: NOW)


def push(story, place=1, **fields):
    return row(
        story.push("shop", NOW, "bo", "Title", f"{place:040x}", ref=f"b{place}", **fields), place
    )


def test_a_fresh_line_pops_with_its_actions(popups, screen, story):
    popups.consider([push(story)], ON)
    (notice,) = screen.notices
    assert [name for name, _ in notice.actions] == ["history", "open"]
    assert popups.why(push(story)) == "Popped up: rule 1, everything."


def test_a_line_without_a_link_cannot_be_opened(story):
    notice = line_notice(push(story, url=False), urgent=False)
    assert [name for name, _ in notice.actions] == ["history"]


@pytest.mark.parametrize(
    ("line", "desk", "reason"),
    [
        (push, Desk(person="ana", on_duty=False, rules=ALL), "No popup: you are off duty."),
        (
            push,
            Desk(person="ana", on_duty=True, watching=True),
            "No popup: the history window shows it.",
        ),
        (
            lambda story: row(push(story).event, received=NOW - 600_000),
            ON,
            "No popup: it was history when it came here.",
        ),
        (
            lambda story: row(push(story).event, superseded=True),
            ON,
            "No popup: a later state of the same subject was here already.",
        ),
    ],
)
def test_a_quiet_line_says_why(popups, screen, story, line, desk, reason):
    popups.consider([line(story)], desk)
    assert screen.notices == []
    assert popups.why(line(story)) == reason


def test_what_was_there_before_the_desk_says_so(popups, story):
    assert popups.why(push(story)) == "No popup: it was here before devstream started."


def test_a_critical_failure_stays_until_it_is_closed(story):
    failed = row(story.deploy("shop", NOW, "failure", "ab" * 20, "cd" * 16))
    assert line_notice(failed, urgent=True).urgency is Urgency.CRITICAL
    done = row(story.deploy("shop", NOW, "success", "ab" * 20, "cd" * 16))
    assert line_notice(done, urgent=True).urgency is Urgency.NORMAL


def test_a_burst_is_three_popups_and_a_digest_that_grows_in_place(qtbot, popups, screen, story):
    popups.consider([push(story, place) for place in range(1, 6)], ON)
    qtbot.waitUntil(lambda: len(screen.notices) == 4, timeout=20_000)
    popups.consider([push(story, 6)], ON)
    qtbot.waitUntil(lambda: len(screen.notices) == 5, timeout=20_000)
    assert [notice.key == DIGEST for notice in screen.notices] == [False, False, False, True, True]
    assert [notice.summary for notice in screen.notices[3:]] == ["2 more", "3 more"]
    assert popups.why(push(story, 5)).startswith("In the digest: more than 3 popups")


def test_a_digest_that_is_closed_takes_along_only_what_it_told(qtbot, popups, screen, story):
    popups.consider([push(story, place) for place in range(1, 6)], ON)
    qtbot.waitUntil(lambda: len(screen.notices) == 4, timeout=20_000)
    popups.consider([push(story, 6)], ON)
    # GNOME closes the oldest of a program's popups for a fourth one.
    screen.closed.emit(DIGEST)
    qtbot.waitUntil(lambda: len(screen.notices) == 5, timeout=20_000)
    assert [notice.summary for notice in screen.notices[3:]] == ["2 more", "1 more"]


def test_the_digest_names_its_reds_and_counts_the_rest(story):
    lines = [
        push(story, 1),
        push(story, 2),
        row(story.build("shop", NOW, "failed", "ab" * 20, "1")),
    ]
    lines += [row(story.event(Kind.SOURCE, "active", "shop", NOW, "source/x"))]
    assert tally(lines).text() == "shop: CI failed on main; 2 commits, 1 other"


def tally(lines) -> Tally:
    made = Tally()
    for line in lines:
        made.add(line)
    return made


def test_a_digest_of_many_lines_names_and_keeps_two(story, monkeypatch):
    named = []
    monkeypatch.setattr(
        digest, "headline", lambda event, change: named.append(event) or event.service
    )
    held = digest.Digest()
    for place in range(4_000):
        held.add(build(story, "failed", place % 200, f"s{place}"))
        held.add(push(story, place))
        if place in (0, 2_000):
            told = held.tell()
            told.text()
    told = held.tell()
    assert told.text() == "s0; s1; 3998 more failures, 4000 commits"
    assert (told.count, len(told.named), len(named)) == (8_000, 2, 5)


def test_tallies_that_are_joined_are_one(story):
    lines = [build(story, "failed", place, f"s{place}") for place in range(1, 4)]
    lines += [push(story, 1), row(story.event(Kind.SOURCE, "active", "shop", NOW, "source/x"))]
    for cut in range(len(lines) + 1):
        both = tally(lines[:cut])
        both.join(tally(lines[cut:]))
        assert (both.text(), both.count) == (tally(lines).text(), len(lines))


def test_actions_lead_where_they_say(qtbot, popups, screen, story, monkeypatch):
    opened = []
    monkeypatch.setattr("devstream_desktop.desktop.popups.popups.open_link", opened.append)
    line = push(story)
    popups.consider([line], ON)
    key = popup_key(line)
    screen.activated.emit(key, "open")
    assert opened == [line.event.url]
    with qtbot.waitSignal(popups.show_line, timeout=20_000) as shown:
        screen.activated.emit(key, "history")
    assert shown.args == [line]
    with qtbot.waitSignal(popups.show_history, timeout=20_000):
        screen.activated.emit(DIGEST, "history")


def test_the_title_says_where_what_and_how_bad(story):
    failed = row(story.deploy("shop", NOW, "failure", "ab" * 20, "cd" * 16))
    assert line_notice(failed, urgent=True).summary == "Production: shop deploy failed"
    test = row(story.build("shop", NOW, "failed", "ab" * 20, "1", total=9, failed=2))
    assert line_notice(test, urgent=False).summary == "shop: CI failed on main"
    assert line_notice(push(story), urgent=False).summary == "shop: bo pushed 1 commit to b1"


def test_what_was_shown_as_broken_is_told_as_fixed_also_after_a_restart(screen, store, story):
    broke = row(story.build("shop", NOW, "failed", "ab" * 20, "1"), 1, transition=Transition.FAILED)
    Popups(screen, store, clock=lambda: NOW).consider([broke], ON)
    assert len(screen.notices) == 1
    quiet = Desk(person="ana", on_duty=True, rules=())
    after = Popups(screen, store, clock=lambda: NOW)
    fixed = row(
        story.build("shop", NOW, "succeeded", "cd" * 20, "2"), 2, transition=Transition.FIXED
    )
    after.consider([fixed], quiet)
    assert screen.notices[-1].summary == "shop: CI fixed on main"
    assert after.why(fixed) == "Popped up: you were shown that it broke."
    assert after.why(broke) == "Popped up: rule 1, everything."


def test_reds_come_first_in_a_burst(popups, screen, story):
    pushes = [push(story, place) for place in range(1, 6)]
    red = row(story.build("shop", NOW, "failed", "ab" * 20, "1"), 9, transition=Transition.FAILED)
    popups.consider([*pushes, red], ON)
    assert screen.notices[0].summary == "shop: CI failed on main"


def build(story, state, number, service="shop"):
    change = {"failed": Transition.FAILED, "succeeded": Transition.FIXED}[state]
    event = story.build(service, NOW, state, f"{number:02x}" * 20, str(number))
    return row(event, number, transition=change)


def test_what_broke_again_is_not_left_as_fixed(popups, screen, store, story):
    failed, fixed, again = (
        build(story, state, number)
        for number, state in ((93, "failed"), (94, "succeeded"), (95, "failed"))
    )
    popups.consider([failed], ON)
    popups.mute(failed)
    popups.consider([again, build(story, "failed", 96, "cart"), fixed], ON)
    assert [notice.summary for notice in screen.notices] == [
        "shop: CI failed on main",
        "shop: CI failed on main",
        "cart: CI failed on main",
    ]
    assert store.is_red(popup_key(failed))
    assert popups.why(fixed) == "Popped up: you were shown that it broke."
    assert popups.why(again) == "Popped up: rule 1, everything."


def test_a_burst_leaves_nothing_broken_as_fixed(popups, screen, story):
    failed, fixed, again = (
        build(story, *told) for told in (("failed", 93), ("succeeded", 94), ("failed", 95))
    )
    others = [build(story, "failed", 1, service) for service in ("cart", "search", "billing")]
    popups.consider([failed], ON)
    popups.consider([*others, fixed, again], ON)
    assert popups.why(again).startswith("In the digest")
    said = [notice.summary for notice in screen.notices if notice.key == popup_key(failed)]
    assert said == ["shop: CI failed on main"]
    assert screen.withdrawn == []


def alert(story, state, place=1, change=None, severity=Severity.CRITICAL):
    if change is None:
        change = Transition.FIXED if state == "resolved" else Transition.NEW
    said = {"severity": severity, "title": "disk full"}
    event = story.event(Kind.INCIDENT, state, "shop", NOW, "incident/shop/disk", **said)
    return row(event, place, transition=change)


OFF_DUTY = Desk(person="ana", on_duty=False, rules=ALL)
SNOOZED = Desk(person="ana", on_duty=True, snoozed=True, rules=ALL)


@pytest.mark.parametrize("desk", [OFF_DUTY, SNOOZED])
def test_a_popup_goes_with_its_incident_also_where_the_end_is_quiet(popups, screen, story, desk):
    firing, over = alert(story, "firing"), alert(story, "resolved", 2)
    popups.consider([firing], ON)
    popups.consider([over], desk)
    assert len(screen.notices) == 1
    assert screen.withdrawn == [popup_key(firing)]


@pytest.mark.parametrize("desk", [OFF_DUTY, SNOOZED])
def test_a_popup_stays_while_its_incident_lasts(popups, screen, story, desk):
    firing, over = alert(story, "firing"), alert(story, "resolved", 2)
    popups.consider([firing], ON)
    popups.consider([over, alert(story, "firing", 3)], desk)
    doubted = msgspec.structs.replace(over, id=4, transition=Transition.OUTDATED)
    popups.consider([doubted, msgspec.structs.replace(over, id=5, superseded=True)], desk)
    assert screen.withdrawn == []


@pytest.mark.parametrize("how", ["shown", "off duty", "before the start", "at once"])
def test_a_warning_that_becomes_critical_pops_up(popups, screen, story, how):
    usual = Desk(person="ana", on_duty=True)
    warned = alert(story, "firing", severity=Severity.WARNING)
    critical = alert(story, "firing", 2, Transition.NONE)
    match how:
        case "shown" | "off duty":
            popups.consider([warned], usual if how == "shown" else OFF_DUTY)
        case "before the start":
            popups.know([Thing(1, Tone.OPEN, warned, warned)])
        case _:
            popups.consider([msgspec.structs.replace(warned, superseded=True), critical], usual)
    # The state is read with the lines, and has them already.
    popups.know([Thing(1, Tone.OPEN, critical, warned)])
    if how != "at once":
        popups.consider([critical], usual)
    assert screen.notices[-1].urgency is Urgency.CRITICAL
    assert popups.why(critical) == "Popped up: rule 1, Critical, as long as it lasts."
    count = len(screen.notices)
    for place, severity in ((3, Severity.CRITICAL), (4, Severity.WARNING)):
        popups.consider([alert(story, "firing", place, Transition.NONE, severity)], usual)
    assert len(screen.notices) == count


def test_a_muted_thing_is_quiet_until_its_time(popups, screen, store, story):
    red = row(story.build("shop", NOW, "failed", "ab" * 20, "1"), 9, transition=Transition.FAILED)
    store.mute(topic_of(red.event), NOW + 1)
    popups.consider([red], ON)
    assert screen.notices == []
    assert popups.why(red) == "No popup: you muted it."
    fixed = row(
        story.build("shop", NOW, "succeeded", "cd" * 20, "2"), 10, transition=Transition.FIXED
    )
    popups.consider([fixed], ON)
    assert topic_of(red.event) not in store.muted(0), "it ends when the thing changes"


def test_what_is_broken_can_be_claimed_and_muted_from_its_popup(
    qtbot, popups, screen, store, story
):
    red = row(story.build("shop", NOW, "failed", "ab" * 20, "1"), transition=Transition.FAILED)
    popups.consider([red], ON)
    assert [name for name, _ in screen.notices[0].actions] == ["claim", "history", "mute", "open"]
    key = popup_key(red)
    with qtbot.waitSignal(popups.claim_chosen, timeout=20_000) as claimed:
        screen.activated.emit(key, "claim")
    assert claimed.args == [red]
    screen.activated.emit(key, "mute")
    assert topic_of(red.event) in store.muted(NOW)
    assert screen.withdrawn == [key]


def test_what_is_looked_at_elsewhere_has_no_popup_any_more(popups, screen, story):
    failed = story.build("shop", NOW, "failed", "ab" * 20, "1")
    shown = row(failed, transition=Transition.FAILED)
    other = row(story.build("cart", NOW, "failed", "ab" * 20, "1"))
    popups.consider([shown], ON)
    popups.withdraw_seen([shown, shown, other])
    assert screen.withdrawn == [popup_key(shown)]


def test_a_deploy_that_waits_is_reviewed_from_its_popup(qtbot, popups, screen, story):
    line = row(story.deploy("shop", NOW, "waiting", "ab" * 20, "cd" * 16, who="bo"))
    popups.consider([line], ON)
    assert [name for name, _ in screen.notices[0].actions] == ["approve", "history"]
    with qtbot.waitSignal(popups.approve_chosen, timeout=20_000) as chosen:
        screen.activated.emit(popup_key(line), "approve")
    assert chosen.args == [line]


def test_a_claim_takes_the_popup_of_nothing_but_an_older_claim_of_the_same_person(story):
    about = {"service": "shop", "subject": "incident/1", "number": "1", "time": NOW}
    alert = make_event(
        kind=Kind.INCIDENT, state="firing", key=fact_key("t", Kind.INCIDENT, "1"), **about
    )
    claims = [
        make_event(
            kind=Kind.CLAIM, state="claimed", key=fact_key("t", Kind.CLAIM, who), actor=who, **about
        )
        for who in ("bo", "cy")
    ]
    keys = [popup_key(row(one)) for one in (alert, *claims)]
    assert len(set(keys)) == 3
