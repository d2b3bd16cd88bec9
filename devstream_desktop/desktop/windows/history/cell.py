"""The delegate that draws a cell: a mark where there is one, and plain text, without a frame."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from devstream_desktop.desktop.widgets.look import StateLook
from devstream_desktop.desktop.widgets.marks import SIZE, paint_mark
from devstream_desktop.desktop.widgets.theme import colour
from devstream_desktop.desktop.windows.history.columns import LOOK_ROLE

PADDING = 10
MARK = SIZE + 8
"""Width of a mark and its distance from the text, in pixels."""


class CellDelegate(QStyledItemDelegate):
    """Draws as `QStyledItemDelegate`, indented, and never reads text as markup."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Have the style draw the background, and draw the text here."""
        # A copy, because Qt uses the option for the next cell too.
        shown = QStyleOptionViewItem(option)
        self.initStyleOption(shown, index)
        style = QApplication.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, shown, painter)
        selected = bool(shown.state & QStyle.StateFlag.State_Selected)
        # The model's colours would not be readable on the colour of the selection.
        role = QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text
        painter.save()
        painter.setFont(shown.font)
        painter.setPen(shown.palette.color(role))
        inside = shown.rect.adjusted(PADDING, 0, -PADDING // 2, 0)
        look = index.data(LOOK_ROLE)
        if isinstance(look, StateLook):
            palette = shown.palette
            paper = palette.color(
                QPalette.ColorRole.Highlight if selected else QPalette.ColorRole.Base
            )
            ink = palette.color(role) if selected else colour(look.tone, palette)
            top = inside.top() + (inside.height() - SIZE) / 2
            paint_mark(painter, look.shape, QRectF(inside.left(), top, SIZE, SIZE), ink, paper)
            inside.setLeft(inside.left() + MARK)
        text = shown.fontMetrics.elidedText(shown.text, Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(
            inside,
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine,
            text,
        )
        painter.restore()
