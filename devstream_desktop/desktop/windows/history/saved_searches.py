"""Searches that are kept under a name: save, rename, order, remove."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QMenu, QWidget

from devstream_desktop.desk.preferences import MAX_SEARCHES, Search
from devstream_desktop.language import _

if TYPE_CHECKING:
    from devstream_desktop.desk.preferences_file import Items
    from devstream_desktop.desktop.windows.history.name_dialog import NameDialog


class SavedSearches(QObject):
    """Asks for names, and makes changes of desk.toml."""

    changed = Signal(object)
    """A `Change` of desk.toml."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._window = parent
        self._kept: tuple[Search, ...] = ()
        self.dialog: NameDialog | None = None
        """The dialog that was opened last."""

    def show_kept(self, kept: tuple[Search, ...]) -> None:
        """Work on these searches."""
        self._kept = kept

    def may_save(self, query: str) -> bool:
        """Tell whether a search can be kept: it is one, and not kept yet."""
        known = {search.query for search in self._kept}
        return bool(query) and query not in known and len(self._kept) < MAX_SEARCHES

    def save(self, query: str) -> None:
        """Ask for the name of a search, and keep it."""
        if self.may_save(query):
            self._ask(_("Save this search"), query, "", lambda one: self._items().add(one))

    def rename(self, at: int) -> None:
        """Ask for another name of a kept search."""
        search = self._kept[at]
        self._ask(
            _("Rename the search"),
            search.query,
            search.name,
            lambda one: self._items().change(at, one),
        )

    def remove(self, at: int) -> None:
        """Keep a search no longer."""
        self.changed.emit(self._items().remove(at))

    def move(self, at: int, by: int) -> None:
        """Move a search by so many places, if there are so many."""
        if 0 <= at + by < len(self._kept):
            self.changed.emit(self._items().move(at, at + by))

    def show_menu(self, at: int, place: QPoint) -> None:
        """Offer what can be done with a kept search."""
        menu = QMenu(self._window)
        menu.setAccessibleName(_("Saved search"))
        menu.aboutToHide.connect(menu.deleteLater)
        menu.addAction(_("Rename…"), "F2", lambda: self.rename(at))
        up = menu.addAction(_("Move up"), "Alt+Up", lambda: self.move(at, -1))
        down = menu.addAction(_("Move down"), "Alt+Down", lambda: self.move(at, 1))
        menu.addAction(_("Remove"), "Del", lambda: self.remove(at))
        up.setEnabled(at > 0)
        down.setEnabled(at < len(self._kept) - 1)
        menu.popup(place)

    # Editor and dialog are imported when a search is kept or changed.
    def _items(self) -> Items:
        from devstream_desktop.desk.preferences_file import searches

        return searches(self._kept)

    def _ask(self, title: str, query: str, name: str, change: Callable[[Search], object]) -> None:
        from devstream_desktop.desktop.windows.history.name_dialog import NameDialog

        others = [search.name for search in self._kept if search.name != name]
        self.dialog = NameDialog(title, query, name, others, self._window)
        self.dialog.named.connect(
            lambda text: self.changed.emit(change(Search(name=text, query=query)))
        )
        self.dialog.open()
