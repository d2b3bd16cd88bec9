"""The rows of the window over a real history: live, by page, kept in place, searched."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

from devstream_desktop.desktop.windows.history.cell import MARK, PADDING
from devstream_desktop.desktop.windows.history.columns import Column
from devstream_desktop.desktop.windows.history.model import PAGE
from devstream_desktop.history.reader import HistoryUnavailableError
from devstream_desktop.stream.query import parse_query
from devstream_desktop.stream.words import OUTCOMES


def now() -> int:
    return int(time.time() * 1000)


def test_rows_are_newest_first_with_words_for_states(window, column, story):
    shown = window(*story.day(now()))
    states = column(shown, Column.STATE)
    assert states[:3] == ["running", "pushed", "claimed"]
    assert "failed" in states
    assert "fixed" in states
    newest = shown.browser.model.index(0, Column.STATE)
    assert newest.data(Qt.ItemDataRole.AccessibleTextRole) == "State: running"


def test_a_live_row_comes_in_on_top(window, column, written, story, pushes):
    shown = window(*pushes(3))
    written.add(story.push("search", now(), "chen", "Live", "ff" * 20))
    assert column(shown, Column.SERVICE) == ["search", "shop", "shop", "shop"]
    assert not shown.browser.table.pill.isVisible()


def test_a_later_state_takes_the_place_of_its_row(window, column, written, story, pushes):
    request = "ab" * 16
    began = story.deploy("shop", now() - 5_000, "in_progress", "cd" * 20, request)
    shown = window(*pushes(2), began)
    written.add(story.push("shop", now() - 2_000, "bo", "Between", "ee" * 20))
    written.add(story.deploy("shop", now(), "success", "cd" * 20, request, duration=5_000))
    assert column(shown, Column.STATE) == ["deployed", "pushed", "pushed", "pushed"]


def test_scrolling_reads_on_until_the_beginning(window, pushes):
    model = window(*pushes(PAGE + 40)).browser.model
    assert model.rowCount() == PAGE
    model.fetchMore(model.index(-1, -1))
    assert model.rowCount() == PAGE + 40
    assert not model.canFetchMore(model.index(-1, -1))


def test_what_is_read_stays_in_place_while_rows_come_in(qtbot, window, written, story, pushes):
    browser = window(*pushes(80)).browser
    browser.table.verticalScrollBar().setValue(20)
    reading = browser.model.line(browser.table.rowAt(2)).id
    written.add(
        *(
            story.push("search", now() + place, "chen", "Live", f"{place:039x}f", ref=f"b{place}")
            for place in range(3)
        )
    )
    assert browser.model.line(browser.table.rowAt(2)).id == reading
    assert browser.table.pill.isVisible()
    assert browser.table.pill.text() == "↑ 3 new"
    qtbot.mouseClick(browser.table.pill, Qt.MouseButton.LeftButton)
    assert browser.table.at_top
    assert not browser.table.pill.isVisible()


def test_search_as_one_types_and_live_rows_only_where_they_answer(
    qtbot, window, column, written, story
):
    shown = window(*story.day(now()))
    qtbot.keyClicks(shown.filters.search, "retry card")
    qtbot.waitUntil(lambda: shown.browser.model.rowCount() == 1, timeout=2_000)
    written.add(
        story.push("shop", now(), "bo", "Something else", "aa" * 20),
        story.push("shop", now() + 1, "bo", "Retry the cards", "bb" * 20),
    )
    assert [line[:2] for line in column(shown, Column.WHAT)] == ["bo", "ch"]
    qtbot.keyClick(shown.filters.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: shown.browser.model.rowCount() > 10, timeout=2_000)


def test_filters_hold_and_a_mistake_is_explained(qtbot, window, column, story):
    shown = window(*story.day(now()))
    shown.filters.environments.setCurrentIndex(shown.filters.environments.findData("production"))
    shown.filters.kinds.setCurrentIndex(shown.filters.kinds.findData("deploy"))
    qtbot.waitUntil(lambda: set(column(shown, Column.ENVIRONMENT)) == {"production"}, timeout=2_000)
    assert shown.browser.model.query == parse_query("kind:deploy env:production")
    qtbot.keyClicks(shown.filters.search, "kind:nonsense")
    qtbot.waitUntil(lambda: "no kind" in shown.status.whole, timeout=2_000)


def test_a_line_of_the_menu_is_found_under_a_filter_and_stays_open(qtbot, window, written, story):
    shown = window(*story.day(now()))
    qtbot.keyClicks(shown.filters.search, "retry card")
    qtbot.waitUntil(lambda: shown.browser.model.rowCount() == 1, timeout=2_000)
    wanted = written.state.recent[1]
    with qtbot.waitSignal(shown.filters.changed, timeout=2_000):
        shown.show_line(wanted)
    # The emptied search field reports its query a moment later, and it is the one shown already.
    assert shown.browser.table.current_line() == wanted
    assert shown.browser.details.isVisible()


def test_another_team_is_another_history(window, written, pushes):
    shown = window(*pushes(2))
    written.answer()
    shown.browser.table.select(0)
    written.answer(team_id="other")
    assert not shown.browser.details.isVisible()
    assert shown.browser.model.rowCount() == 2


def test_a_history_that_cannot_be_read_says_so_and_is_read_again(
    window, written, pushes, monkeypatch
):
    reasons = ["the database is being made"]

    def page(*_, **__):
        raise HistoryUnavailableError(reasons[0])

    written.answer()
    with monkeypatch.context() as patch:
        patch.setattr(written.reader, "page", page)
        shown = window()
        assert shown.browser.empty.state.title == "The history cannot be read"
        reasons[0] = "the disk does not answer"
        written.answer()
        assert shown.browser.empty.state.hint == "The disk does not answer."
    written.node.add(pushes(2))
    written.answer()
    assert shown.browser.model.rowCount() == 2


@pytest.mark.parametrize("word", sorted(OUTCOMES))
def test_no_state_is_cut(window, pushes, word):
    table = window(*pushes(1)).browser.table
    font = table.font()
    font.setBold(True)
    room = table.columnWidth(Column.STATE) - MARK - PADDING - PADDING // 2
    text = word
    assert QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, room) == text
