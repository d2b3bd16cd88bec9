"""The details of a row, the keys of the window, and rows that are struck out."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence

from devstream_desktop.desktop.windows.history.details import fields


def now() -> int:
    return int(time.time() * 1000)


def trigger(window, key: QKeySequence) -> None:
    """Press a shortcut of the window."""
    next(action for action in window.actions() if key in action.shortcuts()).trigger()


def test_the_details_tell_everything_and_the_past(window, written, states, story):
    shown = window(*story.day(now()))
    failed = shown.browser.model.lines[states(shown).index("failed")]
    row = shown.browser.model.find(failed.id)
    shown.browser.view.select(row)
    written.settle()
    line = shown.browser.model.line(row)
    assert shown.browser.details.isVisible()
    told = dict(fields(line))
    assert told["Commit"] == line.event.revision
    assert told["Count"] == "2 of 188"
    assert told["Published by"] == "acme-collector"
    assert shown.browser.details.why.text() == "No popup: a test."


def test_long_labels_are_not_cut_off(window, written, pushes):
    shown = window(*pushes(1))
    shown.resize(1280, 800)
    details = shown.browser.details
    details.open.setText("Die Verknüpfung dieser Zeile im Browser öffnen")
    shown.browser.view.select_first()
    written.settle()
    edge = details.copy.mapTo(details, details.copy.rect().topRight()).x()
    assert details.isVisible()
    assert edge < details.width()


def test_keys_open_copy_and_toggle(qtbot, window, written, pushes, monkeypatch):
    opened = []
    monkeypatch.setattr(
        "devstream_desktop.desktop.windows.history.browser.open_link",
        lambda url: opened.append(url) or True,
    )
    shown = window(*pushes(2))
    written.answer()
    shown.browser.view.select_first()
    written.settle()
    qtbot.keyClick(shown.browser.view, Qt.Key.Key_Return)
    assert opened == [shown.browser.model.lines[0].event.url]
    trigger(shown, QKeySequence(QKeySequence.StandardKey.Copy))
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("shop  bo pushed 1 commit to main · 0000000 — Commit 1")
    with qtbot.waitSignal(shown.duty_chosen, timeout=20_000) as chosen:
        trigger(shown, QKeySequence("Ctrl+D"))
    assert chosen.args == [False]


def test_escape_clears_and_then_closes(qtbot, window, pushes):
    shown = window(*pushes(2))
    shown.filters.search.setText("x")
    qtbot.keyClick(shown.filters.search, Qt.Key.Key_Escape)
    assert shown.isVisible()
    with qtbot.waitSignal(shown.closed, timeout=20_000):
        qtbot.keyClick(shown.filters.search, Qt.Key.Key_Escape)
    assert not shown.isVisible()


def test_escape_in_the_rows_closes_the_details_then_the_search_then_the_window(
    qtbot, window, written, story
):
    shown = window(*story.day(now()))
    shown.filters.search.setText("retry")
    qtbot.waitUntil(lambda: 0 < shown.browser.model.rowCount() < 10, timeout=20_000)
    shown.browser.view.select_first()
    written.settle()
    qtbot.keyClick(shown.browser.view, Qt.Key.Key_Escape)
    assert not shown.browser.details.isVisible()
    assert shown.filters.search.text() == "retry"
    qtbot.keyClick(shown.browser.view, Qt.Key.Key_Escape)
    assert shown.filters.search.text() == ""
    assert shown.isVisible()
    qtbot.keyClick(shown.browser.view, Qt.Key.Key_Escape)
    assert not shown.isVisible()


def test_what_a_revoked_device_wrote_is_struck_out_once_the_policy_says_so(
    window, states, written, story
):
    began = now() - 60_000
    honest = story.push("shop", began, "bo", "Honest", "aa" * 20)
    lie = story.push("shop", began + 1, "bo", "A lie", "bb" * 20)
    shown = window(honest, lie)
    written.answer()
    shown.browser.view.select_first()
    written.settle()
    written.strike_out(after=1)
    assert states(shown) == ["struck out", "pushed"]
    model = shown.browser.model
    lie, honest = (model.index(model.find(line.id)) for line in model.lines)
    assert "its device was revoked" in lie.data(Qt.ItemDataRole.AccessibleTextRole)
    assert lie.data(Qt.ItemDataRole.AccessibleTextRole).startswith("struck out, shop")
    assert "its device was revoked" not in honest.data(Qt.ItemDataRole.AccessibleTextRole)
    shown.resize(1280, 800)
    details = shown.browser.details
    assert details.title.font().strikeOut()
    assert dict(fields(details.line))["Warning"].startswith("Struck out: its device was revoked")
    details.copy.click()
    assert "[struck out: " in QGuiApplication.clipboard().text()
    shown.browser.view.select(honest.row())
    written.settle()
    assert not details.title.font().strikeOut()
