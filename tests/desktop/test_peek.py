"""The peek at the tray's icon: what it shows, its keys, its place, and its end."""

from __future__ import annotations

import gettext
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QApplication
from test_red_now import alert, claim

from devstream_desktop import language
from devstream_desktop.desktop.peek import peek as peek_module
from devstream_desktop.desktop.peek import surface
from devstream_desktop.desktop.peek.items import MOST_RED
from devstream_desktop.desktop.peek.peek import Peek
from devstream_desktop.desktop.peek.place import GAP, place
from devstream_desktop.desktop.tray.contents import MenuContents
from devstream_desktop.desktop.tray.menu import TrayMenu
from devstream_desktop.stream.seen import Seen

ICON = QRect(700, 4, 22, 22)


def now() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def peek(qtbot, written):
    """The peek of a desk whose node answers."""
    written.answer(person="ana", on_duty=True, duty=("chen",))
    menu = TrayMenu()
    qtbot.addWidget(menu)
    MenuContents(menu, written.state)
    made = Peek(written.state, menu.deploy, menu.snooze)
    qtbot.addWidget(made)
    yield made
    made.close()


def spoken(peek) -> list[str]:
    rows = range(peek.model.rowCount())
    return [peek.model.index(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in rows]


def red_and_more(written, story, pushes) -> None:
    deploy = story.deploy("shop", now() - 90_000, "success", "cd" * 20, "ab" * 16, who="bo")
    written.add(*pushes(3), alert(story), deploy)


def test_it_shows_what_is_red_and_then_what_matters(peek, written, story, pushes):
    red_and_more(written, story, pushes)
    peek.show_at(ICON)
    red, deploy = spoken(peek)
    assert red.startswith("red now, 5xx over 2 % in production, unclaimed")
    assert deploy.startswith("deployed, shop, bo deployed cdcdcdc to production")
    assert peek.note.text() == "Also on duty: chen"
    written.add(alert(story, "resolved", minutes=0))
    assert not spoken(peek)[0].startswith("red now")
    assert peek.note.text().startswith("Nothing is red · ")


def test_more_than_has_room_is_counted(peek, written, story):
    written.add(*(alert(story, service=f"s{number}") for number in range(MOST_RED + 3)))
    peek.show_at(ICON)
    assert sum(one.startswith("red now") for one in spoken(peek)) == MOST_RED
    assert peek.note.text().startswith("3 more red")


def test_trouble_of_the_node_is_said_first(peek, written, story):
    written.add(alert(story))
    peek.show_at(ICON)
    written.state.set_connected(False)
    assert "restarting" in peek.note.text()
    assert not peek.duty.isEnabled()


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_enter_opens_the_window_at_the_line(qtbot, peek, written, story, pushes, key):
    red_and_more(written, story, pushes)
    peek.show_at(ICON)
    qtbot.keyClick(peek.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(peek.line_chosen, timeout=20_000) as chosen:
        qtbot.keyClick(peek.list, key)
    assert chosen.args[0].event.kind == "deploy"
    assert not peek.isVisible()


def test_a_double_click_opens_the_window_at_the_line(qtbot, peek, written, story):
    written.add(alert(story))
    peek.show_at(ICON)
    at = peek.list.visualRect(peek.model.index(0)).center()
    viewport = peek.list.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    with qtbot.waitSignal(peek.line_chosen, timeout=20_000) as chosen:
        qtbot.mouseDClick(viewport, Qt.MouseButton.LeftButton, pos=at)
    assert chosen.args[0].event.title == "5xx over 2 %"


def test_with_nothing_in_it_enter_opens_the_window(qtbot, peek):
    peek.show_at(ICON)
    assert peek.note.text().startswith("Nothing is red")
    with qtbot.waitSignal(peek.window_chosen, timeout=20_000):
        qtbot.keyClick(peek.list, Qt.Key.Key_Return)


def test_it_ends_with_esc_and_when_the_focus_leaves(qtbot, peek, window, written, story):
    written.add(alert(story))
    with qtbot.waitActive(peek):
        peek.show_at(ICON)
    qtbot.keyClick(peek.list, Qt.Key.Key_Escape)
    assert not peek.isVisible()
    with qtbot.waitActive(peek):
        peek.show_at(ICON)
    other = window()
    other.activateWindow()
    qtbot.waitUntil(lambda: not peek.isVisible(), timeout=20_000)


class Wordy(gettext.NullTranslations):
    """A language that says everything twice."""

    def gettext(self, message: str) -> str:
        return f"{message} {message}"


def test_in_a_language_of_long_words_it_is_as_wide_as_its_buttons(
    qtbot, monkeypatch, written, story
):
    monkeypatch.setattr(language, "_catalogue", Wordy())
    written.answer(person="ana", on_duty=True)
    written.add(alert(story))
    menu = TrayMenu()
    qtbot.addWidget(menu)
    MenuContents(menu, written.state)
    peek = Peek(written.state, menu.deploy, menu.snooze)
    qtbot.addWidget(peek)
    peek.show_at(ICON)
    for button in (peek.whole, peek.claim, peek.deploy, peek.snooze):
        assert button.isVisible()
        assert button.width() >= button.sizeHint().width(), button.text()
    width = peek.width()
    written.add(claim(story, who="ana"))
    assert peek.width() == width, "it does not jump when one of them goes"


def test_who_is_unclaimed_can_be_claimed_and_who_is_on_it_taken_over(qtbot, peek, written, story):
    written.add(alert(story))
    peek.show_at(ICON)
    assert peek.claim.text() == "I'm on it"
    with qtbot.waitSignal(peek.claim_chosen, timeout=20_000) as chosen:
        qtbot.keyClick(peek.list, Qt.Key.Key_C)
    assert chosen.args[0].event.title == "5xx over 2 %"
    written.add(claim(story))
    assert peek.claim.text() == "Take over"
    assert peek.claim.isVisible()
    written.add(claim(story, who="ana"))
    assert not peek.claim.isVisible(), "it is mine already"


def test_what_arrives_leaves_the_chosen_thing_chosen(qtbot, peek, written, story):
    for service, minutes in (("shop", 30), ("billing", 20), ("cart", 10)):
        written.add(alert(story, service=service, minutes=minutes))
    peek.show_at(ICON)
    qtbot.keyClick(peek.list, Qt.Key.Key_Down)
    qtbot.keyClick(peek.list, Qt.Key.Key_Down)
    chosen = peek.model.item(peek.list.currentIndex().row()).line.event.service
    claimed = []
    peek.claim_chosen.connect(lambda line: claimed.append(line.event.service))
    written.add(story.build("docs", now(), "failed", "cd" * 20, "1"))
    qtbot.keyClick(peek.list, Qt.Key.Key_C)
    assert claimed == [chosen]
    written.add(claim(story, who="ana", service=chosen))
    qtbot.keyClick(peek.list, Qt.Key.Key_C)
    assert claimed == [chosen], "it is mine, and a second press is for nothing else"
    assert not peek.claim.isVisible()
    assert len(peek.list.selectedIndexes()) == 1


def test_no_press_is_for_another_thing_than_the_one_that_is_over(qtbot, peek, written, story):
    written.add(alert(story, minutes=30), alert(story, service="billing", minutes=20))
    peek.show_at(ICON)
    claimed = []
    peek.claim_chosen.connect(claimed.append)
    first = peek.model.item(0).line.event.service
    written.add(alert(story, "resolved", service=first, minutes=0))
    # A menu that closes gives the focus back, and Qt then takes the first row for the current one.
    peek.duty.setFocus()
    peek.list.setFocus()
    qtbot.keyClick(peek.list, Qt.Key.Key_C)
    assert claimed == []
    assert not peek.claim.isVisible()
    with qtbot.waitSignal(peek.window_chosen, timeout=20_000):
        qtbot.keyClick(peek.list, Qt.Key.Key_Return)
    peek.show_at(ICON)
    assert peek.claim.isVisible(), "anew it begins at the worst"


def test_the_switch_is_duty_and_shows_what_the_node_says(qtbot, peek, written):
    peek.show_at(ICON)
    assert peek.duty.isChecked()
    assert peek.duty.accessibleName() == "On duty"
    with qtbot.waitSignal(peek.duty_chosen, timeout=20_000) as chosen:
        qtbot.keyClick(peek.duty, Qt.Key.Key_Space)
    assert chosen.args == [False]
    written.answer(on_duty=True)
    assert peek.duty.isChecked(), "the node refused"


def test_what_was_shown_for_a_moment_was_seen(qtbot, monkeypatch, written, story, pushes):
    monkeypatch.setattr(peek_module, "LOOK_MS", 1)
    written.add(*pushes(2))
    written.answer(person="ana")
    written.state.set_seen(Seen())
    menu = TrayMenu()
    qtbot.addWidget(menu)
    MenuContents(menu, written.state)
    peek = Peek(written.state, menu.deploy, menu.snooze)
    qtbot.addWidget(peek)
    written.add(story.build("shop", now(), "failed", "cd" * 20, "1"))
    assert len(written.state.unseen) == 1
    peek.show_at(ICON)
    assert spoken(peek)[0].startswith("new, red now")
    qtbot.waitUntil(lambda: not written.state.unseen, timeout=20_000)
    assert spoken(peek)[0].startswith("new, "), "marked until it is closed"
    peek.close()
    written.add(
        *(
            story.deploy(f"s{n}", now() + n, "success", "cd" * 20, f"{n:032x}", who="bo")
            for n in range(20)
        )
    )
    peek.show_at(ICON)
    qtbot.wait(20)
    assert written.state.unseen, "what had no room was not seen"
    assert "more unseen" in peek.note.text()
    peek.close()


def test_a_click_opens_a_second_closes_and_two_at_once_want_the_window(qtbot, peek, monkeypatch):
    clock = iter(range(0, 1_000, 10))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert not peek.click(ICON)
    assert peek.isVisible()
    assert not peek.click(ICON)
    assert not peek.isVisible()
    monkeypatch.setattr(time, "monotonic", lambda: 5_000.0)
    assert not peek.click(ICON)
    assert peek.click(ICON), "the second click of a double one"
    assert not peek.isVisible()


def test_the_click_that_took_its_focus_does_not_open_it_again(qtbot, peek, window, monkeypatch):
    monkeypatch.setattr(surface, "_SAME_CLICK", 60.0)
    monkeypatch.setattr(QApplication, "doubleClickInterval", lambda: 0)
    with qtbot.waitActive(peek):
        peek.show_at(ICON)
    # The panel takes the focus with the press, and tells of the click afterwards.
    window().activateWindow()
    qtbot.waitUntil(lambda: not peek.isVisible(), timeout=20_000)
    assert not peek.click(ICON)
    assert not peek.isVisible()
    monkeypatch.setattr(surface, "_SAME_CLICK", 0.0)
    assert not peek.click(ICON)
    assert peek.isVisible()


@given(
    st.integers(0, 3_839),
    st.integers(0, 2_159),
    st.sampled_from([QRect(0, 0, 3_840, 2_132), QRect(0, 28, 1_280, 772), QRect(60, 0, 800, 600)]),
)
def test_it_is_whole_on_the_screen_beside_the_icon(x, y, screen):
    size = QSize(420, 366)
    at = QPoint(min(x, screen.right()), min(y, screen.bottom()))
    found = QRect(place(at, size, screen), size)
    assert screen.adjusted(GAP, GAP, -GAP, -GAP).contains(found)
    roomy = screen.height() > 2 * (size.height() + 2 * GAP)
    assert not found.contains(at) or not roomy
