"""A hair line between two surfaces."""

from __future__ import annotations

from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QWidget

from devstream_desktop.desktop.widgets.theme import mix


class _Edge(QWidget):
    """One pixel in a colour between text and surface."""

    def paintEvent(self, _: QPaintEvent) -> None:
        """Fill the line."""
        palette = self.palette()
        text = palette.color(QPalette.ColorRole.WindowText)
        line = mix(text, palette.color(QPalette.ColorRole.Window), 0.12)
        QPainter(self).fillRect(self.rect(), line)


def edge(*, upright: bool = False) -> QWidget:
    """Make a line across, or one that stands upright."""
    line = _Edge()
    if upright:
        line.setFixedWidth(1)
    else:
        line.setFixedHeight(1)
    return line
