"""A list of a long history: pages come and go, and what is read stays in place."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt

from devstream_desktop.desktop.windows.history import model as model_module
from devstream_desktop.desktop.windows.history.held import PAGE
from devstream_desktop.desktop.windows.history.model import StreamModel
from devstream_desktop.stream.query import Query


@pytest.fixture
def short(monkeypatch) -> None:
    """Drop sooner, so that a few hundred rows are a long history."""
    monkeypatch.setattr(model_module, "_MOST", 3 * PAGE)
    monkeypatch.setattr(model_module, "_FAR", 60)


@pytest.fixture
def long(window, pushes, short):
    """A window over 900 commits."""
    return window(*pushes(900))


def ids(shown) -> list[int]:
    return [line.id for line in shown.browser.model.lines]


def every_id(written) -> list[int]:
    told = []
    written.history.ask(
        lambda reader: reader.page(Query(), limit=9_999), told.extend, owner=written.history
    )
    written.settle()
    return [line.id for line in told]


def scroll_down(shown, written) -> int:
    """Scroll to the end, page by page; returns the most lines that were held."""
    bar, most = shown.browser.view.verticalScrollBar(), 0
    for _ in range(200):
        bar.setValue(bar.maximum())
        written.settle()
        most = max(most, len(ids(shown)))
        if not shown.browser.model._held.older and bar.value() == bar.maximum():
            return most
    raise AssertionError("the end was never reached")


def scroll_up(shown, written) -> int:
    bar, most = shown.browser.view.verticalScrollBar(), 0
    for _ in range(200):
        bar.setValue(0)
        written.settle()
        most = max(most, len(ids(shown)))
        if shown.browser.view.at_top:
            return most
    raise AssertionError("the newest row was never reached")


def test_rows_far_from_the_view_are_dropped_and_come_back(long, written):
    whole = every_id(written)
    assert len(whole) == 900
    assert scroll_down(long, written) <= 4 * PAGE
    assert ids(long)[-1] == whole[-1]
    assert long.browser.model.has_newer
    assert scroll_up(long, written) <= 4 * PAGE
    held = ids(long)
    assert held == whole[: len(held)], "nothing is missing and nothing is there twice"


def test_the_model_keeps_the_rules_of_qt_while_pages_come_and_go(
    written, pushes, short, qtmodeltester
):
    written.add(*pushes(500))
    model = StreamModel(written.history)
    qtmodeltester.check(model)
    # The tester asks for more with every change, so it reads to the end by itself.
    for step in (
        model.reload,
        lambda: model.keep_near(200, 210),
        model.fetch_newer,
        lambda: model.show_around(model.lines[-40].id),
        lambda: model.merge(model.lines[10:20]),
        model.to_oldest,
        model.fetch_newer,
    ):
        step()
        written.settle()
    assert not model.canFetchMore(QModelIndex())


def test_what_is_read_stays_in_place_while_pages_come_and_go(long, written):
    view, model = long.browser.view, long.browser.model
    scroll_down(long, written)
    bar = view.verticalScrollBar()
    # Near the first row that is held, so that the page above it is read.
    bar.setValue(view.viewport().height() // 2)
    first = view.indexAt(QPoint(1, 1))
    reading, top = model.item(first.row()).key, view.visualRect(first).top()
    before = ids(long)[0]
    written.settle()
    assert ids(long)[0] > before
    still = view.indexAt(QPoint(1, 1))
    assert (model.item(still.row()).key, view.visualRect(still).top()) == (reading, top)


def test_rows_that_arrive_above_what_is_held_are_counted_and_a_click_goes_to_them(
    qtbot, long, written, story
):
    view = long.browser.view
    scroll_down(long, written)
    newest = ids(long)[0]
    at = int(time.time() * 1000)
    written.add(*(story.push("search", at + n, "bo", "Live", f"{n:040x}") for n in range(3)))
    assert ids(long)[0] == newest, "it would leave a gap"
    assert view.pill.text() == "↑ 3 new"
    qtbot.mouseClick(view.pill, Qt.MouseButton.LeftButton)
    written.settle()
    assert view.at_top
    assert not view.pill.isVisible()
    assert ids(long)[:3] == every_id(written)[:3]


def test_rows_that_came_with_a_page_are_not_lost_when_they_are_merged(written, pushes):
    model = StreamModel(written.history)
    written.add(*pushes(2 * PAGE))
    arrived = []
    written.history.ask(lambda reader: reader.since(0), arrived.extend, owner=written.history)
    model.reload()
    written.settle()
    before = list(model.lines)
    model.merge(arrived)
    written.settle()
    assert list(model.lines) == before


def test_home_and_end_go_to_the_newest_and_the_oldest_row(qtbot, long, written):
    view, whole = long.browser.view, every_id(written)
    qtbot.keyClick(view, Qt.Key.Key_End)
    written.settle()
    assert ids(long)[-1] == whole[-1]
    bottom = view.indexAt(QPoint(1, view.viewport().height() - 2))
    assert bottom.row() == long.browser.model.rowCount() - 1
    qtbot.keyClick(view, Qt.Key.Key_Home)
    written.settle()
    assert ids(long)[0] == whole[0]
    assert view.at_top


def test_a_row_far_down_is_shown_among_its_neighbours(long, written):
    whole = []
    written.history.ask(
        lambda reader: reader.page(Query(), limit=9_999), whole.extend, owner=written.history
    )
    written.settle()
    wanted = whole[700]
    long.show_line(wanted)
    written.settle()
    assert long.browser.view.current_line() == wanted
    assert long.browser.details.line == wanted
    held = ids(long)
    assert held == [line.id for line in whole[700 - PAGE : 700 + PAGE + 1]]


def test_a_line_that_is_gone_still_has_its_details(qtbot, window, written, pushes, story):
    shown = window(*pushes(2))
    gone = story.line_of(story.push("shop", 1, "bo", "Long ago", "cd" * 20))
    shown.show_line(gone)
    written.settle()
    assert shown.browser.details.line == gone
    assert shown.browser.details.isVisible()
    qtbot.keyClick(shown.browser.view, Qt.Key.Key_Escape)
    assert not shown.browser.details.isVisible()
    assert shown.isVisible()


def test_a_flood_of_rows_keeps_what_is_read(long, written, story):
    view, model = long.browser.view, long.browser.model
    view.verticalScrollBar().setValue(500)
    written.settle()
    reading = model.item(view.indexAt(QPoint(1, 1)).row()).key
    at = int(time.time() * 1000)
    flood = (story.push("search", at + n, "bo", f"L{n}", f"{n:040x}") for n in range(700))
    written.add(*flood)
    assert model.item(view.indexAt(QPoint(1, 1)).row()).key == reading
    assert len(ids(long)) <= 5 * PAGE
