"""A check box with a visible empty box, on dark windows too."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QCheckBox

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
            text = desktop.color(QPalette.ColorRole.WindowText)
            window = desktop.color(QPalette.ColorRole.Window)
            own.setColor(QPalette.ColorRole.Base, mix(text, window, FILLED))
        self.setPalette(own)
