"""The table of rows.

It keeps what a person reads in place while new rows come in above, and says how many came.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QItemSelection, QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QPushButton, QTableView, QWidget

from devstream_desktop.desktop.windows.history.cell import MARK, PADDING, CellDelegate
from devstream_desktop.desktop.windows.history.columns import Column
from devstream_desktop.desktop.windows.history.model import HistoryModel
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import OUTCOMES

_SAMPLES = {
    Column.TIME: "yesterday 23:59",
    Column.SERVICE: "checkout-api ",
    Column.ENVIRONMENT: "production ",
}


class HistoryTable(QTableView):
    """Rows, newest first, of which one can be selected."""

    opened = Signal(object)
    """The line whose link to open, after Enter or a double click."""
    chosen = Signal(object)
    """The selected `Line`, or None."""
    escaped = Signal()

    def __init__(self, model: HistoryModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._missed = 0
        self._anchor = 0
        self.setModel(model)
        self.setItemDelegate(CellDelegate(self))
        self.setAccessibleName("History, newest first")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        # Tab leaves the table, and the arrow keys move in it.
        self.setTabKeyNavigation(False)
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self._size_cells()
        self.pill = QPushButton(self)
        self.pill.setCursor(Qt.CursorShape.PointingHandCursor)
        # With the keyboard, Ctrl+Home goes there.
        self.pill.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.pill.hide()
        self.pill.clicked.connect(self.to_top)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.doubleClicked.connect(lambda index: self.opened.emit(model.line(index.row())))
        model.rowsAboutToBeInserted.connect(self._before_insert)
        model.rowsInserted.connect(self._after_insert)
        model.modelReset.connect(self._forget_missed)

    def _size_cells(self) -> None:
        metrics = QFontMetrics(self.font())
        rows = self.verticalHeader()
        rows.hide()
        # Fixed heights, because measuring each row costs more than drawing it.
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(metrics.height() + 10)
        columns = self.horizontalHeader()
        columns.setHighlightSections(False)
        columns.setStretchLastSection(True)
        columns.setMinimumSectionSize(60)
        for column, sample in _SAMPLES.items():
            self.setColumnWidth(column, metrics.horizontalAdvance(sample) + 2 * PADDING)
        # The state is never cut, also where it is red and bold.
        font = self.font()
        font.setBold(True)
        bold = QFontMetrics(font)
        widest = max(bold.horizontalAdvance(word) for word in OUTCOMES)
        self.setColumnWidth(Column.STATE, MARK + widest + 2 * PADDING)

    def current_line(self) -> Line | None:
        """Return the selected line, if there is one."""
        rows = self.selectionModel().selectedRows()
        return self._model.line(rows[0].row()) if rows else None

    def select(self, row: int) -> None:
        """Select a row and bring it into view."""
        self.selectRow(row)
        self.scrollTo(
            self._model.index(row, Column.WHAT), QAbstractItemView.ScrollHint.PositionAtCenter
        )

    def to_top(self) -> None:
        """Scroll to the new rows."""
        self.scrollToTop()

    @property
    def at_top(self) -> bool:
        return self.verticalScrollBar().value() == 0

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Emit the newly selected line."""
        super().selectionChanged(selected, deselected)
        self.chosen.emit(self.current_line())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open the link on Enter, and pass Esc on to the window."""
        line = self.current_line()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and line is not None:
            self.opened.emit(line)
        elif event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the pill in the middle."""
        super().resizeEvent(event)
        self._place_pill()

    def changeEvent(self, event: QEvent) -> None:
        """Draw the rows again in a new palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    def _before_insert(self, _: QModelIndex, first: int, last: int) -> None:  # noqa: ARG002 - Qt gives it
        self._anchor = self.verticalScrollBar().value()

    def _after_insert(self, _: QModelIndex, first: int, last: int) -> None:
        # At the top the new rows are seen as they come; below the view they move nothing.
        if self._anchor == 0 or first > self._anchor:
            return
        # The view stays at its row number, so without this the text would slide down by as many
        # rows as came above it.
        count = last - first + 1
        # The scroll bar learns its new range here; it would cut the value to the old one.
        self.updateGeometries()
        self.verticalScrollBar().setValue(self._anchor + count)
        self._missed += count
        self.pill.setText(f"↑ {self._missed} new")
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
        top = self.horizontalHeader().height() + 8
        self.pill.move(QPoint((self.width() - self.pill.width()) // 2, top))
