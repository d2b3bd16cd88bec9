"""A person's visit to the window: the lines that are new to them, and seen by now."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.windows.history.browser import Browser
from devstream_desktop.desktop.windows.history.presence import Presence
from devstream_desktop.stream.query import Is, Query

LOOK_MS = 1_500
"""Milliseconds in view after which the newest rows count as seen."""
UNSEEN = Query(now=frozenset({Is.UNSEEN}))


class Visit(QObject):
    """Knows if somebody looks, and when the newest rows were seen."""

    marked = Signal()
    """Other rows are marked as new than before."""

    def __init__(
        self, window: QWidget, browser: Browser, state: AppState, clock: Callable[[], int]
    ) -> None:
        super().__init__(window)
        self._window = window
        self._browser = browser
        self._state = state
        self._presence = Presence(window, clock)
        self._presence.returned.connect(self.begin)
        self._timer = QTimer(self, singleShot=True, interval=LOOK_MS)
        self._timer.timeout.connect(self._see)
        browser.view.verticalScrollBar().valueChanged.connect(self.look)

    def begin(self) -> None:
        """Mark what came since the last visit, and look at it."""
        # Somebody has turned to the window.
        self._presence.follow()
        self._presence.note()
        self._mark()
        self.look()

    def look(self) -> None:
        """Begin to look, if anybody does."""
        # Not restarted: a steady stream would never let it end.
        if self._looking and not self._timer.isActive():
            self._timer.start()

    def see_all(self) -> None:
        """Take everything for seen."""
        self._state.see()
        self._mark()

    @property
    def at_newest(self) -> bool:
        """True while a person sees the newest rows; popups would repeat them."""
        return self._in_front and self._browser.at_newest

    @property
    def _in_front(self) -> bool:
        window = self._window
        in_front = window.isVisible() and window.isActiveWindow() and not window.isMinimized()
        # A window that is left in front is no person.
        return in_front and self._browser.isVisible() and self._presence.here

    @property
    def _looking(self) -> bool:
        """True while a person looks at what is new: at the newest rows, or at the unseen."""
        browser = self._browser
        return self.at_newest or (
            self._in_front and browser.view.at_top and browser.model.query == UNSEEN
        )

    def _mark(self) -> None:
        self._browser.model.show_seen(self._state.seen)
        self.marked.emit()

    def _see(self) -> None:
        if self._looking:
            self._state.see()
