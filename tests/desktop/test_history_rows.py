"""The items of the window over a real history: live, by page, kept in place, searched."""

from __future__ import annotations

import time

from PySide6.QtCore import QModelIndex, QPoint, Qt

from devstream_desktop.desktop.windows.history.held import PAGE
from devstream_desktop.desktop.windows.history.items import Heading
from devstream_desktop.history.reader import HistoryUnavailableError
from devstream_desktop.stream.query_text import parse_query


def now() -> int:
    return int(time.time() * 1000)


def services(window) -> list[str]:
    return [line.event.service for line in window.browser.model.lines]


def lines_below_headings(window) -> int:
    model = window.browser.model
    return sum(not isinstance(model.item(row), Heading) for row in range(model.rowCount()))


def test_rows_are_newest_first_with_words_for_states(window, states, story):
    shown = window(*story.day(now()))
    words = states(shown)
    assert words[:3] == ["running", "pushed", "claimed"]
    assert "failed" in words
    assert "fixed" in words
    model = shown.browser.model
    rows = range(model.rowCount())
    first = next(row for row in rows if isinstance(model.item(row), Heading))
    heading = model.index(first)
    assert heading.data().startswith("Today, ")
    assert not heading.flags() & Qt.ItemFlag.ItemIsSelectable


def test_a_commit_is_one_item_with_its_steps(window, story):
    sha = "cd" * 20
    began = now() - 600_000
    shown = window(
        story.push("shop", began, "bo", "Round VAT", sha),
        story.build("shop", began + 1_000, "succeeded", sha, "7", total=412),
        story.deploy("shop", began + 2_000, "success", sha, "ab" * 16),
        story.push("search", began + 3_000, "chen", "Other", "ef" * 20),
    )
    model = shown.browser.model
    assert lines_below_headings(shown) == 2
    thing = model.item(2)
    assert [line.event.kind for line in thing.steps] == ["change", "test", "deploy"]
    spoken = model.index(2).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.startswith("deployed, shop, ana deployed cdcdcdc to production — Round VAT")
    assert spoken.endswith("steps: pushed, CI 412, production")
    shown.browser.view.select(2)
    model.toggle(2)
    assert lines_below_headings(shown) == 5
    assert shown.browser.view.current_line() == thing.line
    model.toggle(2)
    assert lines_below_headings(shown) == 2


def test_a_live_row_comes_in_on_top(window, written, story, pushes):
    shown = window(*pushes(3))
    written.add(story.push("search", now(), "chen", "Live", "ff" * 20))
    assert services(shown) == ["search", "shop", "shop", "shop"]
    assert not shown.browser.view.pill.isVisible()


def test_a_later_state_takes_the_place_of_its_row(window, states, written, story, pushes):
    request = "ab" * 16
    began = story.deploy("shop", now() - 5_000, "in_progress", "cd" * 20, request)
    shown = window(*pushes(2), began)
    written.add(story.push("shop", now() - 2_000, "bo", "Between", "ee" * 20))
    written.add(story.deploy("shop", now(), "success", "cd" * 20, request, duration=5_000))
    assert states(shown) == ["deployed", "pushed", "pushed", "pushed"]


def test_scrolling_reads_on_until_the_beginning(window, written, pushes):
    model = window(*pushes(PAGE + 40)).browser.model
    assert len(model.lines) == PAGE
    model.fetchMore(QModelIndex())
    assert not model.canFetchMore(QModelIndex()), "one page is read at a time"
    written.settle()
    assert len(model.lines) == PAGE + 40
    assert not model.canFetchMore(QModelIndex())


def test_what_is_read_stays_in_place_while_rows_come_in(qtbot, window, written, story, pushes):
    browser = window(*pushes(80)).browser
    table, model = browser.view, browser.model
    table.verticalScrollBar().setValue(400)
    first = table.indexAt(QPoint(1, 1))
    reading, top = model.item(first.row()).key, table.visualRect(first).top()
    written.add(
        *(
            story.push("search", now() + place, "chen", "Live", f"{place:039x}f", ref=f"b{place}")
            for place in range(3)
        )
    )
    still = table.indexAt(QPoint(1, 1))
    assert model.item(still.row()).key == reading
    assert table.visualRect(still).top() == top
    assert table.pill.isVisible()
    assert table.pill.text() == "↑ 3 new"
    qtbot.mouseClick(table.pill, Qt.MouseButton.LeftButton)
    assert table.at_top
    assert not table.pill.isVisible()


def test_a_larger_font_makes_higher_rows(window, pushes):
    browser = window(*pushes(3)).browser
    before = browser.view.visualRect(browser.model.index(1)).height()
    font = browser.view.font()
    font.setPointSizeF(font.pointSizeF() * 2)
    browser.view.setFont(font)
    assert browser.view.visualRect(browser.model.index(1)).height() > before


def test_search_as_one_types_and_live_rows_only_where_they_answer(qtbot, window, written, story):
    shown = window(*story.day(now()))
    qtbot.keyClicks(shown.filters.search, "retry card")
    qtbot.waitUntil(lambda: len(shown.browser.model.lines) == 1, timeout=20_000)
    written.add(
        story.push("shop", now(), "bo", "Something else", "aa" * 20),
        story.push("shop", now() + 1, "bo", "Retry the cards", "bb" * 20),
    )
    assert [line.event.actor for line in shown.browser.model.lines] == ["bo", "chen"]
    qtbot.keyClick(shown.filters.search, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: len(shown.browser.model.lines) > 10, timeout=20_000)


def test_filters_hold_and_a_mistake_is_explained(qtbot, window, story):
    shown = window(*story.day(now()))

    def places() -> set[str]:
        return {line.event.environment for line in shown.browser.model.lines}

    qtbot.keyClicks(shown.filters.search, "kind:deploy env:production")
    qtbot.waitUntil(lambda: places() == {"production"}, timeout=20_000)
    assert shown.browser.model.query == parse_query("kind:deploy env:production")
    qtbot.keyClicks(shown.filters.search, " kind:nonsense")
    qtbot.waitUntil(lambda: "No kind" in shown.status.whole, timeout=20_000)


def test_the_field_offers_filters_and_what_the_history_holds(qtbot, window, story):
    shown = window(*story.day(now()))
    search = shown.filters.search
    qtbot.keyClicks(search, "retry en")
    assert search.offers == ["retry env:"]
    qtbot.keyClicks(search, "v:p")
    assert search.offers == ["retry env:production"]
    qtbot.keyClicks(search, "roduction")
    assert search.offers == []
    qtbot.keyClicks(search, " hello")
    assert search.offers == []


def test_the_sidebar_is_a_way_to_search(qtbot, window, story):
    shown = window(*story.day(now()))
    names = [place.name for place in shown.sidebar.places]
    assert names[:5] == ["Red now", "Unclaimed", "Mine", "Unseen", "Views"]
    assert {"shop", "search"} <= set(names[names.index("Services") + 1 :])
    deploys = shown.sidebar.model().index(names.index("Deploys"), 0)
    shown.sidebar.clicked.emit(deploys)
    assert shown.filters.search.text() == "kind:deploy"
    kinds = lambda: {line.event.kind for line in shown.browser.model.lines}  # noqa: E731
    qtbot.waitUntil(lambda: kinds() == {"deploy"}, timeout=20_000)
    assert shown.sidebar.currentIndex() == deploys
    qtbot.keyClicks(shown.filters.search, " shop")
    assert not shown.sidebar.selectionModel().hasSelection()


def test_a_line_of_the_menu_is_found_under_a_filter_and_stays_open(qtbot, window, written, story):
    shown = window(*story.day(now()))
    qtbot.keyClicks(shown.filters.search, "retry card")
    qtbot.waitUntil(lambda: len(shown.browser.model.lines) == 1, timeout=20_000)
    wanted = written.state.recent[1]
    with qtbot.waitSignal(shown.filters.changed, timeout=20_000):
        shown.show_line(wanted)
    written.settle()
    # The emptied search field reports its query a moment later, and it is the one shown already.
    assert shown.browser.view.current_line() == wanted
    assert shown.browser.details.isVisible()


def test_another_team_is_another_history(window, written, pushes):
    shown = window(*pushes(2))
    written.answer()
    shown.browser.view.select_first()
    written.answer(team_id="other")
    assert not shown.browser.details.isVisible()
    assert len(shown.browser.model.lines) == 2


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
    assert len(shown.browser.model.lines) == 2


def test_the_model_keeps_the_rules_of_qt(window, written, story, pushes, qtmodeltester):
    shown = window(*story.day(now()))
    qtmodeltester.check(shown.browser.model)
    written.add(*pushes(3))
    qtmodeltester.check(shown.browser.model)
