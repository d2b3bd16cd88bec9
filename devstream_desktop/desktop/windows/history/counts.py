"""Numbers of the window: hits of the search, and what is in each place to look."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from devstream_desktop.desk.preferences import Search
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.announce import announce
from devstream_desktop.desktop.windows.history.browser import Browser
from devstream_desktop.desktop.windows.history.filters import Filters
from devstream_desktop.desktop.windows.history.saved_searches import SavedSearches
from devstream_desktop.desktop.windows.history.sidebar import Sidebar
from devstream_desktop.desktop.windows.history.typed_search import read_search
from devstream_desktop.desktop.windows.history.visit import UNSEEN
from devstream_desktop.history.reader import Facets, Reader
from devstream_desktop.language import ngettext, number
from devstream_desktop.stream.completion import meant
from devstream_desktop.stream.query import Query

_MOST_HITS = 1_000
"""Hits that are counted while one types."""


class Counts(QObject):
    """Asks the history for numbers, and shows them.

    Where they cannot be read, the rows say so, and the sidebar keeps what it offers.
    """

    saved_changed = Signal()
    """There are other saved searches than before."""

    def __init__(
        self,
        window: QWidget,
        state: AppState,
        browser: Browser,
        filters: Filters,
        sidebar: Sidebar,
        saved: SavedSearches,
    ) -> None:
        super().__init__(window)
        self._window = window
        self._state = state
        self._browser = browser
        self._filters = filters
        self._sidebar = sidebar
        self._saved = saved
        self._kept: tuple[Search, ...] = ()

    def count_hits(self, query: Query) -> None:
        """Show the number of hits; none without a search, or where it cannot be read."""
        self._state.history.drop(self, "hits")
        if query.everything:
            self._filters.show_hits("")
            return

        def show(found: int) -> None:
            counted = f"{number(found)}+" if found == _MOST_HITS else number(found)
            self._filters.show_hits(counted)
            said = ngettext("{count} hit", "{count} hits", found)
            announce(self._filters.search, said.format(count=counted))
            near = () if found else meant(query, self._filters.search.values)
            self._browser.show_meant(near)

        self._state.history.ask(
            lambda reader: reader.hits(query, most=_MOST_HITS),
            show,
            owner=self,
            refuse=lambda _: self._filters.show_hits(""),
            topic="hits",
        )

    def refresh(self) -> None:
        """Read services, branches and people, and count each place."""
        unseen = UNSEEN.asked_by((), self._browser.model.seen)

        def read(reader: Reader) -> tuple[Facets, int]:
            return reader.facets(), reader.hits(unseen)

        self._state.history.ask(read, self._show, owner=self, topic="facets")

    def show_red(self) -> None:
        """Show how many things are red, and which services."""
        self._sidebar.show_red(self._state.red, self._state.names)

    def follow_saved(self) -> None:
        """Offer the saved searches where they are others than before."""
        if self._state.searches != self._kept:
            self._show_saved()

    def show_saves(self, text: str, *, possible: bool) -> None:
        """Offer to save the search, unless it is a place already."""
        known = any(place.query == text for place in self._sidebar.places)
        self._sidebar.show_saves(possible=possible and not known)
        self._sidebar.mark_query(text)

    def _show(self, read: tuple[Facets, int]) -> None:
        facets, new = read
        self._filters.search.show_values(
            {
                "service": facets.services,
                "env": facets.environments,
                "branch": facets.branches,
                "actor": facets.actors,
            }
        )
        self._sidebar.show_services(facets.services)
        self._sidebar.show_new(new)
        self.show_red()
        self._sidebar.mark_query(self._filters.search.text())
        self._show_saved()

    def _show_saved(self) -> None:
        """Offer the saved searches, and count their hits."""
        kept = self._state.searches
        if kept != self._kept:
            self._kept = kept
            self._saved.show_kept(kept)
            self._sidebar.show_saved(kept, ())
            self.saved_changed.emit()
        if not kept or not self._window.isVisible():
            return
        seen, names = self._browser.model.seen, self._state.names
        asked = [read_search(search.query).asked_by(names, seen) for search in kept]
        self._state.history.ask(
            lambda reader: [reader.hits(query) for query in asked],
            lambda counts: self._sidebar.show_saved(kept, counts),
            owner=self,
            topic="saved",
        )
