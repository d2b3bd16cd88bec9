"""Saved searches: in the left pane with a count, and in desk.toml."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from devstream_desktop.desk.preferences import Search, parse_preferences
from devstream_desktop.desktop.commands import Command

SHOP = Search(name="The shop", query="service:shop")
FAILED = Search(name="Failed", query="state:failed")


@pytest.fixture
def saved(qtbot, window, written, pushes):
    """The window over five commits of the shop, and the text that its changes make."""

    class Saved:
        def __init__(self) -> None:
            self.window = window(*pushes(5))
            self.text = ""
            self.window.preferences_changed.connect(self.take)

        def take(self, change) -> None:
            self.text = change(self.text)
            self.show(*self.kept)

        @property
        def kept(self) -> tuple[Search, ...]:
            return parse_preferences(self.text, "desk.toml").searches

        def show(self, *searches: Search) -> None:
            written.state.searches = searches
            written.state.changed.emit()

        def entries(self) -> list[tuple[str, str]]:
            places = list(self.window.sidebar.places)
            names = [place.name for place in places]
            if "Saved" not in names:
                return []
            rest = places[names.index("Saved") + 1 :]
            end = next((at for at, place in enumerate(rest) if place.heading), len(rest))
            return [(place.name, place.counted) for place in rest[:end]]

        def current(self, name: str) -> None:
            sidebar = self.window.sidebar
            row = [place.name for place in sidebar.places].index(name)
            sidebar.setCurrentIndex(sidebar.model().index(row, 0))

        def type(self, query: str) -> None:
            self.window.filters.search.setText(query)
            qtbot.waitUntil(lambda: not self.window.filters._timer.isActive())

    return Saved()


def test_a_search_is_saved_under_a_name_and_counted(qtbot, saved) -> None:
    assert saved.entries() == []
    saved.type("service:shop")
    # A service has an entry already.
    assert saved.entries() == []
    saved.type("commit 3")
    assert saved.entries() == [("Save this search…", "")]
    saved.window.commands.action(Command.SAVE_SEARCH).trigger()
    dialog = saved.window.saved.dialog
    assert not dialog.keep.isEnabled()
    dialog.field.setText("Third")
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert saved.kept == (Search(name="Third", query="commit 3"),)
    qtbot.waitUntil(lambda: saved.entries() == [("Third", "1")])


def test_what_is_half_typed_cannot_be_saved(qtbot, saved) -> None:
    saved.type("kind:nothing")
    assert saved.entries() == []
    saved.window.commands.action(Command.SAVE_SEARCH).trigger()
    assert saved.window.saved.dialog is None


def test_a_saved_search_is_shown_when_it_is_chosen(saved) -> None:
    saved.show(SHOP, FAILED)
    sidebar = saved.window.sidebar
    saved.current("Failed")
    sidebar.activated.emit(sidebar.currentIndex())
    assert saved.window.filters.search.text() == "state:failed"


def test_it_is_renamed_moved_and_removed_by_keys(qtbot, saved) -> None:
    saved.text = (
        '[[search]]\nname = "The shop"\nquery = "service:shop"\n\n'
        '# what broke\n[[search]]\nname = "Failed"\nquery = "state:failed"\n'
    )
    saved.show(SHOP, FAILED)
    sidebar = saved.window.sidebar
    saved.current("Failed")
    qtbot.keyClick(sidebar, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert saved.kept == (FAILED, SHOP)
    assert saved.text.startswith("# what broke\n")
    saved.current("Failed")
    qtbot.keyClick(sidebar, Qt.Key.Key_F2)
    dialog = saved.window.saved.dialog
    dialog.field.setText("the SHOP")
    assert dialog.said.isVisible()
    assert not dialog.keep.isEnabled()
    dialog.field.setText("Broken")
    dialog.keep.click()
    assert saved.kept[0] == Search(name="Broken", query="state:failed")
    saved.current("The shop")
    qtbot.keyClick(sidebar, Qt.Key.Key_Delete)
    assert [search.name for search in saved.kept] == ["Broken"]


def test_the_keys_of_other_entries_do_nothing(qtbot, saved) -> None:
    saved.show(SHOP)
    saved.current("Everything")
    qtbot.keyClick(saved.window.sidebar, Qt.Key.Key_Delete)
    assert saved.text == ""


def test_what_is_saved_is_read_out_with_its_count(qtbot, saved) -> None:
    saved.show(SHOP)
    qtbot.waitUntil(lambda: saved.entries() == [("The shop", "5")])
    model = saved.window.sidebar.model()
    said = [
        model.index(row, 0).data(Qt.ItemDataRole.AccessibleTextRole)
        for row in range(model.rowCount())
    ]
    assert "The shop, 5" in said
