"""Looks of lists, tables and trees: air between the columns, and a calm choice."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QSizePolicy,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from devstream_desktop.desktop.widgets.theme import Tone, tint

_CHOSEN = 0.16
"""Share of the accent in a chosen row."""
_GAP = 14
_HEIGHT = 8


class _AiryCells(QStyledItemDelegate):
    """Cells that ask for more room than their text."""

    def sizeHint(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        """Return the size of the text and of the air around it."""
        size = super().sizeHint(option, index)
        return QSize(size.width() + _GAP, option.fontMetrics.height() + _HEIGHT)


def has_keyboard(view: QAbstractItemView, index: QModelIndex | QPersistentModelIndex) -> bool:
    """Tell whether keys go to an item.

    As `is_chosen`, in place of `QStyle.StateFlag`: the first use of `QStyle` defines 560 constants,
    10 ms of a start.
    """
    return view.hasFocus() and view.currentIndex() == index


def is_chosen(view: QAbstractItemView, index: QModelIndex | QPersistentModelIndex) -> bool:
    """Tell whether an item is selected."""
    return view.selectionModel().isSelected(index)


def airy(view: QAbstractItemView) -> None:
    """Keep the words of neighbouring columns apart."""
    view.setItemDelegate(_AiryCells(view))


def calm(view: QAbstractItemView) -> None:
    """Make a list calm: its choice tinted, its height what is left."""
    palette = QPalette(view.palette())
    roles = QPalette.ColorRole
    palette.setColor(roles.Highlight, tint(Tone.ACCENT, palette, _CHOSEN))
    palette.setColor(roles.HighlightedText, palette.color(roles.Text))
    view.setPalette(palette)
    # The room that is left, not a height of its own that a small window would scroll by.
    view.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Ignored)
