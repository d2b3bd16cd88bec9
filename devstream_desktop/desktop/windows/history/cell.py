"""The delegate that draws a cell: indented plain text, without a focus frame."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QApplication, QStyle, QStyledItemDelegate, QStyleOptionViewItem

PADDING = 10


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
        text = shown.fontMetrics.elidedText(shown.text, Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(
            inside,
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextSingleLine,
            text,
        )
        painter.restore()
