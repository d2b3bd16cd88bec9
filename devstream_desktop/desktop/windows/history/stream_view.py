"""The list of items.

It keeps what a person reads in place while new items come in above, and says how many came.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelection, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QPushButton, QWidget

from devstream_desktop.desktop.windows.history.delegate import ItemDelegate
from devstream_desktop.desktop.windows.history.items import Heading
from devstream_desktop.desktop.windows.history.model import StreamModel
from devstream_desktop.stream.subject import Line


class StreamView(QListView):
    """Items, newest first, of which one can be selected."""

    opened = Signal(object)
    """The line whose link to open, after Enter or a double click."""
    chosen = Signal(object)
    """The selected `Line`, or None."""
    escaped = Signal()

    def __init__(self, model: StreamModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._missed = 0
        self._anchor: tuple[str, int] | None = None
        self._chosen = ""
        self.setModel(model)
        self._delegate = ItemDelegate(self)
        self._delegate.use(self.font())
        self.setItemDelegate(self._delegate)
        self.setAccessibleName("History, newest first")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.pill = QPushButton(self)
        self.pill.setCursor(Qt.CursorShape.PointingHandCursor)
        # With the keyboard, Home and the command for the newest lines go there.
        self.pill.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.pill.hide()
        self.pill.clicked.connect(self.to_top)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.doubleClicked.connect(self._double_clicked)
        model.about_to_change.connect(self._before_change)
        model.changed.connect(self._after_change)
        model.modelReset.connect(self._forget_missed)

    def current_line(self) -> Line | None:
        """Return the selected line, if there is one."""
        rows = self.selectionModel().selectedRows()
        return self._model.line(rows[0].row()) if rows else None

    def select(self, row: int) -> None:
        """Select an item and bring it into view."""
        index = self._model.index(row)
        self.setCurrentIndex(index)
        self.scrollTo(index, QAbstractItemView.ScrollHint.PositionAtCenter)

    def select_first(self) -> None:
        """Select the newest item."""
        for row in range(self._model.rowCount()):
            if not isinstance(self._model.item(row), Heading):
                self.select(row)
                return

    def toggle(self) -> None:
        """Unfold the selected item, or fold it again."""
        if self.current_line() is not None:
            self._model.toggle(self.currentIndex().row())

    def to_top(self) -> None:
        """Scroll to the new items."""
        self.scrollToTop()

    @property
    def at_top(self) -> bool:
        return self.verticalScrollBar().value() == 0

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Emit the newly selected line."""
        super().selectionChanged(selected, deselected)
        self.chosen.emit(self.current_line())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open links on Enter, unfold by the arrows, pass Esc on."""
        line = self.current_line()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and line is not None:
            self.opened.emit(line)
        elif event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and line is not None:
            self.toggle()
        elif event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the pill in the middle."""
        super().resizeEvent(event)
        self._place_pill()

    def changeEvent(self, event: QEvent) -> None:
        """Paint again in a new palette, and measure a new font."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._delegate.use(self.font())
            self.scheduleDelayedItemsLayout()
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    def _double_clicked(self, index: QModelIndex) -> None:
        line = self._model.line(index.row())
        if line is not None:
            self.opened.emit(line)

    def _before_change(self) -> None:
        rows = self.selectionModel().selectedRows()
        self._chosen = self._model.item(rows[0].row()).key if rows else ""
        first = self.indexAt(QPoint(1, 1))
        self._anchor = None
        # At the top, new items are seen as they come.
        if not self.at_top and first.isValid():
            self._anchor = self._model.item(first.row()).key, self.visualRect(first).top()

    def _after_change(self, came: int) -> None:
        # An item that moved was taken out, and its selection with it.
        if self._chosen and not self.selectionModel().hasSelection():
            row = self._model.find_key(self._chosen)
            if row is not None:
                self.setCurrentIndex(self._model.index(row))
        if self._anchor is None:
            return
        key, top = self._anchor
        row = self._model.find_key(key)
        if row is not None:
            self.executeDelayedItemsLayout()
            now = self.visualRect(self._model.index(row)).top()
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + now - top)
        if came:
            self._missed += came
            self.pill.setText(f"↑ {self._missed} new")
            lines = "1 new line" if self._missed == 1 else f"{self._missed} new lines"
            self.pill.setAccessibleName(f"{lines} above; press to go there")
            self._place_pill()
            self.pill.show()

    def _scrolled(self, value: int) -> None:
        if value == 0:
            self._forget_missed()

    def _forget_missed(self) -> None:
        self._missed = 0
        self.pill.hide()

    def _place_pill(self) -> None:
        self.pill.adjustSize()
        self.pill.move(QPoint((self.width() - self.pill.width()) // 2, 8))
