"""The pages of the window, of which one is shown: the stream, the board, and the hand-over."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QStackedLayout, QWidget

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.language import N_

if TYPE_CHECKING:
    from devstream_desktop.desktop.windows.board.page import BoardPage
    from devstream_desktop.desktop.windows.hand_over import HandOverPage


class Page(Enum):
    """The pages of the window, by their buttons' English names."""

    STREAM = N_("Stream")
    BOARD = N_("Board")
    HAND_OVER = N_("Hand-over")


class Pages(QStackedLayout):
    """The stream, and the pages beside it."""

    turned = Signal(object)
    """The `Page` that is shown now."""
    selected = Signal()
    """Another row of the hand-over is selected, or none."""
    search_chosen = Signal(str)
    """A search to be shown in the stream."""
    line_chosen = Signal(object)
    """A line to be shown in the stream."""
    deploy_chosen = Signal(object, str)
    """A `TargetStatus`, and empty, `rollback` or `PROMOTE`."""

    def __init__(self, state: AppState, stream: QWidget) -> None:
        super().__init__()
        self._state = state
        self._stream = stream
        self.page = Page.STREAM
        """The page that is shown."""
        self.addWidget(stream)

    def turn_to(self, page: Page) -> None:
        """Show one of the pages; those that come into view read themselves."""
        self.page = page
        if page is Page.BOARD:
            self.setCurrentWidget(self.board)
            self.board.view.setFocus()
        elif page is Page.HAND_OVER:
            self.setCurrentWidget(self.hand_over)
            self.hand_over.list.setFocus()
        else:
            self.setCurrentWidget(self._stream)
        self.turned.emit(page)

    # The other pages are imported and made when first wanted: the stream is what the window
    # opens with.
    @cached_property
    def board(self) -> BoardPage:
        """The page of the board."""
        from devstream_desktop.desktop.windows.board.page import BoardPage

        page = BoardPage(self._state)
        page.opened.connect(self.search_chosen)
        page.deploy_chosen.connect(self.deploy_chosen)
        self.addWidget(page)
        return page

    @cached_property
    def hand_over(self) -> HandOverPage:
        """The page of the hand-over."""
        from devstream_desktop.desktop.windows.hand_over import HandOverPage

        page = HandOverPage(self._state)
        page.line_chosen.connect(self.line_chosen)
        page.selected.connect(self.selected)
        self.addWidget(page)
        return page
