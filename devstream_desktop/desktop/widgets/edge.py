"""Surfaces: a hair line between two, and one that shows what is behind it."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractScrollArea, QWidget

from devstream_desktop.desktop.widgets.theme import mix


class _Edge(QWidget):
    """One pixel in a colour between text and surface."""

    def paintEvent(self, _: QPaintEvent) -> None:
        """Fill the line."""
        palette = self.palette()
        text = palette.color(QPalette.ColorRole.WindowText)
        line = mix(text, palette.color(QPalette.ColorRole.Window), 0.12)
        painter = QPainter(self)
        # Not `fillRect`: its first use defines the 160 gradients that Qt names, 4 ms of a start.
        painter.setPen(line)
        painter.drawLine(self.rect().topLeft(), self.rect().bottomRight())


def edge(*, upright: bool = False) -> QWidget:
    """Make a line across, or one that stands upright."""
    line = _Edge()
    if upright:
        line.setFixedWidth(1)
    else:
        line.setFixedHeight(1)
    return line


def see_through(area: QAbstractScrollArea) -> None:
    """Have a scrolled area show what is behind it."""
    area.setViewport(QWidget())


def painted_ground(area: QAbstractScrollArea) -> None:
    """Give a scrolled area a ground of our own, painted as Qt's.

    Of its own Qt keeps the class to itself: at the first `viewport()` PySide makes the classes of
    all widgets to find it, which takes 10 ms of a start.
    """
    ground = QWidget()
    ground.setBackgroundRole(QPalette.ColorRole.Base)
    ground.setAutoFillBackground(True)
    area.setViewport(ground)
