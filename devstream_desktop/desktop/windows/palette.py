"""The command palette: a field that finds a command by any of its words."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QAction, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.desktop.commands import keys_text
from devstream_desktop.desktop.widgets.cells import calm
from devstream_desktop.desktop.widgets.dialog import Dialog
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.language import _

_ROWS = 9
_KEYS = Qt.ItemDataRole.UserRole + 1
_MARGIN = 8
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class _Rows(QStyledItemDelegate):
    """A command at the left, its keys at the right."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Return the size of a row with some air."""
        return QSize(super().sizeHint(option, index).width(), option.fontMetrics.height() + 8)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint the row, then its keys."""
        super().paint(painter, option, index)
        rect: QRect = option.rect
        painter.setPen(colour(Tone.MUTED, option.palette))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(rect.adjusted(0, 0, -_MARGIN, 0), flags, index.data(_KEYS))


class Palette(Dialog):
    """All commands that can be started now; Enter starts the chosen one."""

    def __init__(self, actions: Sequence[QAction], parent: QWidget | None = None) -> None:
        super().__init__(_("Commands"), parent)
        self._actions = list(actions)
        self.field = QLineEdit()
        self.field.setPlaceholderText(_("What do you want to do?"))
        self.field.setAccessibleName(_("Find a command"))
        self.list = QListWidget()
        self.list.setAccessibleName(_("Commands"))
        self.list.setItemDelegate(_Rows(self.list))
        calm(self.list)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 12, 12, 12)
        column.addWidget(self.field)
        column.addWidget(self.list)
        self.setMinimumWidth(420)
        self.list.setFixedHeight(_ROWS * (self.fontMetrics().height() + 8))
        self.field.textChanged.connect(self._show)
        self.field.returnPressed.connect(self._start)
        self.list.itemActivated.connect(self._start)
        self.list.itemClicked.connect(self._start)
        self.field.installEventFilter(self)
        self._show("")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Move in the list with the keys of the field."""
        if watched is self.field and isinstance(event, QKeyEvent) and event.key() in _MOVES:
            if event.type() is QEvent.Type.KeyPress:
                self.list.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def _show(self, text: str) -> None:
        words = text.casefold().split()
        self.list.clear()
        for action in self._actions:
            name = action.text()
            if all(word in name.casefold() for word in words):
                keys = keys_text(action)
                item = QListWidgetItem(name)
                item.setData(_KEYS, keys)
                item.setData(
                    Qt.ItemDataRole.AccessibleTextRole, f"{name}, {keys}" if keys else name
                )
                item.setData(Qt.ItemDataRole.UserRole, self._actions.index(action))
                self.list.addItem(item)
        self.list.setCurrentRow(0)

    def _start(self) -> None:
        if not self.list.count():
            return
        item = self.list.currentItem()
        action = self._actions[item.data(Qt.ItemDataRole.UserRole)]
        # Closed first: the command may open a window of its own, or end the app.
        self.accept()
        action.trigger()
