"""The board on the screen."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from devstream_desktop.desktop.widgets.marks import paint_mark
from devstream_desktop.desktop.widgets.theme import Tone, colour, mix, tint
from devstream_desktop.desktop.windows.board.model import TEXT_ROLE, BoardModel
from devstream_desktop.desktop.windows.board.texts import CellText, Part
from devstream_desktop.language import _

_PADDING = 12
_GAP = 8
_SMALL = 0.92
_LEAST_COLUMN = 130
"""So that four fit the narrowest window."""
_LEAST_WORD = 48
"""Room below which a part says nothing: it is left out, with its mark."""


class BoardView(QTableView):
    """Services by environments; a cell leads to what happened there."""

    opened = Signal(str, str)
    """Service and environment of the cell that was opened."""

    def __init__(self, model: BoardModel) -> None:
        super().__init__()
        self._model = model
        self.setModel(model)
        self.setItemDelegate(_CellDelegate(self))
        self.setAccessibleName(_("Board: services by environments"))
        self.setFrameShape(QTableView.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.setHorizontalHeader(_Header(self))
        columns = self.horizontalHeader()
        columns.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        columns.setMinimumSectionSize(_LEAST_COLUMN)
        columns.setHighlightSections(False)
        columns.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.doubleClicked.connect(self._open)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Open a cell on Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self._open(self.currentIndex())
        else:
            super().keyPressEvent(event)

    def _open(self, index: QModelIndex) -> None:
        self.opened.emit(*self._model.place(index))


class _Header(QHeaderView):
    """The names of the columns, above the text of the cells."""

    def __init__(self, view: QTableView) -> None:
        super().__init__(Qt.Orientation.Horizontal, view)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setSectionsClickable(False)

    def sizeHint(self) -> QSize:
        """Return the height of an airy line."""
        return QSize(super().sizeHint().width(), self.fontMetrics().height() + _PADDING)

    def paintSection(self, painter: QPainter, rect: QRect, logicalIndex: int) -> None:  # noqa: N803 - Qt's name
        """Paint one name, calm as the rows below it."""
        palette, font = self.palette(), _smaller(self.font())
        base = palette.color(QPalette.ColorRole.Base)
        font.setBold(True)
        painter.save()
        painter.fillRect(rect, palette.color(QPalette.ColorRole.Window))
        painter.setPen(mix(colour(Tone.MUTED, palette), base, 0.25))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        painter.setFont(font)
        painter.setPen(colour(Tone.MUTED, palette))
        name = str(self.model().headerData(logicalIndex, Qt.Orientation.Horizontal))
        inside = rect.adjusted(_PADDING, 0, -_PADDING, 0)
        said = QFontMetrics(font).elidedText(name, self.textElideMode(), inside.width())
        painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, said)
        painter.restore()


class _CellDelegate(QStyledItemDelegate):
    """Paints a cell: two lines of parts, tinted where something is red."""

    def sizeHint(
        self,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,  # noqa: ARG002 - Qt gives it
    ) -> QSize:
        """Return room for two lines."""
        first, second = QFontMetrics(option.font), QFontMetrics(_smaller(option.font))
        return QSize(_LEAST_COLUMN, first.height() + second.height() + 2 * _PADDING)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        """Paint one cell."""
        text: CellText = index.data(TEXT_ROLE)
        palette, rect = option.palette, QRect(option.rect)
        base = palette.color(QPalette.ColorRole.Base)
        paper = tint(Tone.RED, palette) if text.red else base
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipRect(rect)
        painter.fillRect(rect, paper)
        painter.setPen(mix(colour(Tone.MUTED, palette), base, 0.25))
        painter.drawLine(rect.bottomLeft(), rect.bottomRight())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(colour(Tone.ACCENT, palette))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))
        top = rect.top() + _PADDING
        inside = rect.adjusted(_PADDING, 0, -_PADDING, 0)
        _write(painter, text.first, inside, top, option.font, palette)
        top += QFontMetrics(option.font).height() + 2
        _write(painter, text.second, inside, top, _smaller(option.font), palette)
        painter.restore()


def _smaller(font: QFont) -> QFont:
    small = QFont(font)
    small.setPointSizeF(font.pointSizeF() * _SMALL)
    return small


def _write(
    painter: QPainter,
    parts: tuple[Part, ...],
    inside: QRect,
    top: int,
    font: QFont,
    palette: QPalette,
) -> None:
    left, paper = inside.left(), palette.color(QPalette.ColorRole.Base)
    for part in fitting(parts, inside.width(), font):
        shown = _font_of(part, font)
        metrics = QFontMetrics(shown)
        if part.look is not None:
            side = metrics.ascent() + 2
            place = QRectF(left, top + (metrics.height() - side) / 2, side, side)
            ink = colour(part.look.tone, palette)
            paint_mark(painter, part.look.shape, place, ink, paper)
            left += side + 4
        room = inside.right() - left
        said = metrics.elidedText(part.text, Qt.TextElideMode.ElideRight, room)
        painter.setFont(shown)
        painter.setPen(colour(part.tone, palette))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.drawText(QRect(left, top, room, metrics.height()), flags, said)
        left += metrics.horizontalAdvance(said) + _GAP


def fitting(parts: tuple[Part, ...], width: int, font: QFont) -> tuple[Part, ...]:
    """Return the parts that have room; the last of them may be cut.

    What has none is left out with all after it: a mark without its words would say nothing.
    """
    left = width
    for at, part in enumerate(parts):
        metrics = QFontMetrics(_font_of(part, font))
        mark = metrics.ascent() + 6 if part.look is not None else 0
        whole = mark + metrics.horizontalAdvance(part.text)
        if at and left < min(_LEAST_WORD, whole):
            return parts[:at]
        left -= whole + _GAP
    return parts


def _font_of(part: Part, font: QFont) -> QFont:
    shown = QFont(font)
    shown.setBold(part.bold)
    return shown
