"""A small button that floats above a list, in the accent."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from devstream_desktop.desktop.widgets.theme import Tone, colour

_SIDE = 14
_ABOVE = 5


class Pill(QAbstractButton):
    """Text on an accent, rounded; it looks like no row beneath it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        font = self.font()
        font.setBold(True)
        self.setFont(font)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """Return the size of the text with room around it."""
        metrics = QFontMetrics(self.font())
        width = metrics.horizontalAdvance(self.text())
        return QSize(width + 2 * _SIDE, metrics.height() + 2 * _ABOVE)

    def paintEvent(self, _: QPaintEvent) -> None:
        """Paint the pill, with a rim between it and the rows."""
        palette = self.palette()
        base = palette.color(QPalette.ColorRole.Base)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inside = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        painter.setPen(QPen(base, 2))
        painter.setBrush(colour(Tone.ACCENT, palette))
        painter.drawRoundedRect(inside, inside.height() / 2, inside.height() / 2)
        # The surface on the accent has the contrast that the accent has on the surface.
        painter.setPen(base)
        painter.setFont(self.font())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
