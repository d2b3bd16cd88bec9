"""A screen reader finds a name for each stop of Tab, in order, and hears what is new."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from PySide6 import QtGui
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAbstractButton, QLabel, QToolButton, QWidget
from seed import Seed
from tabs import doubled_letters, in_order

from devstream_desktop.desktop.peek.peek import Peek
from devstream_desktop.desktop.tray.contents import MenuContents
from devstream_desktop.desktop.tray.menu import TrayMenu
from devstream_desktop.desktop.widgets.announce import announce
from devstream_desktop.desktop.widgets.dialog import say
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.deploy.dialog import DeployDialog
from devstream_desktop.desktop.windows.history.arrivals import Arrivals, arrivals_text
from devstream_desktop.desktop.windows.history.pages import Page
from devstream_desktop.desktop.windows.invite_dialog import InviteDialog
from devstream_desktop.desktop.windows.join_dialog import JoinDialog
from devstream_desktop.desktop.windows.note_dialog import NoteDialog
from devstream_desktop.desktop.windows.settings.rule_dialog import RuleDialog
from devstream_desktop.desktop.windows.status_window import StatusWindow
from devstream_desktop.desktop.windows.team.window import TeamWindow
from devstream_desktop.stream.words import Kind


def now() -> int:
    return int(time.time() * 1000)


def name_of(widget: QWidget) -> str:
    """The name that Qt gives to a screen reader: its own, else its text, else its label's."""
    if name := widget.accessibleName():
        return name
    if isinstance(widget, QAbstractButton):
        return widget.text().replace("&", "")
    labels = widget.window().findChildren(QLabel)
    return next((label.text() for label in labels if label.buddy() is widget), "")


def names(window: QWidget) -> list[str]:
    return [name_of(widget) for widget in in_order(window)]


@pytest.fixture
def announced(monkeypatch) -> list[str]:
    """The sentences that a screen reader is given."""
    told: list[str] = []

    listening = SimpleNamespace(
        isActive=lambda: True, updateAccessibility=lambda event: told.append(event.message())
    )
    monkeypatch.setattr(QtGui, "QAccessible", listening)
    return told


def test_the_window_is_named_and_in_the_order_in_which_it_is_read(window, written):
    shown = window(*Seed(now()).events(200))
    written.answer()
    shown.resize(1180, 720)
    shown.browser.view.select(0)
    written.settle()
    shown.filters.search.setFocus()
    said = names(shown)
    nameless = [widget for widget in in_order(shown) if not name_of(widget)]
    assert not nameless
    rows, places = said.index("History, newest first"), said.index("Where to look")
    assert said.index("Search the history") < places < rows
    assert rows < said.index("Take over"), "what to do comes after what it is about"


@pytest.mark.parametrize("page", [Page.BOARD, Page.HAND_OVER])
def test_the_other_pages_are_named(window, written, page):
    shown = window(*Seed(now()).events(200))
    written.answer()
    shown.pages.turn_to(page)
    written.settle()
    said = names(shown)
    assert all(said), said
    wanted = {Page.BOARD: "Board", Page.HAND_OVER: "Hand-over"}[page]
    assert any(one.startswith(wanted) for one in said), said


def test_every_dialog_names_all_that_takes_the_focus(show, written, fake):
    written.answer()
    for dialog in (
        StatusWindow(written.state),
        TeamWindow(written.state),
        JoinDialog(written.state),
        InviteDialog(written.state.status),
        DeployDialog(fake.TARGETS[0], written.state.status),
    ):
        shown = show(dialog)
        said = names(shown)
        assert said, type(dialog).__name__
        assert all(said), (type(dialog).__name__, said)
        shown.hide()


def test_every_letter_with_alt_leads_to_one_place(show, written, fake, story):
    written.answer()
    since = story.line_of(story.push("shop", now(), "bo", "Round VAT", "cd" * 20))
    for dialog in (
        StatusWindow(written.state),
        TeamWindow(written.state),
        JoinDialog(written.state),
        InviteDialog(written.state.status),
        DeployDialog(fake.TARGETS[0], written.state.status),
        NoteDialog(since, "ana"),
        RuleDialog(None, {}),
    ):
        shown = show(dialog)
        assert not doubled_letters(shown), type(dialog).__name__
        shown.hide()


def test_rows_that_arrive_are_announced_in_one_sentence(qtbot, window, written, story, announced):
    shown = window()
    shown.arrivals.setInterval(1)
    at = now()
    fields = {"number": "7", "environment": "production", "title": "5xx over 2 %"}
    firing = story.event(Kind.INCIDENT, "firing", "shop", at, "incident/shop/5xx", **fields)
    pushes = [story.push("search", at + n, "bo", f"C{n}", f"{n:040x}") for n in range(3)]
    written.add(firing, *pushes)
    qtbot.waitUntil(lambda: bool(announced), timeout=20_000)
    (said,) = announced
    assert said.startswith("Production: shop 5xx over 2 %")
    assert said.endswith("more new lines")
    shown.close()
    written.add(story.push("search", at + 9, "bo", "Unseen", "ff" * 20))
    qtbot.wait(20)
    assert announced == [said], "a window that nobody sees says nothing"


def test_one_row_is_told_by_its_name(story):
    line = story.line_of(story.push("shop", now(), "bo", "Round VAT", "cd" * 20))
    assert "shop" in arrivals_text([line])
    assert "more" not in arrivals_text([line])
    assert arrivals_text([]) == ""


def test_a_refusal_and_the_number_of_hits_are_announced(qtbot, window, written, story, announced):
    label = PlainLabel()
    qtbot.addWidget(label)
    say(label, "the node refused", Tone.RED)
    assert announced == ["the node refused"]
    say(label, "by the way", Tone.MUTED)
    assert announced == ["the node refused"]
    shown = window(*story.day(now()))
    shown.filters.search.setText("retry card")
    qtbot.waitUntil(lambda: "1 hit" in announced, timeout=20_000)


def test_without_a_screen_reader_nothing_is_made(qtbot):
    label = PlainLabel()
    qtbot.addWidget(label)
    announce(label, "nobody hears it")
    assert not Arrivals(label).isActive()


def test_a_screen_reader_takes_each_window_for_one(qtbot, window, written):
    shown, menu = window(), TrayMenu()
    qtbot.addWidget(menu)
    MenuContents(menu, written.state)
    peek = Peek(written.state, menu.deploy, menu.snooze)
    qtbot.addWidget(peek)
    kinds = {QAccessible.Role.Window, QAccessible.Role.Dialog}
    for one in (shown, peek, StatusWindow(written.state)):
        assert QAccessible.queryAccessibleInterface(one).role() in kinds, type(one).__name__


def test_the_button_that_empties_the_search_has_a_name(window):
    search = window().filters.search
    search.setText("shop")
    assert [button.accessibleName() for button in search.findChildren(QToolButton)] == [
        "Clear the search"
    ]
