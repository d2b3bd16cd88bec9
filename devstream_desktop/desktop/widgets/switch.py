"""A switch: on or off, by place and colour."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from devstream_desktop.desktop.widgets.theme import Tone, colour, mix

_SIZE = QSize(38, 22)
_RING = 2


class Switch(QAbstractButton):
    """A checkable button that looks like a switch; its knob is at the right when on."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFixedSize(_SIZE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def sizeHint(self) -> QSize:
        """Return its one size."""
        return _SIZE

    def paintEvent(self, _: QPaintEvent) -> None:
        """Draw the switch, with a ring where the keyboard is."""
        palette = self.palette()
        base = palette.color(QPalette.ColorRole.Base)
        # Off is told by the outline and the place of the knob, not by a lack of colour.
        ink = colour(Tone.ACCENT if self.isChecked() else Tone.MUTED, palette)
        if not self.isEnabled():
            ink = mix(ink, base, 0.5)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        inside = QRectF(self.rect()).adjusted(_RING + 1, _RING + 1, -_RING - 1, -_RING - 1)
        painter.setPen(QPen(ink, 1.5))
        painter.setBrush(ink if self.isChecked() else base)
        painter.drawRoundedRect(inside, inside.height() / 2, inside.height() / 2)
        side = inside.height() - 6
        left = inside.right() - 3 - side if self.isChecked() else inside.left() + 3
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(base if self.isChecked() else ink)
        painter.drawEllipse(QRectF(left, inside.top() + 3, side, side))
        if self.hasFocus():
            ring = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
            painter.setPen(QPen(colour(Tone.ACCENT, palette), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(ring, ring.height() / 2, ring.height() / 2)
