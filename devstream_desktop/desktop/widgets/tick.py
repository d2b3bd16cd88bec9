"""A check box with a visible empty box, on dark windows too."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from devstream_desktop.desktop.widgets.theme import is_dark, mix

FILLED = 0.4
"""Share of the text's colour in an empty box: 3:1 against the window (WCAG 2.2, 1.4.11)."""


class Tick(QCheckBox):
    """A check box with a lighter box on dark palettes; some styles draw it as dark as the rest."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._fill()

    def changeEvent(self, event: QEvent) -> None:
        """Follow another palette."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self._fill()

    def _fill(self) -> None:
        desktop, own = QApplication.palette(), QPalette()
        if is_dark(desktop):
            own.setColor(QPalette.ColorRole.Base, _box(desktop))
        self.setPalette(own)


class TickedRows(QStyledItemDelegate):
    """Rows of a list with boxes as those of `Tick`."""

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        """Give the box a colour of its own; the list has painted its paper already."""
        super().initStyleOption(option, index)
        palette: QPalette = option.palette
        if is_dark(palette):
            palette.setColor(QPalette.ColorRole.Base, _box(palette))
            option.palette = palette


def _box(palette: QPalette) -> QColor:
    """Return the colour of an empty box on a dark window."""
    text = palette.color(QPalette.ColorRole.WindowText)
    return mix(text, palette.color(QPalette.ColorRole.Window), FILLED)
