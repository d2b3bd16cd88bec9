"""The list of items.

It keeps what a person reads in place while new items come in above, and says how many came.
"""

from __future__ import annotations

import msgspec
from PySide6.QtCore import QEvent, QItemSelection, QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from devstream_desktop.desktop.widgets.edge import painted_ground
from devstream_desktop.desktop.widgets.pill import Pill
from devstream_desktop.desktop.windows.history.delegate import ItemDelegate
from devstream_desktop.desktop.windows.history.items import Heading, Pinned
from devstream_desktop.desktop.windows.history.model import StreamModel
from devstream_desktop.language import _, ngettext
from devstream_desktop.stream.subject import Line

_LOOKED_AT = 50
"""Items in view among which a steady one is looked for."""


class _Anchor(msgspec.Struct, frozen=True):
    """An item that keeps its place in view."""

    key: str
    row: int
    top: int
    """Pixels below the upper edge of the view."""


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
        self._anchor: _Anchor | None = None
        self._moved = False
        """Items above the anchor changed."""
        self._chosen = ""
        self._to_end = False
        """The oldest items were asked for."""
        painted_ground(self)
        self.setModel(model)
        self._delegate = ItemDelegate(model, self)
        self._delegate.use(self.font())
        self.setItemDelegate(self._delegate)
        self.setAccessibleName(_("History, newest first"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.pill = Pill(self)
        # With the keyboard, Home and the command for the newest lines go there.
        self.pill.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.pill.hide()
        self.pill.clicked.connect(self.to_top)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)
        self.doubleClicked.connect(self._double_clicked)
        model.about_to_change.connect(self._before_change)
        model.rowsInserted.connect(self._items_changed)
        model.rowsRemoved.connect(self._items_changed)
        model.changed.connect(self._after_change)
        model.modelReset.connect(self._after_reset)

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
        """Go to the newest items."""
        if self._model.has_newer:
            self._model.reload()
        self.scrollToTop()

    def to_bottom(self) -> None:
        """Go to the oldest items."""
        self._to_end = True
        self._model.to_oldest()

    @property
    def at_top(self) -> bool:
        """True while the newest item is in view."""
        return self.verticalScrollBar().value() == 0 and not self._model.has_newer

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
        elif event.key() == Qt.Key.Key_Home:
            self.to_top()
        elif event.key() == Qt.Key.Key_End:
            self.to_bottom()
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
        # At the top, new items are seen as they come.
        self._anchor = None if self.at_top else self._first_in_place()
        self._moved = False

    def _after_change(self, came: int) -> None:
        # An item that moved was taken out, and its selection with it.
        if self._chosen and not self.selectionModel().hasSelection():
            row = self._model.find_key(self._chosen)
            if row is not None:
                self.setCurrentIndex(self._model.index(row))
        # Below, as where an older page comes, nothing is laid out before it is painted.
        if self._anchor is not None and self._moved:
            self._scroll_back(self._anchor)
        if came and not self.at_top:
            self._missed += came
            self.pill.setText(_("↑ {count} new").format(count=self._missed))
            above = ngettext(
                "{count} new line above; press to go there",
                "{count} new lines above; press to go there",
                self._missed,
            )
            self.pill.setAccessibleName(above.format(count=self._missed))
            self._place_pill()
            self.pill.show()

        self._read_above()
        # In a turn of its own: each of both lays all items out anew.
        QTimer.singleShot(0, self, self._drop_far)

    def _items_changed(self, _: QModelIndex, first: int, __: int) -> None:
        self._moved |= self._anchor is not None and first <= self._anchor.row

    def _first_in_place(self) -> _Anchor | None:
        """Return the first steady item in view."""
        first = self.indexAt(QPoint(1, 1))
        if not first.isValid():
            return None
        last = min(self._model.rowCount(), first.row() + _LOOKED_AT)
        for row in range(first.row(), last):
            item = self._model.item(row)
            # A heading stays the first of its day, and what is pinned the first of all.
            if not isinstance(item, (Heading, Pinned)):
                return _Anchor(item.key, row, self.visualRect(self._model.index(row)).top())
        return None

    def _scroll_back(self, anchor: _Anchor) -> None:
        """Put an item where it was."""
        row = self._model.find_key(anchor.key)
        if row is not None:
            self.executeDelayedItemsLayout()
            now = self.visualRect(self._model.index(row)).top()
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + now - anchor.top)

    def _after_reset(self) -> None:
        self._forget_missed()
        if self._to_end:
            self._to_end = False
            self.scrollToBottom()

    def _drop_far(self) -> None:
        first = self.indexAt(QPoint(1, 1))
        last = self.indexAt(QPoint(1, self.viewport().height() - 1))
        if first.isValid():
            self._model.keep_near(
                first.row(), last.row() if last.isValid() else self._model.rowCount()
            )

    def _scrolled(self) -> None:
        self._read_above()
        if self.at_top:
            self._forget_missed()

    def _read_above(self) -> None:
        # Below, Qt asks by itself when the last row comes into view.
        if self.verticalScrollBar().value() < self.viewport().height():
            self._model.fetch_newer()

    def _forget_missed(self) -> None:
        self._missed = 0
        self.pill.hide()

    def _place_pill(self) -> None:
        self.pill.adjustSize()
        self.pill.move(QPoint((self.width() - self.pill.width()) // 2, 8))
