"""The desk on real desktops: tray, popups and windows; docs/desktops.md says what differs.

`DESKTOPS` names the desktops; `make test-desktops` has all of them, `make test` weston.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import time

import psutil
import pytest
from panel import Panel

from devstream_desktop.control.messages.imports import Import
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.words import Kind

pytestmark = [pytest.mark.desktop, pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(120)]

HISTORY = "devstream · acme"
PEEK = "devstream: red now"
BURST = 500
MANY = 10_000


def test_the_icon_is_in_the_tray_and_a_click_opens_the_peek(session, bus, desk) -> None:
    if not session.has_tray:
        assert bus.items == []
        return
    assert bus.labels()[0] == "acme · ana"
    assert {"On duty", "Snooze", "History…", "Deploy", "Settings…", "Quit"} <= set(bus.labels())
    assert session.windows() == []
    bus.activate()
    desk.wait_window(PEEK)
    bus.click("On duty")
    bus.wait(lambda: "off duty" in bus.tooltip, "the menu does not end the duty", 20)


def test_a_tray_that_comes_late_gets_the_icon(session, bus, team, sit) -> None:
    if not session.has_tray:
        sit(team.ana).wait_window(HISTORY)
        with Panel(session.bus, notifications=False) as panel:
            panel.wait_item(20)
            panel.wait(lambda: "duty" in panel.tooltip, "the late item says nothing", 20)
        return
    session.hide_tray()
    sit(team.ana).wait_window(HISTORY)
    session.show_tray()
    bus.wait_item(20)
    bus.wait(lambda: "duty" in bus.tooltip, "the late item says nothing", 20)
    # Once more with a desk that was there before.
    session.hide_tray()
    session.show_tray()
    bus.wait_item(20)
    assert "Quit" in bus.labels()


@pytest.mark.popups
def test_a_deploy_has_one_popup_from_its_start_to_its_end(bus, desk, team, released) -> None:
    sha = f"{time.time_ns():040x}"
    team.bo.run("deploy", "shop", "staging", "--sha", sha, "--yes", "--no-wait")
    bus.wait(lambda: desk.notes, "its start pops nothing up", 20)
    released.touch()
    end = desk.wait_note("Staging: shop deployed")
    assert {note.id for note in desk.notes} == {end.id}
    assert end.replaces == end.id


def test_im_on_it_on_a_popup_arrives_at_another_node(bus, desk, team, fires, unique) -> None:
    fires("5xx over 2 %")
    note = desk.wait_note(unique)
    assert note.hints["urgency"] == 2
    desk.choose(note, "claim")

    def claimed() -> bool:
        with Reader(team.bo.home.history) as reader:
            things = [one for one in reader.red_now() if one.line.event.service == unique]
        return bool(things) and things[0].claim is not None

    bus.wait(claimed, "bo does not hear that ana is on it", 20)


def test_details_of_a_popup_open_the_window(session, bus, desk, fires, unique, another) -> None:
    fires("5xx over 2 %")
    desk.choose(desk.wait_note(unique), "history")
    desk.wait_window(HISTORY)
    if session.focused() is None:
        return
    bus.wait(lambda: session.focused() == HISTORY, "the window has not the keyboard", 20)
    # It is there, behind another's.
    another()
    bus.wait(lambda: session.focused() == "another", "the other window is not in front", 20)
    tries = itertools.count()

    def told() -> bool:
        # Under X Qt notices 0.4 s later that the keyboard went, and shows no popup until then.
        fires(f"once more, {next(tries)}")
        with contextlib.suppress(AssertionError):
            return bool(desk.wait_note("once more", 1))
        return False

    bus.wait(told, "nothing pops up over the other window", 10)
    desk.choose(desk.wait_note("once more"), "history")
    bus.wait(lambda: session.focused() == HISTORY, "the window stays behind the other", 20)


@pytest.mark.popups
def test_a_burst_is_a_few_popups_and_a_digest_that_names_its_reds(bus, desk, team, unique) -> None:
    began = time.monotonic()
    reds = [BURST // 3, BURST // 2]
    team.tell(
        *(
            Emit(kind="build", state="failed", service=f"{unique}-red{place}", ref="main",
                 title="CI", subject=f"{unique}/{place}")
            if place in reds
            else Emit(kind="ticket", state="opened", service=unique, title=f"Ticket {place}",
                      subject=f"{unique}/{place}")
            for place in range(BURST)
        )
    )  # fmt: skip

    def told() -> dict[int, str]:
        """The popups that are there at the end: of each number the last one."""
        there: dict[int, str] = {}
        for note in desk.notes:
            # One that was closed meanwhile is made anew, and tells all of it.
            there.pop(note.replaces, None)
            there[note.id] = f"{note.summary}: {note.body}"
        return there

    def counted() -> bool:
        """Tell whether popups and digests together have all."""
        # A digest that the server has closed is followed by one that begins anew.
        digests = {
            number: int(text.split()[0]) for number, text in told().items() if " more: " in text
        }
        return len(told().keys() - digests.keys()) + sum(digests.values()) == BURST

    bus.wait(counted, "popups and digest do not tell of all", 60)
    windows = (time.monotonic() - began) // 10 + 1
    assert len(told()) <= 3 * windows + 1
    for place in reds:
        assert f"{unique}-red{place}: CI failed" in " ".join(told().values())


@pytest.mark.popups
def test_ten_thousand_replicated_events_pop_nothing_up(bus, desk, team, fires, unique) -> None:
    now = int(time.time() * 1000)
    events = [
        make_event(
            kind=Kind.BUILD, state="failed", service=f"{unique}-{place % 50}",
            ref="refs/heads/main", subject=f"{unique}/{place}", number=str(place), title="CI",
            key=fact_key(unique, Kind.BUILD, str(place)), time=now - place * 1000,
        )
        for place in range(MANY)
    ]  # fmt: skip
    team.tell(*(Import(events=tuple(events[at : at + 200])) for at in range(0, MANY, 200)))
    # A feed travels in its order, so this comes after them.
    fires("the first news")
    desk.wait_note("the first news", 60)
    assert len(desk.notes) == 1


@pytest.mark.popups
def test_snoozed_nothing_pops_up_until_it_is_over(bus, desk, fires, unique) -> None:
    bus.click("Snooze", "For 15 minutes")
    bus.wait(lambda: "Snooze" not in bus.labels(), "the menu does not say until when", 20)
    (snooze,) = [label for label in bus.labels() if label.startswith("Snooze")]
    fires("while snoozed")
    bus.wait_menu(
        lambda bus: any("while snoozed" in label for label in bus.labels()),
        "the menu does not have the line", 20,
    )  # fmt: skip
    bus.click(snooze, "Not any more")
    bus.wait(lambda: "Snooze" in bus.labels(), "the menu still says that it is snoozed", 20)
    fires("after the snooze")
    desk.wait_note("after the snooze")
    assert not [note for note in desk.notes if "while snoozed" in note.body + note.summary]


def test_who_comes_on_duty_gets_the_hand_over(session, bus, desk, fires) -> None:
    if not session.has_tray:
        return
    bus.click("On duty")
    bus.wait(lambda: "off duty" in bus.tooltip, "the menu does not end the duty", 20)
    fires("while off duty")
    bus.wait_menu(
        lambda bus: any("while off duty" in label for label in bus.labels()),
        "the menu does not have the line", 20,
    )  # fmt: skip
    assert desk.notes == []
    assert session.windows() == []
    bus.click("On duty")
    desk.wait_window(HISTORY)


def test_a_second_start_shows_the_first_ones_window(session, bus, desk) -> None:
    assert desk.again() == 0
    desk.wait_window(HISTORY)
    assert len(bus.items) == session.has_tray


def test_a_first_start_says_where_it_is_and_its_end_leaves_nothing(
    session, bus, alone, sit
) -> None:
    desk = sit(alone)
    desk.wait_window("devstream")
    desk.wait_note("Its icon is in the tray" if session.has_tray else "no tray")
    bus.wait(alone.answers, "its own node does not answer", 30)
    processes = desk.processes()
    assert len(processes) > 1
    if session.has_tray:
        bus.click("Quit")
    else:
        psutil.Process(desk.pid).send_signal(signal.SIGTERM)
    assert desk.wait_end() == 0
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert alive == []
    bus.wait(lambda: not bus.items, "the icon stays in the tray", 20)
    assert session.windows() == []
