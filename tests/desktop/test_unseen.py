"""The mark up to which a person has seen everything: on rows, in the tray, in the search."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt

from devstream_desktop.cli.question import question
from devstream_desktop.desk.store import DeskStore
from devstream_desktop.desktop.commands import Command
from devstream_desktop.desktop.tray.summary import mark_and_tooltip
from devstream_desktop.desktop.windows.history import visit
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.seen import Seen


def now() -> int:
    return int(time.time() * 1000)


@pytest.fixture
def looked(monkeypatch, qtbot, window, written, story, pushes):
    """A window whose person has seen three commits, and looked away."""
    monkeypatch.setattr(visit, "LOOK_MS", 1)
    written.add(*pushes(3))
    written.state.set_seen(Seen())
    shown = window()
    with qtbot.waitActive(shown):
        shown.bring_up()
    shown.close()
    return shown


def failed(story, at, number="1", service="shop"):
    return story.build(service, at, "failed", "cd" * 20, number)


def new_rows(shown) -> list[str]:
    model = shown.browser.model
    spoken = (
        model.index(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(model.rowCount())
    )
    return [one for one in spoken if one.startswith("new, ")]


def test_what_came_while_away_is_marked_and_counted_until_it_was_looked_at(
    qtbot, looked, written, story
):
    written.add(failed(story, now()), story.push("search", now(), "bo", "Later", "ee" * 20))
    assert [line.event.kind for line in written.state.unseen] == ["build"], "the others can wait"
    written.answer()
    assert mark_and_tooltip(written.state)[1].endswith(" · 1 unseen")
    looked.bring_up()
    qtbot.waitUntil(lambda: not written.state.unseen, timeout=20_000)
    assert "unseen" not in mark_and_tooltip(written.state)[1]
    # The marks stay for the visit, or nobody could find what they were called for.
    assert len(new_rows(looked)) == 3, "pinned, the run, and the commit"
    counts = lambda: {place.name: place.count for place in looked.sidebar.places}  # noqa: E731
    # They are counted after they are shown.
    qtbot.waitUntil(lambda: counts()["Unseen"] == 2, timeout=20_000)
    looked.close()
    looked.bring_up()
    qtbot.waitUntil(lambda: not new_rows(looked), timeout=20_000)


def test_a_search_for_the_unseen_asks_with_the_mark(qtbot, looked, written, story):
    written.add(failed(story, now()))
    looked.bring_up()
    looked.filters.search.setText("is:unseen")
    titles = ["CI"]
    qtbot.waitUntil(
        lambda: [one.event.title for one in looked.browser.model.lines] == titles, timeout=20_000
    )
    qtbot.waitUntil(lambda: not written.state.unseen, timeout=20_000)


def test_who_reads_further_down_has_not_seen_what_came_above(qtbot, looked, written, pushes, story):
    written.add(*pushes(80))
    looked.bring_up()
    looked.browser.view.verticalScrollBar().setValue(300)
    written.state.see()
    written.add(failed(story, now()))
    qtbot.wait(20)
    assert len(written.state.unseen) == 1
    assert looked.browser.view.pill.text() == "↑ 1 new"
    looked.commands.action(Command.NEWEST).trigger()
    assert looked.browser.view.at_top
    qtbot.waitUntil(lambda: not written.state.unseen, timeout=20_000)


def test_a_window_that_is_opened_again_shows_the_newest(qtbot, looked, written, pushes, story):
    written.add(*pushes(80))
    looked.bring_up()
    looked.browser.view.select(30)
    looked.close()
    for place in range(47):
        at = now() + place
        written.add(story.push("search", at, "bo", "Later", f"{place:039x}e", ref=f"b{place}"))
    looked.bring_up()
    assert looked.browser.view.at_top
    assert not looked.browser.view.pill.isVisible()


def test_everything_can_be_marked_as_seen_by_hand(looked, written, story):
    written.add(failed(story, now()))
    looked.commands.action(Command.SEEN).trigger()
    assert written.state.unseen == []
    assert new_rows(looked) == []


def test_ones_own_acts_are_not_news(written, story):
    written.answer(person="ana")
    written.state.set_seen(Seen())
    written.add(story.deploy("shop", now(), "success", "cd" * 20, "ab" * 16, who="ana"))
    assert written.state.unseen == []


def test_who_comes_to_a_team_did_not_miss_what_was_before(written, story):
    written.state.set_seen(Seen())
    written.add(failed(story, now() - 60_000), age=60_000)
    assert written.state.unseen == []


def test_the_command_asks_with_the_mark_of_the_desk(home, written, story, pushes):
    written.add(*pushes(3))
    seen = Seen(written.node.history.newest(), now() - 1_000)
    written.add(failed(story, now()))
    with Reader(Home(home).history) as reader:
        assert reader.page(question(Home(home), ["is:unseen"])) == []
        with DeskStore(Home(home).desk) as store:
            store.keep_seen(seen)
            assert store.seen() == seen
        found = reader.page(question(Home(home), ["is:unseen"]))
    assert [line.event.title for line in found] == ["CI"]


def test_a_mark_beyond_the_history_begins_anew(written, pushes):
    written.add(*pushes(3))
    newest = written.node.history.newest()
    written.state.set_seen(Seen(newest + 1_000, 7))
    assert written.state.seen.arrival == newest
