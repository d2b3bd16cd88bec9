"""The page of the board: kept current while it is seen, with what can be done in a place."""

from __future__ import annotations

import time

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontMetrics, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QMenu, QStackedLayout, QVBoxLayout, QWidget

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.plain import menu_text
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.board.model import BoardModel
from devstream_desktop.desktop.windows.board.view import BoardView
from devstream_desktop.desktop.windows.board.wall import RedBand
from devstream_desktop.desktop.windows.deploy.actions import PROMOTE
from devstream_desktop.language import _
from devstream_desktop.stream.completion import quoted
from devstream_desktop.stream.thing import Board

_PAUSE_MS = 1_000
"""Events that arrive within it are one new look at the board."""
_AGES_MS = 30_000
"""Milliseconds after which ages are written anew, also where nothing happens."""
_WALL = (1.7, 3.0)
"""Size of the text on a wall, of the usual one: as large as the board leaves room for."""
_COLUMN = 14
"""Width of a place's words, in heights of a line."""


class BoardPage(QWidget):
    """The board, or the reason why it is empty."""

    opened = Signal(str)
    """The search for a place, to be shown in the stream."""
    deploy_chosen = Signal(object, str)
    """A `TargetStatus`, and empty, `rollback` or `PROMOTE`."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self.model = BoardModel()
        self.view = BoardView(self.model)
        self._usual = self.view.font()
        self._why = PlainLabel(wrap=True)
        self._why.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.red = RedBand()
        self._wall = False
        pages = QWidget()
        self._pages = QStackedLayout(pages)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.red)
        column.addWidget(pages, 1)
        self._pages.addWidget(self.view)
        self._pages.addWidget(self._empty())
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._timer.timeout.connect(self.refresh)
        self._ages = QTimer(self, interval=_AGES_MS)
        self._ages.timeout.connect(self.refresh)
        self.view.opened.connect(self._open)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self._wall_size = QTimer(self, singleShot=True, interval=0)
        self._wall_size.timeout.connect(self._write_large)
        state.recent_changed.connect(self._show_red)
        state.arrived.connect(self._begin)
        state.changed.connect(self._begin)
        state.history_replaced.connect(self._begin)

    def refresh(self) -> None:
        """Read the board anew, if somebody sees it."""
        if not self.isVisible():
            return
        mine, now = self._state.names, int(time.time() * 1000)
        self._state.history.ask(
            lambda reader: reader.board(mine=mine, now=now),
            self._show,
            owner=self,
            refuse=lambda reason: self._say(
                _("The board cannot be read: {reason}.").format(reason=reason)
            ),
            topic="board",
        )

    def enlarge(self, *, on: bool) -> None:
        """Write large below what is red, for a whole room; or as usual."""
        self._wall = on
        self.red.show_red(self._state.red if on else ())
        self._write_large()

    def _show_red(self) -> None:
        if self._wall:
            self.red.show_red(self._state.red)
            self._wall_size.start()

    def _write_large(self) -> None:
        """Choose the largest size in which everything has room."""
        font = QFont(self._usual)
        if self._wall:
            rows = self.model.rowCount() + 1
            usual = QFontMetrics(self._usual).height()
            # A place has two lines and air; one that is red now has one line above.
            lines = rows * 3.2 + len(self.red.lines) * 1.5 + 1
            columns = max(1, self.model.columnCount()) * _COLUMN * usual
            least, most = _WALL
            size = min(most, self.height() / (lines * usual), self.width() / columns)
            font.setPointSizeF(self._usual.pointSizeF() * max(least, size))
        self.red.setFont(font)
        self.view.setFont(font)
        self.view.resizeRowsToContents()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Follow the size of the wall."""
        super().resizeEvent(event)
        if self._wall:
            self._wall_size.start()

    def showEvent(self, event: QShowEvent) -> None:
        """Read the board as soon as it is seen."""
        super().showEvent(event)
        self.refresh()
        self._ages.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let the ages be."""
        super().hideEvent(event)
        self._ages.stop()

    def _show(self, board: Board) -> None:
        self.model.show_board(board)
        self._show_red()
        self._say(
            _("Nothing was deployed yet. What a deploy tool or an executor tells appears here.")
        )

    def _say(self, why: str) -> None:
        """Show the board, or `why` there is none."""
        self._why.setText(why)
        self._pages.setCurrentIndex(0 if self.model.rowCount() else 1)

    def _empty(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        title = heading(_("What runs where"))
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        paint(self._why, Tone.MUTED)
        column.addStretch(2)
        column.addWidget(title)
        column.addWidget(self._why)
        column.addStretch(3)
        return page

    def _begin(self) -> None:
        # Not restarted by each event, or a steady stream would never let it end.
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def _open(self, service: str, environment: str) -> None:
        place = f" env:{quoted(environment)}" if environment else ""
        self.opened.emit(f"service:{quoted(service)}{place}")

    def _show_menu(self, at: QPoint) -> None:
        index = self.view.indexAt(at)
        if index.isValid():
            self.menu_of(index).popup(self.view.viewport().mapToGlobal(at))

    def menu_of(self, index: QModelIndex) -> QMenu:
        """Make the menu of a cell; it is deleted when it is closed."""
        service, environment = self.model.place(index)
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(_("Show what happened there"), lambda: self._open(service, environment))
        target = self._state.target(service, environment)
        if target is not None:
            where = menu_text(target.environment)
            deploy = menu.addAction(_("Deploy to {environment}…").format(environment=where))
            deploy.triggered.connect(lambda: self.deploy_chosen.emit(target, ""))
            promote = menu.addAction(_("Promote to {environment}…").format(environment=where))
            promote.triggered.connect(lambda: self.deploy_chosen.emit(target, PROMOTE))
            # With one environment there is none before it.
            places = [one for one in self._state.targets.targets if one.target == target.target]
            promote.setVisible(len(places) > 1)
            back = menu.addAction(_("Roll back in {environment}…").format(environment=where))
            back.triggered.connect(lambda: self.deploy_chosen.emit(target, "rollback"))
            for action in (deploy, promote, back):
                action.setEnabled(target.allowed)
        return menu
