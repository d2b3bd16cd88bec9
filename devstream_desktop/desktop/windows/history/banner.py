"""The bar above the rows while the keyring is locked: what the node waits for, and the one thing to do about it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QGuiApplication, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone, tint
from devstream_desktop.stream.text import clean

_ICON = 22


class LockedBanner(QFrame):
    """Hidden while there is nothing to say."""

    unlock_chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAutoFillBackground(True)
        picture = PlainLabel()
        picture.setPixmap(icon(Mark.LOCKED).pixmap(_ICON, _ICON))
        self.text = PlainLabel(wrap=True)
        self.unlock = QPushButton("&Unlock…")
        self.unlock.setAutoDefault(False)
        self.unlock.clicked.connect(self.unlock_chosen)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 12, 7)
        row.setSpacing(10)
        row.addWidget(picture)
        row.addWidget(self.text, 1)
        row.addWidget(self.unlock)
        self._paint_frame()
        self.hide()

    def show_locked(self, locked: str) -> None:
        """Show what the node waits for; nothing where it does not."""
        text = f"Locked: {clean(locked, 300)}. What is here can be read; nothing new comes in." if locked else ""
        if text != self.text.text():
            self.text.setText(text)
            self.setAccessibleName(text)
        self.setVisible(bool(locked))

    def changeEvent(self, event: QEvent) -> None:
        """Another palette: the tint is made from it."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self._paint_frame()

    def _paint_frame(self) -> None:
        palette = QPalette(QGuiApplication.palette())
        palette.setColor(QPalette.ColorRole.Window, tint(Tone.AMBER, palette))
        self.setPalette(palette)
